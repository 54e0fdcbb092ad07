"""The options of the verbs, checked at the border."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from typing import TypeVar

from r1chat import limits
from r1chat.limits import LIMITS
from r1chat.reasoning.budget import Budget
from r1chat.sanitize import line_breaks

T = TypeVar("T")

SHELLS = ("bash", "zsh", "fish")
_MOST_SECONDS = 7 * 24 * 3600.0
_MOST_APPS = 256
_LAST_PORT = 65535
_MODEL = (
    '"tiny" (built in), a distill ("r1:7b"), "owner/repo:QUANT" on the Hub, the path of a .gguf '
    "file, or a server's model (http://host:port/v1#model, NAME#model); `r1chat models` and "
    "`r1chat servers` list them"
)
# llama.cpp takes the largest 32-bit number as "any seed".
_LARGEST_SEED = 2**32 - 2


def whole(least: int, most: int) -> Callable[[str], int]:
    """Reads whole numbers within limits."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            message = f"{text!r} is not a whole number"
            raise argparse.ArgumentTypeError(message) from None
        if not least <= value <= most:
            message = f"{value} is not between {least} and {most}"
            raise argparse.ArgumentTypeError(message)
        return value

    return read


def real(least: float, most: float, *, above: bool = False) -> Callable[[str], float]:
    """Reads numbers within limits.

    Args:
        least: The lower limit.
        most: The upper limit.
        above: Whether the lower limit itself is too little.
    """

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            message = f"{text!r} is not a number"
            raise argparse.ArgumentTypeError(message) from None
        enough = value > least if above else value >= least
        if not math.isfinite(value) or not enough or value > most:
            low = f"above {least:g}" if above else f"at least {least:g}"
            message = f"{text} is not {low} and at most {most:g}"
            raise argparse.ArgumentTypeError(message)
        return value

    return read


count = whole(1, 1_000_000)
"""Reads how many of something are wanted."""


def whole_of(name: str) -> Callable[[str], int]:
    """Reads what the setting of that name may be."""
    within = LIMITS[name]
    return whole(int(within.least), int(within.most))


def real_of(name: str) -> Callable[[str], float]:
    """Reads what the setting of that name may be."""
    within = LIMITS[name]
    return real(within.least, within.most, above=within.above)


def budget(text: str) -> str:
    """Checks a budget, which is kept as text until the minimum is known too."""
    _said(Budget.parse)(text)
    return text


def actions_of(parser: argparse.ArgumentParser) -> Callable[[str, str], argparse.ArgumentParser]:
    """Gives a verb actions, one of which must be named.

    Returns:
        What adds one: by its name, and what it is for.
    """
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)

    def action(name: str, purpose: str) -> argparse.ArgumentParser:
        return actions.add_parser(
            name,
            help=purpose,
            description=f"{purpose[0].upper()}{purpose[1:]}.",
            allow_abbrev=False,
        )

    return action


def add_format(add: Callable[..., object]) -> None:
    """Adds the choice between text for people and JSON for scripts.

    Args:
        add: A parser's or a group's `add_argument`.
    """
    add("--format", choices=("text", "json"), default="text", help="default: text")


def add_ask(parser: argparse.ArgumentParser) -> None:
    """Adds what `r1chat ask` takes."""
    parser.add_argument(
        "question",
        metavar="QUESTION",
        nargs="?",
        help='the question; without it, or with "-", it is read from stdin. With a QUESTION, what '
        "comes in through a pipe or a redirected file is attached to it",
    )
    _add_model(parser)
    _add_question(parser)
    _add_thinking(parser)
    _add_sampling(parser)
    _add_output(parser)
    _add_history(parser)


def _add_model(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("model")
    add = group.add_argument
    add("-m", "--model", metavar="REF", help=_MODEL)
    add(
        "--ctx",
        metavar="N",
        type=whole_of("ctx"),
        help="tokens of context; default: what the model was made for, as far as memory allows",
    )
    add(
        "--threads",
        metavar="N",
        type=whole_of("threads"),
        help="threads; default: all usable cores but one, and fewer while others use them; all of "
        "them to read a prompt",
    )
    add_gpu(add)
    add_draft(add)
    add(
        "--no-reuse",
        action="store_true",
        help="read the whole prompt anew, so that a seeded reply is the same to the bit",
    )


def add_draft(add: Callable[..., object]) -> None:
    """Adds the model that drafts."""
    add(
        "--draft",
        metavar="REF",
        help="a smaller model of the same family, to guess tokens that the larger one verifies "
        "several at a time; changes no word, and is used only as far as it makes replies faster",
    )


def add_gpu(add: Callable[..., object], prefix: str = "") -> None:
    """Adds what goes onto GPUs.

    Args:
        add: A parser's or a group's `add_argument`.
        prefix: Of the names of the values.
    """
    add(
        "--gpu-layers",
        metavar="N",
        dest=f"{prefix}gpu_layers",
        type=_said(limits.gpu_layers),
        help="layers to put on the GPU: auto, all, or a number; default: auto, which is as many as "
        "there is memory for",
    )
    add(
        "--tensor-split",
        metavar="P,…",
        dest=f"{prefix}tensor_split",
        type=_said(limits.split_text),
        help="how to share them out among several GPUs, e.g. 3,1; default: by their free memory",
    )


def _said(read: Callable[[str], T]) -> Callable[[str], T]:
    """Has argparse say what a reader says of a bad value."""

    def checked(text: str) -> T:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return checked


def _add_question(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("question")
    add = group.add_argument
    add(
        "-f",
        "--file",
        metavar="PATH",
        dest="files",
        action="append",
        default=[],
        help="attach a text file; may be given several times",
    )
    add(
        "-s",
        "--system",
        type=line_breaks,
        metavar="TEXT",
        help="instructions, put before the question",
    )
    add("--raw", action="store_true", help="no chat framing: the model goes on with the text")


def _add_thinking(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("thinking")
    add = group.add_argument
    add(
        "-b",
        "--budget",
        metavar="B",
        type=budget,
        help='how long it may think: "off", tokens ("512"), seconds ("30s"), "auto" (until several '
        'looks at what it would answer agree) or "max"; default: max',
    )
    add(
        "--min-think",
        metavar="N",
        type=whole_of("min_think"),
        help='tokens that it must think; until then "Wait," takes the place of its end of '
        "thinking, 16 times at most; default: 0",
    )
    add(
        "--peek",
        metavar="N",
        type=whole_of("peek"),
        help="every N tokens of thought, look at what it would answer now; the thought goes on as "
        "it would without; default: 0, which is never",
    )
    add(
        "-n",
        "--samples",
        metavar="K",
        type=whole(1, 1024),
        default=1,
        help="samples to draw side by side, of which the majority's answer counts; default: 1",
    )


def _add_sampling(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("sampling")
    add = group.add_argument
    add("--temperature", metavar="T", type=real_of("temperature"), help="0 is greedy; default: 0.6")
    add("--top-p", metavar="P", type=real_of("top_p"), help="default: 0.95; 1 is off")
    add("--top-k", metavar="K", type=whole_of("top_k"), help="default: 40; 0 is off")
    add("--min-p", metavar="P", type=real_of("min_p"), help="default: 0, which is off")
    add(
        "--seed",
        metavar="N",
        type=whole(0, _LARGEST_SEED),
        help="makes a reply repeatable; default: a new one each time",
    )
    add(
        "--max-answer",
        metavar="N",
        type=whole_of("max_answer"),
        help="most tokens of answer; default: as many as fit",
    )
    add(
        "--timeout",
        metavar="S",
        type=real(0, _MOST_SECONDS, above=True),
        help="seconds for the whole reply, the loading of the model not counted; default: none",
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    add = group.add_argument
    add(
        "--format",
        choices=("text", "json", "jsonl"),
        default="text",
        help="text (default), one JSON object, or JSON lines, an event each",
    )
    add(
        "--thoughts",
        choices=("show", "hide", "only"),
        help="in text format: show them on stderr, hide them, or print the thought on stdout "
        "instead of the answer; default: show where stderr is a terminal, else hide",
    )


def _add_history(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("history")
    which = group.add_mutually_exclusive_group()
    which.add_argument(
        "-c",
        "--continue",
        dest="go_on",
        action="store_true",
        help="go on with the last conversation, with its model and budget",
    )
    which.add_argument(
        "--conversation",
        metavar="ID",
        help="go on with that conversation; the beginning of its id is enough, and "
        "`r1chat history list` shows them",
    )
    group.add_argument(
        "--no-save",
        action="store_true",
        help="keep nothing of it; `r1chat settings set save off` does so for good",
    )


def add_doctor(parser: argparse.ArgumentParser) -> None:
    """Adds what `r1chat doctor` takes."""
    add_format(parser.add_argument)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Adds what `r1chat settings` takes."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions")
    getter = actions.add_parser(
        "get",
        help="print a value; exit code 1 where it is not set",
        allow_abbrev=False,
    )
    getter.add_argument("key", metavar="KEY", help="its name, as `r1chat settings` shows it")
    setter = actions.add_parser("set", help="set a value for good", allow_abbrev=False)
    setter.add_argument("key", metavar="KEY", help="its name, as `r1chat settings` shows it")
    setter.add_argument("value", metavar="VALUE", help="its value")
    unsetter = actions.add_parser("unset", help="leave a value to r1chat", allow_abbrev=False)
    unsetter.add_argument("key", metavar="KEY", help="its name, as `r1chat settings` shows it")


def add_completion(parser: argparse.ArgumentParser) -> None:
    """Adds what `r1chat completion` takes."""
    parser.add_argument("shell", choices=SHELLS, help="the shell that is to complete r1chat")


def add_app(parser: argparse.ArgumentParser) -> None:
    """Adds what the app takes: `r1chat` without a verb."""
    # Under a name of its own: a verb's option would be overwritten by it, or overwrite it.
    parser.add_argument("-m", "--model", metavar="REF", dest="app_model", help="the app's model")
    add_gpu(parser.add_argument, "app_")


def add_serve(parser: argparse.ArgumentParser) -> None:
    """Adds what `r1chat serve` takes."""
    parser.add_argument(
        "--host",
        metavar="HOST",
        type=_host,
        default="127.0.0.1",
        help="the address to listen on; default: 127.0.0.1, which this machine alone can reach",
    )
    parser.add_argument(
        "--port",
        metavar="PORT",
        type=whole(0, _LAST_PORT),
        default=8000,
        help="default: 8000; 0 takes any that is free",
    )
    parser.add_argument(
        "--max-apps",
        metavar="N",
        type=whole(1, _MOST_APPS),
        default=8,
        help="how many tabs may have an app at once; default: 8",
    )
    parser.add_argument("-m", "--model", metavar="REF", help=_MODEL)
    add_gpu(parser.add_argument)


def _host(text: str) -> str:
    # Without a name it would be all of them.
    if not re.fullmatch(r"[\w.:%-]+", text):
        message = f"{text!r} is not a host name or an address"
        raise argparse.ArgumentTypeError(message)
    return text
