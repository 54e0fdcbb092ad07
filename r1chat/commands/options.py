"""The options of the subcommands, checked at the border."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from r1chat.sanitize import line_breaks
from r1chat.settings import PRESET_FIELDS, SETTINGS, Section
from r1chat.values import Real, Whole

if TYPE_CHECKING:
    from r1chat.variation import Variation

T = TypeVar("T")

SHELLS = ("bash", "zsh", "fish")
_MOST_SECONDS = 7 * 24 * 3600.0
_MOST_APPS = 256
_LONGEST_KEPT = 7 * 24 * 60
_OF_TREES = 8
"""Samples that branch off from one another where nobody says how many."""
_LAST_PORT = 65535
GIVEN = "given_"
"""What the names of values begin with that `r1chat settings` takes as if for another command."""
# llama.cpp takes the largest 32-bit number as "any seed".
LARGEST_SEED = 2**32 - 2


def whole(least: int, most: int) -> Callable[[str], int]:
    """Reads whole numbers within limits."""
    return _said(Whole(least, most).read)


def real(least: float, most: float, *, above: bool = False) -> Callable[[str], float]:
    """Reads numbers within limits; the arguments are `Real`'s."""
    return _said(Real(least, most, above=above).read)


def _said(read: Callable[[str], T]) -> Callable[[str], T]:
    """Has argparse say what a reader says of a bad value."""

    def checked(text: str) -> T:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return checked


count = whole(1, 1_000_000)
"""Reads how many of something are wanted."""


def value_of(name: str) -> Callable[[str], Any]:
    """Reads what the setting of that name may be."""
    return _said(SETTINGS[name].kind.read)


def add_settings_of(add: Callable[..., object], *names: str, prefix: str = "") -> None:
    """Adds options that stand for settings.

    Args:
        add: A parser's or a group's `add_argument`.
        names: The settings.
        prefix: Of the names of the values.
    """
    for name in names:
        setting = SETTINGS[name]
        add(
            *setting.options,
            metavar=setting.metavar,
            dest=f"{prefix}{name}",
            # Whoever looks for the model says that there is none: that has an exit code of its own.
            type=str if name == "model" else value_of(name),
            help=setting.usage,
        )


def add_section(add: Callable[..., object], section: Section) -> None:
    """Adds the options that stand for the settings of a section."""
    here = (each for each in SETTINGS.values() if each.section == section)
    add_settings_of(add, *(each.name for each in here if each.options and not each.own_option))


def actions_of(
    parser: argparse.ArgumentParser,
) -> Callable[[str, str], argparse.ArgumentParser]:
    """Gives a subcommand actions; without one it is the list, where there is such an action.

    Args:
        parser: The subcommand's.

    Returns:
        What adds one: by its name, and what it is for.
    """
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions")

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


def add_json(parser: argparse.ArgumentParser) -> None:
    """Adds the option that prints JSON for scripts."""
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")


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
    _add_comparing(parser)
    _add_background(parser)
    _add_many(parser)
    _add_thinking(parser)
    _add_sampling(parser)
    _add_output(parser)
    _add_history(parser)


def _add_preset(add: Callable[..., object]) -> None:
    add(
        "--preset",
        metavar="NAME",
        help="a named set of instructions, budget and sampling, over what is set; options go "
        "before it: mathematics, code, short, or one of your own (`r1chat presets`)",
    )


def _add_model(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("model").add_argument
    add_section(add, "model")
    add(
        "--no-reuse",
        action="store_true",
        help="evaluate the whole prompt again, so that a seeded reply is the same to the bit",
    )


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
    _add_preset(add)
    add(
        "--plain",
        action="store_true",
        help="on a terminal, leave Markdown and mathematics as the model wrote them",
    )
    add("--raw", action="store_true", help="no chat framing: the model continues the text")
    shape = group.add_mutually_exclusive_group()
    shape.add_argument(
        "--json-schema",
        metavar="FILE",
        help="the answer is JSON that fits this schema, the thought is free; - reads it from stdin",
    )
    shape.add_argument(
        "--grammar",
        metavar="FILE",
        help="the answer fits this grammar (GBNF), the thought is free; - reads it from stdin",
    )


def _variation(text: str) -> Variation:
    from r1chat.variation import parse

    return _said(parse)(text)


def _add_comparing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument_group("comparing").add_argument(
        "--compare",
        metavar="WITH",
        action="append",
        default=[],
        type=_variation,
        help="answer the same question with another model (a REF), or other settings (e.g. "
        "budget=off or preset=code; several with commas between), and show all answers; may be "
        f"given several times. What can be another: model, preset, {', '.join(PRESET_FIELDS)}",
    )


def _add_background(parser: argparse.ArgumentParser) -> None:
    parser.add_argument_group("background").add_argument(
        "--background",
        action="store_true",
        help="print the id of a job and return at once; `r1chat jobs` shows what becomes of it",
    )


def _add_many(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("many questions").add_argument
    add(
        "--batch",
        metavar="FILE",
        help="answer the questions of a file of JSON lines, one after another, into JSON lines; "
        "each line is a text or an object with a question and, if wanted, an id, files, system, "
        "budget and other options of its own; - reads stdin",
    )
    add(
        "-o",
        "--output",
        metavar="PATH",
        help="with --batch: where the answers go; the same command resumes where it was stopped; "
        "default: stdout",
    )


def _add_thinking(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("thinking").add_argument
    add_section(add, "thinking")
    # The setting is the app's alone.
    add(
        *SETTINGS["samples"].options,
        metavar=SETTINGS["samples"].metavar,
        type=value_of("samples"),
        default=1,
        help="samples to draw side by side, of which the majority's answer counts; default: 1",
    )
    add(
        "--tree",
        action=_Tree,
        help="samples branch off from the thought of the first, where the model was least sure of "
        f"it, in place of beginning anew; default of -n with it: {_OF_TREES}",
    )


class _Tree(argparse.Action):
    """Sets what `-n` is where it was not given, before or behind."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002  (as argparse calls it)
        super().__init__(option_strings, dest, nargs=0, default=False, help=help)

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Takes the option."""
        del parser, values, option_string
        namespace.tree = True
        if namespace.samples == 1:
            namespace.samples = _OF_TREES


def _add_sampling(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("sampling").add_argument
    add_section(add, "sampling")
    add(
        "--seed",
        metavar="N",
        type=whole(0, LARGEST_SEED),
        help="makes a reply repeatable; default: a new one each time",
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
        "--logprobs",
        action="store_true",
        help="measure how sure the model is: in the receipt of the reply, in JSON of each token",
    )
    add(
        *SETTINGS["thoughts"].options,
        choices=("show", "hide", "only"),
        help="in text format: show them on stderr, hide them, or print the thought on stdout "
        "instead of the answer; default: show where stderr is a terminal, else hide",
    )


def _add_history(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("history")
    add_section(group.add_argument, "history")
    _add_continuing(group.add_mutually_exclusive_group(), what="continue")
    group.add_argument(
        "--resume",
        action="store_true",
        help="in place of a question, continue the last reply where it was stopped or interrupted: "
        "that of the last conversation, or of the one that is named",
    )
    group.add_argument(
        *SETTINGS["save"].options,
        dest="no_save",
        action="store_true",
        help="do not save it; `r1chat settings set save off` saves nothing from then on",
    )


def _add_continuing(group: argparse._MutuallyExclusiveGroup, what: str, prefix: str = "") -> None:
    """Adds what names a conversation to go on with.

    Args:
        group: Where.
        what: What is done with it.
        prefix: Of the names of the values.
    """
    group.add_argument(
        "-c",
        "--continue",
        dest=f"{prefix}go_on",
        action="store_true",
        default=None,
        help=f"{what} the last conversation",
    )
    group.add_argument(
        "--conversation",
        metavar="ID",
        dest=f"{prefix}conversation",
        help=f"{what} that conversation; the beginning of its id is enough, and "
        "`r1chat history list` shows them",
    )


def add_doctor(parser: argparse.ArgumentParser) -> None:
    """Adds what `r1chat doctor` takes."""
    add_format(parser.add_argument)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Adds what `r1chat settings` takes."""
    add_json(parser)
    add_settings_of(
        parser.add_argument_group("what holds where these options are given too").add_argument,
        *(name for name, each in SETTINGS.items() if each.options and name != "save"),
        prefix=GIVEN,
    )
    _add_preset(parser.add_argument)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions")
    purposes = {
        "get": "print a value; exit code 1 where it is not set",
        "set": "save a value",
        "unset": "leave a value to r1chat",
    }
    for name, purpose in purposes.items():
        action = actions.add_parser(name, help=purpose, allow_abbrev=False)
        action.add_argument("key", metavar="KEY", help="its name, as `r1chat settings` shows it")
        if name == "set":
            action.add_argument("value", metavar="VALUE", help="its value")


def add_completion(parser: argparse.ArgumentParser) -> None:
    """Adds what `r1chat completion` takes."""
    parser.add_argument("shell", choices=SHELLS, help="the shell that is to complete r1chat")


def add_app(parser: argparse.ArgumentParser) -> None:
    """Adds what the app takes: `r1chat` without a subcommand."""
    # Under names of their own: a subcommand's option would be overwritten by them, or overwrite it.
    names = ("model", "think", "ctx", "threads", "gpu_layers", "tensor_split")
    add_settings_of(parser.add_argument, *names, prefix="app_")
    _add_continuing(parser.add_mutually_exclusive_group(), prefix="app_", what="open")


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
        help="how many apps may run at once, one for each tab; default: 8",
    )
    parser.add_argument(
        "--keep",
        metavar="MINUTES",
        type=whole(0, _LONGEST_KEPT),
        default=10,
        help="how long an app whose page is gone goes on with its reply; default: 10",
    )
    add_settings_of(parser.add_argument, "model", "gpu_layers", "tensor_split")


def _host(text: str) -> str:
    # Without a name it would be all of them.
    if not re.fullmatch(r"[\w.:%-]+", text):
        message = f"{text!r} is not a host name or an address"
        raise argparse.ArgumentTypeError(message)
    return text
