"""A conversation as a tree: questions, the versions of their replies, and what followed."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from r1chat.attachments import Attachment, with_attachments
from r1chat.engine.base import Message
from r1chat.events import Reply
from r1chat.reasoning.budget import Think
from r1chat.wording import written_by

_ID_BYTES = 10


def new_id() -> str:
    """A name for a conversation or a node that no other has: 16 small letters and digits."""
    return base64.b32encode(secrets.token_bytes(_ID_BYTES)).decode().lower()


@dataclass(frozen=True, slots=True)
class Act:
    """Something that the user did while a reply was written."""

    kind: Literal["answer_now", "think_more", "budget", "words", "back", "stop"]
    """words: put into the thought. back: gone back to a place of an earlier thought."""
    at: float
    """Seconds since the question."""
    value: str = ""
    """The new budget, the words, or the characters of thought that were kept."""


@dataclass(frozen=True, slots=True)
class Origin:
    """How a reply came about, for the history."""

    created: float = 0.0
    """Seconds since 1970."""
    model: str = ""
    """The model's reference."""
    arch: str = ""
    quant: str = ""
    settings: Mapping[str, float] = field(default_factory=dict)
    """How tokens were chosen, and the limits, by the settings' names."""
    acts: tuple[Act, ...] = ()


@dataclass(frozen=True, slots=True)
class TurnsSummary:
    """What the model reads in the place of the oldest turns of a conversation."""

    text: str
    model: str = ""
    """The reference of the model that wrote it."""
    created: float = 0.0
    """Seconds since 1970."""
    tokens: int = 0
    """Tokens of it; 0 where nobody knows."""
    edited: bool = False
    """Whether the user has changed it."""

    def messages(self) -> tuple[Message, ...]:
        """It, as the model reads it: its own answer to the wish for it, as it was."""
        return (
            Message("user", SUMMARY_ASKED, summary=True),
            Message("assistant", self.text, summary=True),
        )


SUMMARY_ASKED = "Summarise our conversation so far."
"""The question before a summary, in prompts."""
KEPT_THINK: Mapping[Think, float] = {"on": 1, "off": 0}
"""How the settings of a reply say whether a thought was asked for: they are numbers."""


def think_of(settings: Mapping[str, float]) -> Think:
    """Whether a thought was asked for, as the settings of a reply say."""
    kept = settings.get("think")
    return next((think for think, number in KEPT_THINK.items() if number == kept), "auto")


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its reply."""

    question: str
    reply: Reply
    attachments: tuple[Attachment, ...] = ()
    raw: bool = False
    origin: Origin | None = None
    summary: TurnsSummary | None = None
    """What the model reads in the place of this turn and all before it; None for the turns."""

    @property
    def interrupted(self) -> bool:
        """Whether nobody stopped the reply: r1chat or the machine did while it was written."""
        if self.origin is None or self.reply.receipt.ended_by != "cancelled":
            return False
        return all(act.kind != "stop" for act in self.origin.acts)

    def messages(self) -> tuple[Message, ...]:
        """What the turn adds to the conversation as the model reads it.

        Its thought goes along for the models that were trained to see those of earlier turns; R1's
        are not. A turn without an answer is left out
        whole: an empty answer would teach the model to give none, two questions in a row are
        refused by many chat templates, and a question that was too much for the context would
        be too much for every turn after it.
        """
        if not self.reply.answer.strip():
            return ()
        question = with_attachments(self.question, self.attachments, raw=self.raw)
        return (
            Message("user", question),
            Message("assistant", self.reply.answer, self.reply.answer_ids, self._thought),
        )

    @property
    def _thought(self) -> str:
        """What the model thought; nothing where r1chat wrote that there was no thought."""
        from r1chat.engine.replay import was_prefilled

        return "" if was_prefilled(self.reply) else self.reply.thought


@dataclass(eq=False, slots=True)
class Node:
    """A place in the tree. The root has no turn; the versions of a turn are siblings."""

    turn: Turn | None = None
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)
    chosen: int = 0
    """Which of the children the conversation goes on with."""
    id: str = field(default_factory=new_id)
    """Its name in the history."""

    @property
    def siblings(self) -> list[Node]:
        """The versions of this turn, itself among them."""
        return self.parent.children if self.parent is not None else [self]

    @property
    def version(self) -> int:
        """Which version this is, from 1."""
        return self.siblings.index(self) + 1

    @property
    def versions(self) -> list[Node]:
        """The versions that answer the same question, itself among them."""
        question = self.turn.question if self.turn is not None else None
        return [each for each in self.siblings if each.turn and each.turn.question == question]

    @property
    def author(self) -> str:
        """What wrote it, and what it was asked with, in words."""
        if self.turn is None:
            return ""
        origin = self.turn.origin
        return written_by(origin.model if origin is not None else "", self.turn.reply.receipt)

    @property
    def has_other_authors(self) -> bool:
        """Whether there are versions of other models, or that were asked with other settings."""
        return any(each.author != self.author for each in self.versions)


class Conversation:
    """The turns on one path through the tree, and the ways to leave it.

    Args:
        name: Its id in the history; by default a new one.
    """

    def __init__(self, name: str | None = None) -> None:
        self.id = name or new_id()
        """Its name in the history."""
        self.root = Node()

    def path(self) -> Iterator[Node]:
        """The turns on the chosen path, the oldest first."""
        node = self.root
        while node.children:
            node = node.children[node.chosen]
            yield node

    def last(self) -> Node:
        """The end of the path; the root where there is no turn yet."""
        node = self.root
        for node in self.path():  # noqa: B007  (the last one is wanted)
            pass
        return node

    def add(
        self,
        turn: Turn,
        parent: Node | None = None,
        name: str | None = None,
        *,
        choose: bool = True,
    ) -> Node:
        """Adds a turn.

        Args:
            turn: The turn.
            parent: What it follows; by default the end of the path. The parent of another turn
                makes it a version of that turn.
            name: Its id in the history; by default a new one.
            choose: Whether the conversation goes through it from now on.
        """
        parent = parent or self.last()
        node = Node(turn, parent, id=name or new_id())
        parent.children.append(node)
        if choose:
            parent.chosen = len(parent.children) - 1
        return node

    def remove(self, node: Node) -> None:
        """Removes a version, e.g. one that was stopped and then continued."""
        parent = node.parent
        if parent is None or node not in parent.children:
            return
        chosen = parent.children[parent.chosen]
        parent.children.remove(node)
        parent.chosen = parent.children.index(chosen) if chosen in parent.children else 0

    def nodes(self) -> Iterator[Node]:
        """All turns, whether the conversation goes through them or not."""
        waiting = [*self.root.children]
        while waiting:
            node = waiting.pop()
            waiting += node.children
            yield node

    def forget_tokens(self) -> None:
        """Forgets the replies' tokens, because another model will continue."""
        for node in self.nodes():
            if node.turn is not None:
                reply = replace(node.turn.reply, answer_ids=(), ids=())
                node.turn = replace(node.turn, reply=reply)

    def choose(self, node: Node) -> None:
        """Makes the path go through a turn."""
        while node.parent is not None:
            node.parent.chosen = node.parent.children.index(node)
            node = node.parent

    def messages(self, until: Node | None = None) -> tuple[Message, ...]:
        """What the model reads of the way to a turn, that turn's own included.

        Args:
            until: The turn; by default the end of the path.
        """
        summary, nodes = self.read(until or self.last())
        found = summary.messages() if summary is not None else ()
        return found + tuple(m for node in nodes if node.turn for m in node.turn.messages())

    def read(self, until: Node) -> tuple[TurnsSummary | None, list[Node]]:
        """What a model reads of the way to a turn: a summary of its beginning, then turns.

        Args:
            until: The turn.

        Returns:
            The last summary on the way, and the turns behind what it stands for.
        """
        node: Node | None = until
        nodes: list[Node] = []
        while node is not None:
            if node.turn is not None:
                if node.turn.summary is not None:
                    return node.turn.summary, nodes
                nodes.insert(0, node)
            node = node.parent
        return None, nodes

    @staticmethod
    def summarise(node: Node, summary: TurnsSummary | None) -> None:
        """Has a summary stand for a turn and all before it; None has the turns read again."""
        if node.turn is not None:
            node.turn = replace(node.turn, summary=summary)
