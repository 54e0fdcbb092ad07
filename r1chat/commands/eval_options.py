"""The options of `r1chat eval`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from r1chat.commands.options import (
    add_format,
    add_section,
    real,
    value_of,
    whole,
)
from r1chat.reasoning.phrases import STEPS_BOXED

_MOST_SAMPLES = 1024
_MOST_QUESTIONS = 100_000
_MOST_SEED = 2**31 - 1
_MOST_SECONDS = 24 * 3600.0


def add_eval(parser: argparse.ArgumentParser) -> None:
    """Adds what `r1chat eval` takes."""
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        default="tiny",
        help='JSON lines, each with a "problem" or "question" and an "answer" or a "solution" with '
        'a \\boxed{}; default: "tiny", 300 built-in questions for the built-in model',
    )
    _add_model(parser)
    _add_plan(parser)
    _add_sampling(parser)
    _add_output(parser)
    _add_results(parser)


def _add_model(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("model").add_argument
    add_section(add, "model")


def _add_plan(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("what is asked").add_argument
    add(
        "-b",
        "--budgets",
        metavar="B,…",
        type=_several(value_of("budget")),
        help='thinking budgets, a row of the table each: "off", tokens, seconds ("30s"), "auto", '
        '"max"; default: four to six, by the size of the model',
    )
    add(
        "--think",
        metavar="auto|on|off,…",
        type=_several(value_of("think")),
        help="whether a model that does not think by itself is asked to think first; on,off "
        "compares both: the rows, and the difference to its plain answer; default: what the "
        "settings say, else auto",
    )
    add(
        "--think-language",
        metavar="CODE,…",
        type=_several(_language),
        help="the language that thoughts are opened in by a few words, a row each; none leaves it "
        "to the model: none,de shows what German costs",
    )
    add(
        "--min-think",
        metavar="N,…",
        type=_several(value_of("min_think")),
        default=[],
        help='more rows: the budget "max" with at least N tokens of thought',
    )
    add(
        "-n",
        "--samples",
        metavar="K",
        type=whole(1, _MOST_SAMPLES),
        default=1,
        help="replies to each question, drawn side by side; from 2 on the majority is counted too",
    )
    add(
        "--seed",
        metavar="N,…",
        type=_several(whole(0, _MOST_SEED)),
        default=[0],
        help="K samples are drawn for each; default: 0",
    )
    add(
        "--limit",
        metavar="N",
        type=whole(1, _MOST_QUESTIONS),
        help="ask the first N questions only",
    )
    add(
        "--steer",
        metavar="FILE",
        help="do to each thought what this file of JSON lines says, plant a wrong value or write a "
        'hint, and count how often the answer changes; "default" is built in',
    )
    add("--skip-bad", action="store_true", help="leave out lines that cannot be used")
    add(
        "--words",
        metavar="TEXT",
        help=f'put behind each question; default: "{STEPS_BOXED}", and nothing for the built-in '
        "model",
    )


def _add_sampling(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("sampling").add_argument
    add_section(add, "sampling")
    add(
        "--timeout",
        metavar="S",
        type=real(0, _MOST_SECONDS, above=True),
        help="seconds for a whole reply, or for K side by side; default: none",
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("output").add_argument
    add(
        "-o",
        "--out",
        metavar="PATH",
        help="where every sample is kept, so that the same command resumes where it was stopped; "
        "default: FILE with .results.jsonl in the place of .jsonl; with --export, what is written",
    )
    add_format(add)
    add("--png", metavar="PATH", help="draw accuracy against budget into this file, too")


def _add_results(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what was drawn (no model is loaded)")
    which = ("wrong", "right", "all")
    group.add_argument(
        "--force", action="store_true", help="with --export: overwrite a file that is there"
    )
    add = group.add_mutually_exclusive_group().add_argument
    add(
        "--show",
        choices=which,
        help="page through the replies to FILE that were judged so: thought, answer and reference "
        "side by side; -b and -m choose among them",
    )
    add(
        "--compare",
        nargs=2,
        metavar=("A", "B"),
        help="compare two result files: the paired difference with its interval, and the questions "
        "that flipped",
    )
    add(
        "--export",
        choices=which,
        help="write these replies into the file that -o names, as chat messages with <think>",
    )


def _language(text: str) -> object:
    return None if text == "none" else value_of("think_language")(text)


def _several(read: Callable[[str], object]) -> Callable[[str], list[object]]:
    """Reads values with commas between them; each counts once."""

    def values(text: str) -> list[object]:
        return list(dict.fromkeys(read(part.strip()) for part in text.split(",")))

    return values
