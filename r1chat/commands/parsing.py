"""Reads command lines: names the nearest word where one is unknown, and takes a bare question."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from r1chat.console import is_terminal
from r1chat.errors import UsageError
from r1chat.nearest import did_you_mean
from r1chat.sanitize import line

_BARE_WORD = re.compile(r"[A-Za-z][A-Za-z_-]*")
"""What a mistyped subcommand looks like; anything else is a question."""
_MODEL = re.compile(r"\S+\.gguf|r1:\S+|https?://\S+#\S+", re.IGNORECASE)
"""What nobody asks, and is meant to be opened."""
_QUOTES = "put the question in quotes"


class Parser(argparse.ArgumentParser):
    """Raises what is wrong as one line, and names the nearest subcommand or option."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]  # argparse's own arguments
        # The parser of the innermost subcommand says which options there are.
        self.set_defaults(innermost=self)

    def error(self, message: str) -> NoReturn:
        """Raises a message of argparse's.

        Raises:
            UsageError: Always.
        """
        text = f"{message} (see {self.prog} --help)"
        raise UsageError(text)

    def read(self, argv: Sequence[str]) -> argparse.Namespace:
        """Reads a whole command line.

        Raises:
            UsageError: If there is something in it that nobody knows, or something is missing.
        """
        args, unknown = self.parse_known_args(argv)
        if not unknown and getattr(args, "action", "") is None and args.innermost.has_list:
            # `r1chat models` is short for `r1chat models list`.
            return self.read([*argv, "list"])
        if unknown:
            args.innermost.refuse(unknown)
        return args

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """Raises what is wrong with arguments that nobody knows.

        Raises:
            UsageError: Always.
        """
        word = next((each for each in unknown if each.startswith("-")), None)
        if word is not None:
            name = word.partition("=")[0]
            near = did_you_mean(name, self.option_names)
            message = f"{self.prog} has no option {line(name, 60)}{near} (see {self.prog} --help)"
        else:
            shown = line(" ".join(unknown), 60)
            takes_question = any(action.dest == "question" for action in self._actions)
            hint = _QUOTES if takes_question else f"see {self.prog} --help"
            message = f"unrecognized arguments: {shown} ({hint})"
        raise UsageError(message)

    @property
    def has_list(self) -> bool:
        """Whether it has an action that lists what it is about."""
        return any("list" in (each.choices or ()) for each in self._actions)

    @property
    def option_names(self) -> tuple[str, ...]:
        """Its options, as they are typed."""
        return tuple(self._option_string_actions)

    def takes_value(self, option: str) -> bool:
        """Whether an option of it has a value behind it."""
        action = self._option_string_actions.get(option)
        return action is not None and action.nargs != 0

    @property
    def values(self) -> list[argparse.Action]:
        """What takes a value: options and words."""
        return [action for action in self._actions if action.nargs != 0]

    @property
    def subcommands(self) -> dict[str, Parser]:
        """The parsers of its subcommands, by name."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  (no public name)
                return dict(action.choices)
        return {}

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:  # noqa: SLF001  (no public name)
            raise UsageError(_no_subcommand(self.prog, str(value), action.choices))
        super()._check_value(action, value)

    def _print_message(self, message: str, file: object = None) -> None:
        """Prints a help or a version. Argparse's own keeps silent where that fails."""
        from r1chat.output import Out

        del file
        Out(sys.stdout).write(message)


def with_ask(argv: Sequence[str], top: Parser) -> list[str]:
    """Puts `ask` in front of a command line that is a question: `r1chat "How many …?"`.

    Args:
        argv: The arguments.
        top: The parser of the whole command line.

    Raises:
        UsageError: If an option stands in the wrong place, or the first word looks like a
            subcommand and is none.
    """
    subcommands = top.subcommands
    known = [*top.option_names, *subcommands["ask"].option_names]
    at = 0
    foreign: str | None = None
    while at < len(argv) and argv[at] != "--" and _is_option(argv[at]):
        name = _name(argv[at], known)
        if name not in known:
            near = did_you_mean(name, known)
            message = f"r1chat has no option {line(name, 60)}{near} (see r1chat --help)"
            raise UsageError(message)
        if name not in top.option_names:
            foreign = foreign or name
        at += 2 if subcommands["ask"].takes_value(name) and name == argv[at] else 1
    word = argv[at] if at < len(argv) else None
    if word in subcommands and foreign is not None:
        message = f"{foreign} belongs after the subcommand: r1chat {word} {foreign} …"
        raise UsageError(message)
    if word in subcommands or (word is None and foreign is None):
        return list(argv)
    if word is None and is_terminal(sys.stdin):
        message = (
            f'{foreign} belongs to a question: r1chat {foreign} … "QUESTION" '
            "(`r1chat settings` changes what the app does)"
        )
        raise UsageError(message)
    if word is not None and _BARE_WORD.fullmatch(word):
        alone = at == len(argv) - 1 or _is_option(argv[at + 1])
        hint = f"to ask it: r1chat ask {word}" if alone else _QUOTES
        message = f"{_no_subcommand('r1chat', word, subcommands)} ({hint})"
        raise UsageError(message)
    if word is not None and _MODEL.fullmatch(word):
        shown = line(word, 200)
        message = f"{shown!r} is a model: r1chat -m {shown} (to ask it: r1chat ask {shown})"
        raise UsageError(message)
    return ["ask", *argv]


def _is_option(text: str) -> bool:
    # As argparse has it, what has a space in it is no option.
    return text.startswith("-") and text != "-" and " " not in text


def _name(text: str, known: Sequence[str]) -> str:
    """An option's name, without a value that stands in the same word: `--seed=7`, `-b512`."""
    name = text.partition("=")[0]
    return text[:2] if name not in known and not text.startswith("--") else name


def _no_subcommand(prog: str, word: str, names: Mapping[str, object]) -> str:
    near = did_you_mean(word, names) or f"; there are {', '.join(names)}"
    return f"{prog} has no subcommand {line(word, 60)!r}{near}"


def wants_json(argv: Sequence[str]) -> str | None:
    """The JSON form that a command line asks for, whether the rest of it makes sense or not."""
    for at, text in enumerate(argv):
        name, _, value = text.partition("=")
        if text == "--":
            break
        if text == "--json":
            return "json"
        if name == "--format":
            value = value or "".join(argv[at + 1 : at + 2])
            return value if value in {"json", "jsonl"} else None
    return None
