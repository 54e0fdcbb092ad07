"""Builds the prompt for a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from r1chat.errors import PromptError
from r1chat.prompt import framing, templates, turns
from r1chat.prompt.kinds import Framing, Has, Kind, asked_for, fallback, kind_of, unasked
from r1chat.prompt.parts import Content, Item, Message, Vocabulary
from r1chat.prompt.tokens import assemble
from r1chat.reasoning.formats import FORMATS, THINK, Format
from r1chat.reasoning.phrases import BRIEF, FINISHED


@dataclass(frozen=True, slots=True)
class Asked:
    """A message with words of r1chat's behind it."""

    role: Literal["system", "user", "assistant"]
    text: str
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Framed:
    """A conversation in its framing, not yet tokens."""

    items: tuple[Item, ...]
    kind: Kind
    notices: tuple[str, ...] = ()
    """What the user should know, each in one line."""
    prefilled: bool = False
    """Whether it ends with a thought that r1chat has written and closed."""
    stops: tuple[str, ...] = ()
    """Texts that end the reply although they are no markers."""
    others: tuple[Format, ...] = ()
    """Formats in which a thought may begin that nothing told of."""

    @property
    def opened(self) -> bool:
        """Whether it ends inside a thought."""
        return self.kind.format.opened_by(framing.ending(self.items))

    @property
    def closed(self) -> bool:
        """Whether it ends behind a thought."""
        return self.kind.format.closed_by(framing.ending(self.items))


@dataclass(frozen=True, slots=True)
class Prompt:
    """A conversation as tokens."""

    ids: tuple[int, ...]
    opened: bool
    """Whether it ends inside a thought."""
    thinks: bool
    """Whether this framing has thoughts at all."""
    framing: Framing
    notices: tuple[str, ...] = ()
    """What the user should know, each in one line."""
    prefilled: bool = False
    """Whether it ends with a thought that r1chat has written and closed."""
    stops: tuple[str, ...] = ()
    """Texts that end the reply although they are no markers."""
    closed: bool = False
    """Whether it ends behind a thought, one of r1chat's or of the template's."""
    brief: bool = False
    """Whether the last question asks for a thought in short lines."""
    format: Format = THINK
    """How thoughts are set apart."""
    others: tuple[Format, ...] = field(default=(), compare=False, repr=False)
    """Formats in which a thought may begin that nothing told of."""
    ends: frozenset[int] = field(default=frozenset(), compare=False, repr=False)
    """Tokens with which a turn begins or ends: a model that writes one has ended its reply, also
    where its file does not say so."""


def build(
    vocabulary: Vocabulary,
    messages: Sequence[Message],
    *,
    template: str | None,
    think: bool = True,
    raw: bool = False,
    brief: bool = False,
    formats: Sequence[Format] = FORMATS,
) -> Prompt:
    """Builds the prompt for a conversation.

    Nothing is remembered between calls: to make room, leave out the oldest question with its
    answer and build again.

    Args:
        vocabulary: The model's.
        messages: The conversation. System texts go where the framing wants them.
        template: The model's own chat template, if it has one.
        think: Whether there is to be a thought. If not, one is written that is already finished.
        raw: The last question alone, with the system text before it, and no framing.
        brief: A model that thinks although it was not made to is asked to do so in few words.
        formats: How models may set thoughts apart, those to be preferred first.

    Raises:
        PromptError: If the last message is not a question, or it is empty.
    """

    def has(marker: str) -> bool:
        return vocabulary.token_of(marker) is not None

    asked = messages
    if brief and think and not raw and template:
        asked = _briefly(messages, has, kind_of(has, template, formats))
    framed = frame(
        has,
        asked,
        template=template,
        think=think,
        raw=raw,
        bos=_text_of(vocabulary, vocabulary.bos),
        eos=_text_of(vocabulary, vocabulary.eos),
        end=vocabulary.eos,
        formats=formats,
    )
    kind = framed.kind
    within = {vocabulary.token_of(piece) for piece in kind.format.pieces}
    ids = assemble(vocabulary, framed.items)
    return Prompt(
        _with_bos(vocabulary, ids, always=kind.framing == "r1"),
        opened=framed.opened,
        thinks=kind.thinks,
        framing=kind.framing,
        notices=framed.notices,
        prefilled=framed.prefilled,
        stops=framed.stops,
        closed=framed.closed,
        brief=asked is not messages,
        format=kind.format,
        others=framed.others,
        ends=turns.tokens(vocabulary, framed.items) - within,
    )


def frame(  # noqa: PLR0913  (what a conversation is, what its model is, and how to ask it)
    has: Has,
    messages: Sequence[Message],
    *,
    template: str | None,
    think: bool = True,
    raw: bool = False,
    bos: str = "",
    eos: str = "",
    end: int | None = None,
    formats: Sequence[Format] = FORMATS,
) -> Framed:
    """Puts a conversation into its framing.

    Args:
        has: Whether the model's vocabulary has a marker.
        messages: As for `build`.
        template: As for `build`.
        think: As for `build`.
        raw: As for `build`.
        bos: The text of the token that begins a text.
        eos: The text of the token that ends one.
        end: That token, where messages bring their tokens along.
        formats: As for `build`.

    Raises:
        PromptError: If the last message is not a question, or it is empty.
    """
    if not messages or messages[-1].role != "user":
        msg = "a conversation must end with a question"
        raise PromptError(msg)
    if not messages[-1].text.strip():
        msg = "the question is empty"
        raise PromptError(msg)
    said = _Turns(messages, end)
    if raw:
        return _plain(said)
    kind = asked_for(kind_of(has, template, formats), said.system, formats)
    if kind.framing == "r1":
        framed = _framed(framing.r1(said.merged()), kind, think=think)
    elif not template:
        framed = _plain(said, "this model has no chat template: plain completion")
    else:
        try:
            items = _from_template(said, template, think=think, bos=bos, eos=eos)
        except templates.TemplateError as error:
            kind = asked_for(fallback(has, str(error), formats), said.system, formats)
            framed = _fallen_back(said, kind, think=think)
        else:
            framed = _framed(items, kind, think=think)
    within = framed.kind.format.pieces
    return replace(
        framed,
        stops=tuple(text for text in turns.texts(has, framed.items) if text not in within),
        others=unasked(framed.kind, said.question, formats),
    )


def _briefly(messages: Sequence[Message], has: Has, kind: Kind) -> Sequence[Message]:
    """A conversation whose last question asks for short thoughts, where the model needs that."""
    made_to_think = kind.format.opens != THINK.opens or has(kind.format.closes[0])
    if not messages or made_to_think or not kind.thinks:
        return messages
    last = messages[-1]
    return (*messages[:-1], Asked(last.role, f"{last.text}\n{BRIEF}", last.ids))


class _Turns:
    """A conversation: perhaps a system text, then question and answer by turns."""

    def __init__(self, messages: Sequence[Message], eos: int | None) -> None:
        self.system = "\n\n".join(m.text for m in messages if m.role == "system" and m.text.strip())
        self.turns: list[tuple[str, Content]] = []
        for message in messages:
            if message.role == "system":
                continue
            # A reply that never came leaves two questions in a row, which templates refuse.
            if self.turns and self.turns[-1][0] == message.role:
                before = self.turns.pop()[1].text
                content = Content(f"{before}\n\n{message.text}")
            else:
                ids = message.ids if message.role == "assistant" else ()
                # The framing ends an answer by itself.
                content = Content(message.text, ids[:-1] if ids[-1:] == (eos,) else ids)
            self.turns.append((message.role, content))

    @property
    def question(self) -> str:
        return self.turns[-1][1].text

    def with_system(self) -> list[tuple[str, Content]]:
        return [*([("system", Content(self.system))] if self.system else []), *self.turns]

    def merged(self) -> list[tuple[str, Content]]:
        """The turns, with the system text put before the first question."""
        turns = list(self.turns)
        first = next(i for i, (role, _) in enumerate(turns) if role == "user")
        if self.system:
            turns[first] = ("user", Content(f"{self.system}\n\n{turns[first][1].text}"))
        return turns


def _plain(turns: _Turns, *notices: str) -> Framed:
    text = f"{turns.system}\n\n{turns.question}" if turns.system else turns.question
    return Framed((Content(text),), Kind("plain", thinks=False), notices)


def _from_template(turns: _Turns, template: str, *, think: bool, bos: str, eos: str) -> list[Item]:
    messages = turns.with_system()
    rendering = templates.render(
        template, tuple(role for role, _ in messages), think=think, bos=bos, eos=eos
    )
    contents = [content for _, content in messages]
    if rendering.merged:
        contents[1:] = [content for _, content in turns.merged()]
    return templates.fill(rendering, contents)


def _fallen_back(turns: _Turns, kind: Kind, *, think: bool) -> Framed:
    """Frames a conversation whose template is unusable."""
    notice = f"this model's chat template is not used: {kind.why}"
    if kind.framing == "r1":
        items = framing.r1(turns.merged())
    elif kind.framing == "chatml":
        items = framing.chatml(turns.with_system())
    else:
        items = framing.transcript(turns.merged())
    return _framed(items, kind, notice, think=think)


def _framed(items: list[Item], kind: Kind, *notices: str, think: bool) -> Framed:
    format_, ending = kind.format, framing.ending(items)
    prefilled = not think and kind.thinks and not format_.closed_by(ending)
    if prefilled:
        opening = format_.opening
        if format_.opened_by(ending):
            opening = "\n" if opening.endswith("\n") and not ending.endswith("\n") else ""
        items = [*items, f"{opening}{FINISHED}\n{format_.closing}"]
    return Framed(tuple(items), kind, notices, prefilled)


def _with_bos(vocabulary: Vocabulary, ids: list[int], *, always: bool = False) -> tuple[int, ...]:
    """Makes the tokens begin with exactly one `bos` where one is wanted."""
    bos = vocabulary.bos
    if bos is None:
        return tuple(ids)
    count = next((i for i, token in enumerate(ids) if token != bos), len(ids))
    wanted = count > 0 or always or vocabulary.adds_bos
    return (*([bos] if wanted else []), *ids[count:])


def _text_of(vocabulary: Vocabulary, token: int | None) -> str:
    return "" if token is None else vocabulary.piece(token).decode("utf-8", "replace")
