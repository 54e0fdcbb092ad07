"""The frozen values that the history returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from r1chat.conversation import Conversation, Origin
from r1chat.events import Receipt

SHORT = 8
"""Characters of an id that people are shown; any beginning that is unique is understood."""

TitleSource: TypeAlias = Literal["question", "model", "user"]
"""Who made a title: the first question, a model that was asked for one, or the user."""

Field: TypeAlias = Literal["question", "answer", "thought"]


@dataclass(frozen=True, slots=True)
class Summary:
    """A conversation as a list shows it. Times are seconds since 1970."""

    id: str
    title: str
    created: float
    updated: float
    pinned: bool = False
    turns: int = 0
    """Questions, those of other branches among them."""
    model: str = ""
    """The reference of the model that was asked last."""
    title_source: TitleSource = "question"
    deleted: float | None = None
    """When it was deleted, if it was; it can be restored for `KEPT_DAYS` days."""
    tags: tuple[str, ...] = ()
    once: bool = False
    """Whether it is one question of `r1chat ask`, and was not gone on with."""

    @property
    def short(self) -> str:
        """The id as people are shown it."""
        return self.id[:SHORT]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which conversations are meant.

    Attributes:
        tags: Those that have all of these.
        begun: Whether the last of the tags may go on: it is still being typed.
        once: Those that were asked once by `r1chat ask`, or the others; None is both.
    """

    tags: tuple[str, ...] = ()
    begun: bool = False
    once: bool | None = None


ALL = Filter()


@dataclass(frozen=True, slots=True)
class Loaded:
    """A conversation with everything needed to continue it.

    Its replies hold no token ids. Where a process died, the reply is as far as it was saved and
    its receipt says "cancelled".
    """

    summary: Summary
    conversation: Conversation
    """Its id is the summary's, and its nodes' ids are those of the history."""
    system: str | None = None
    budget: str = "max"
    """As `Budget.parse` reads it."""
    settings: Mapping[str, float] = field(default_factory=dict)
    """Of the last question; as in `Origin`."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A reply in which a search found something."""

    conversation: str
    """The conversation's id."""
    title: str
    node: str
    """The node's id."""
    created: float
    """Seconds since 1970."""
    field: Field
    """Where the snippet is from."""
    snippet: str
    """The words around the first match, on one line."""
    matches: tuple[tuple[int, int], ...]
    """Where in the snippet the words that were sought are: from, to."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a saved reply cost, without its texts."""

    conversation: str
    """The conversation's id."""
    node: str
    origin: Origin
    receipt: Receipt
    answer_length: int
    """Characters."""
