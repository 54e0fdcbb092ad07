"""Validates r1chat's own JSON on import."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError, model_validator

from r1chat.attachments import Attachment
from r1chat.conversation import Act, Conversation, Node, Origin, Turn, TurnsSummary
from r1chat.errors import UsageError
from r1chat.events import (
    AnswerAsked,
    Confidence,
    Decided,
    EndedBy,
    FinalFrom,
    Fork,
    Injection,
    LanguageCode,
    Receipt,
    Reply,
    SamplingFrom,
    ShapeKind,
    SumCounts,
    ThoughtStyle,
)
from r1chat.exchange.document import KIND, SCHEMA
from r1chat.exchange.fields import (
    Amount,
    BudgetText,
    Checked,
    Count,
    Effort,
    Id,
    Name,
    Probability,
    SettingValues,
    Tag,
    Text,
    phrase,
)
from r1chat.sanitize import line
from r1chat.store import Loaded, Summary
from r1chat.store.rows import LONGEST_ASKED_WITH
from r1chat.store.values import TitleSource
from r1chat.tags import MOST

_MOST_TURNS = 100_000
_MOST_ENTRIES = 1000


class _Attachment(Checked):
    name: Name
    text: Text


class _Injection(Checked):
    at: Count
    text: Text


class _Act(Checked):
    kind: Literal["answer_now", "think_more", "budget", "words", "back", "stop"]
    at: Amount
    value: Text = ""


class _Sums(Checked):
    checked: Count = 0
    wrong: Count = 0
    doubted: Count = 0


class _Confidence(Checked):
    thought: Probability | None = None
    thought_least: Probability | None = None
    answer: Probability | None = None
    answer_least: Probability | None = None
    final: Probability | None = None


class _Fork(Checked):
    at: Count
    tokens: Count = 0
    entropy: Amount | None = None


class _Receipt(Checked):
    ended_by: EndedBy = "cancelled"
    thought_ended_by: EndedBy | None = None
    answer_ended_by: EndedBy = "natural"
    answer_asked: AnswerAsked | None = None
    final_from: FinalFrom | None = None
    thought_style: ThoughtStyle | None = None
    shape: ShapeKind | None = None
    effort: Effort | None = None
    thought_language: LanguageCode | None = None
    sampling_from: SamplingFrom | None = None
    thought_tokens: Count = 0
    answer_tokens: Count = 0
    injected_tokens: Count = 0
    prompt_tokens: Count = 0
    prompt_reused_tokens: Count = 0
    drafted_tokens: Count = 0
    accepted_tokens: Count = 0
    load_s: Amount = 0.0
    first_token_s: Amount = 0.0
    thought_s: Amount = 0.0
    answer_s: Amount = 0.0
    tokens_per_s: Amount = 0.0
    budget: BudgetText = "max"
    seed: Count = 0
    samples: Count = 1
    sums: _Sums | None = None
    confidence: _Confidence | None = None
    fork: _Fork | None = None
    vote: Text | None = None
    decided: Decided | None = None
    asked_with: Annotated[str, StringConstraints(max_length=LONGEST_ASKED_WITH)] | None = None


class _ModelInfo(Checked):
    ref: Name = ""
    arch: Name = ""
    quant: Name = ""


class _Summary(Checked):
    text: Text
    model: Name = ""
    created: Amount = 0.0
    tokens: Count = 0
    edited: bool = False


class _Turn(Checked):
    id: Id
    parent: Id | None
    chosen: bool = True
    created: Amount = 0.0
    model: _ModelInfo = _ModelInfo()
    settings: SettingValues = Field(default_factory=dict)
    question: Text
    attachments: Annotated[list[_Attachment], Field(max_length=_MOST_ENTRIES)] = Field(
        default_factory=list
    )
    raw: bool = False
    thought: Text = ""
    answer: Text = ""
    final: Text | None = None
    injected: Annotated[list[_Injection], Field(max_length=_MOST_TURNS)] = Field(
        default_factory=list
    )
    acts: Annotated[list[_Act], Field(max_length=_MOST_TURNS)] = Field(default_factory=list)
    receipt: _Receipt = _Receipt()
    error: Text | None = None
    summary: _Summary | None = None

    @model_validator(mode="after")
    def _words_stand_where_they_should(self) -> _Turn:
        if not all(self.thought.startswith(each.text, each.at) for each in self.injected):
            message = "the injected words are not in the thought"
            raise ValueError(message)
        return self

    def turn(self) -> Turn:
        """As the rest of r1chat knows it."""
        values = self.receipt.model_dump()
        kinds = (("sums", SumCounts), ("confidence", Confidence), ("fork", Fork))
        for name, kind in kinds:
            values[name] = kind(**values[name]) if values[name] else None
        reply = Reply(
            thought=self.thought,
            answer=self.answer,
            receipt=Receipt(**values),
            final=self.final,
            injected=tuple(Injection(each.at, each.text) for each in self.injected),
            error=self.error,
        )
        origin = Origin(
            created=self.created,
            model=self.model.ref,
            arch=self.model.arch,
            quant=self.model.quant,
            settings=self.settings,
            acts=tuple(Act(each.kind, each.at, each.value) for each in self.acts),
        )
        attached = tuple(Attachment(each.name, each.text) for each in self.attachments)
        summary = None if self.summary is None else TurnsSummary(**self.summary.model_dump())
        return Turn(self.question, reply, attached, self.raw, origin, summary)


class _Conversation(Checked):
    id: Id
    title: Annotated[str, StringConstraints(max_length=200)]
    title_source: TitleSource = "question"
    created: Amount
    updated: Amount
    pinned: bool = False
    tags: Annotated[list[Tag], Field(max_length=MOST)] = Field(default_factory=list)
    once: bool = False
    model: Name = ""
    budget: BudgetText = "max"
    settings: SettingValues = Field(default_factory=dict)
    system: Text | None = None
    turns: Annotated[list[_Turn], Field(max_length=_MOST_TURNS)]

    def loaded(self) -> Loaded:
        """As the history knows it.

        Raises:
            ValueError: If its turns make no tree.
        """
        tree = Conversation(self.id)
        nodes: dict[str | None, Node] = {None: tree.root}
        chosen: dict[Node, Node] = {}
        for each in self.turns:
            if each.parent not in nodes:
                message = f"the turn {each.id} follows one that does not come before it"
                raise ValueError(message)
            if each.id in nodes or each.id == self.id:
                message = f"there are two with the id {each.id}"
                raise ValueError(message)
            parent = nodes[each.parent]
            nodes[each.id] = node = tree.add(each.turn(), parent, each.id)
            if each.chosen:
                chosen[parent] = node
        for parent, node in chosen.items():
            parent.chosen = parent.children.index(node)
        summary = Summary(
            id=self.id,
            title=self.title,
            created=self.created,
            updated=self.updated,
            pinned=self.pinned,
            turns=len(self.turns),
            model=self.model,
            title_source=self.title_source,
            tags=tuple(self.tags),
            once=self.once,
        )
        return Loaded(summary, tree, self.system, self.budget, self.settings)


class _Header(Checked):
    r1chat: Literal["history"]
    schema_: Annotated[int, Field(alias="schema", ge=1)]
    conversations: list[Any]


def conversations(value: object) -> list[Loaded]:
    """Reads what `document.write` wrote.

    Args:
        value: The object, as JSON gives it.

    Raises:
        UsageError: If it is something else; says in which conversation the fault is.
    """
    try:
        header = _Header.model_validate(value)
    except ValidationError as error:
        message = f"it is no {KIND} of r1chat: {phrase(error)}"
        raise UsageError(message) from None
    if header.schema_ > SCHEMA:
        message = "it was written by a newer r1chat; update this one"
        raise UsageError(message)
    found = []
    for number, each in enumerate(header.conversations, 1):
        try:
            found.append(_Conversation.model_validate(each).loaded())
        except ValidationError as error:
            message = f"conversation {number}: {phrase(error)}"
            raise UsageError(message) from None
        except ValueError as error:
            message = f"conversation {number}: {line(str(error))}"
            raise UsageError(message) from None
    return found
