"""What a prompt is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias


class Vocabulary(Protocol):
    """A model's tokens. Engines implement it.

    A *marker* is a token that stands for more than its text: a control token such as
    ``<｜User｜>``, or a user-defined one such as ``<think>``.
    """

    @property
    def bos(self) -> int | None:
        """The token that begins a text."""

    @property
    def eos(self) -> int | None:
        """The token that ends a text."""

    @property
    def adds_bos(self) -> bool:
        """Whether the model wants `bos` before plain text."""

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Text to tokens, never with a `bos` of its own; with `special`, markers are parsed."""

    def piece(self, token: int) -> bytes:
        """The text of a token, a marker's too."""

    def token_of(self, text: str) -> int | None:
        """The marker with exactly this text."""

    def is_marker(self, token: int) -> bool:
        """Whether a token is a control, user-defined or unknown one."""


class Message(Protocol):
    """What of `r1chat.engine.base.Message` counts here."""

    @property
    def role(self) -> Literal["system", "user", "assistant"]:
        """Whose it is."""

    @property
    def text(self) -> str:
        """What it says."""

    @property
    def ids(self) -> tuple[int, ...]:
        """The text's tokens as the model sampled them, or nothing."""

    @property
    def thought(self) -> str:
        """The thought before an answer, or nothing."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a message says: never parsed for markers."""

    text: str
    ids: tuple[int, ...] = ()
    thought: str = ""
    """The thought before it, for templates that show those of earlier turns."""


Item: TypeAlias = str | Content
"""A piece of a prompt. A `str` is framing: markers in it are parsed."""
