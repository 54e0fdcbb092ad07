"""Kinds of values: each reads one as people type it, checks one as JSON has it, and describes it.

The settings file and the command line share them, so that both have the same limits.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

from r1chat.nearest import did_you_mean

T = TypeVar("T")
_SWITCH = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}
_SHOWN = 40


class Kind(ABC, Generic[T]):
    """What a value may be."""

    allowed: str
    """The same in words."""

    def read(self, text: str) -> T:
        """Reads a value as it is typed.

        Raises:
            ValueError: If it is none; the message is one line.
        """
        return self.check(text)

    @abstractmethod
    def check(self, value: object) -> T:
        """Takes a value as JSON has it, and returns its normal form.

        Raises:
            ValueError: If it is none; the message is one line.
        """


def written(value: object) -> str:
    """A value as it is typed; `Kind.read` takes it back."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _refusal(value: object, wanted: str) -> ValueError:
    if isinstance(value, (list, dict)):
        shown = "a list" if isinstance(value, list) else "an object"
    else:
        shown = repr(value)[:_SHOWN]
    return ValueError(f"{shown} is not {wanted}")


class Whole(Kind[int]):
    """A whole number.

    Args:
        least: The lower limit.
        most: The upper limit.
    """

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most
        self.allowed = f"{least:,} to {most:,}"

    def read(self, text: str) -> int:
        """Reads digits."""
        try:
            value = int(text)
        except ValueError:
            raise _refusal(text, "a whole number") from None
        return self.check(value)

    def check(self, value: object) -> int:
        """Takes a number without a point."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise _refusal(value, "a whole number")
        if not self.least <= value <= self.most:
            raise _refusal(value, f"between {self.least:,} and {self.most:,}")
        return value


class Real(Kind[float]):
    """A number that need not be whole.

    Args:
        least: The lower limit.
        most: The upper limit.
        above: Whether the lower limit itself is too little.
    """

    def __init__(self, least: float, most: float, *, above: bool = False) -> None:
        self.least, self.most, self.above = least, most, above
        self.allowed = f"{'above ' if above else ''}{least:g} to {most:,g}"

    def read(self, text: str) -> float:
        """Reads a figure."""
        try:
            value = float(text)
        except ValueError:
            raise _refusal(text, "a number") from None
        return self.check(value)

    def check(self, value: object) -> float:
        """Takes any number."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _refusal(value, "a number")
        enough = value > self.least if self.above else value >= self.least
        if not math.isfinite(value) or not enough or value > self.most:
            low = f"above {self.least:g}" if self.above else f"at least {self.least:,g}"
            raise _refusal(value, f"{low} and at most {self.most:,g}")
        return float(value)


class Switch(Kind[bool]):
    """On or off."""

    allowed = "on or off"

    def read(self, text: str) -> bool:
        """Reads on or off, or another word for one of them."""
        return self.check(_SWITCH.get(text.strip().lower(), text))

    def check(self, value: object) -> bool:
        """Takes true or false."""
        if not isinstance(value, bool):
            raise _refusal(value, self.allowed)
        return value


class Choice(Kind[T]):
    """One of a few words.

    Args:
        words: The words.
    """

    def __init__(self, *words: T) -> None:
        self.words = words
        self.allowed = " or ".join(map(str, words))

    def check(self, value: object) -> T:
        """Takes one of the words."""
        for word in self.words:
            if value == word:
                return word
        near = did_you_mean(value, map(str, self.words)) if isinstance(value, str) else ""
        raise _refusal(value, self.allowed + near)


class Form(Kind[T]):
    """What a function takes.

    Args:
        allowed: What that is, in words.
        normal: Returns the normal form of a value; raises ValueError where it is none.
    """

    def __init__(self, allowed: str, normal: Callable[[object], T]) -> None:
        self.allowed = allowed
        self._normal = normal

    def check(self, value: object) -> T:
        """Takes what the function takes."""
        return self._normal(value)


class Text(Kind[str]):
    """A text.

    Args:
        allowed: What it may be, in words.
        normal: Returns its normal form; raises ValueError where it is none.
        longest: Most characters.
    """

    def __init__(
        self, allowed: str = "text", normal: Callable[[str], str] = str, *, longest: int = 4096
    ) -> None:
        self.allowed = allowed
        self._normal = normal
        self._longest = longest

    def check(self, value: object) -> str:
        """Takes a text that is not empty."""
        if not isinstance(value, str) or not 0 < len(value) <= self._longest:
            # It is not repeated: an address may have a password in it.
            message = f"not a text of 1 to {self._longest:,} characters"
            raise ValueError(message)
        return self._normal(value)


class Texts(Kind[list[str]]):
    """Several texts.

    Args:
        allowed: What they may be, in words.
        text: What one of them may be.
    """

    def __init__(self, allowed: str, text: Text) -> None:
        self.allowed = allowed
        self._text = text

    def read(self, text: str) -> list[str]:
        """Reads a list in JSON, or one text as it is typed."""
        try:
            value = json.loads(text) if text.startswith("[") else [text]
        except (ValueError, RecursionError):
            value = None
        return self.check(value)

    def check(self, value: object) -> list[str]:
        """Takes a list that is not empty."""
        if not isinstance(value, list) or not value:
            message = f"not {self.allowed}"
            raise ValueError(message)
        return [self._text.check(each) for each in value]


class Table(Kind[dict[str, str]]):
    """Texts by name.

    Args:
        allowed: What it may be, in words.
        name: What a name may be.
        text: What a text may be.
    """

    def __init__(self, allowed: str, name: Text, text: Text) -> None:
        self.allowed = allowed
        self._name, self._text = name, text

    def read(self, text: str) -> dict[str, str]:
        """Reads an object of JSON."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        return self.check(value)

    def check(self, value: object) -> dict[str, str]:
        """Takes an object of JSON."""
        if not isinstance(value, dict):
            message = f"not a JSON object of {self.allowed}"
            raise ValueError(message)  # noqa: TRY004  (the user's slip, not the program's)
        return {self._name.check(name): self._text.check(text) for name, text in value.items()}
