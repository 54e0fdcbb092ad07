"""Builds the prompt for a conversation."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from r1chat.errors import PromptError
from r1chat.events import ThoughtStyle
from r1chat.prompt import framing, switches, templates, turns
from r1chat.prompt.asking import Asking, asking
from r1chat.prompt.kinds import Framing, Has, Kind, asked_for, fallback, kind_of, seen, unasked
from r1chat.prompt.parts import Content, Item, Message, Vocabulary
from r1chat.prompt.tokens import assemble
from r1chat.reasoning.formats import FORMATS, THINK, Format
from r1chat.reasoning.phrases import BRIEF, FINISHED

_NO_TEMPLATE = "this model has no chat template: plain completion"
_NO_TEMPLATE_FIRST = (
    "this model has no chat template, in which it could be asked to think: plain completion"
)


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
    style: ThoughtStyle | None = None
    """How the last question asks for a thought, where r1chat has it do so."""
    begins: str = ""
    """What that thought begins with, in r1chat's words."""
    effort: str = ""
    """What the template was told of how long to think; empty where that is its own affair."""

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
    style: ThoughtStyle | None = None
    """How the last question asks for a thought, where r1chat has it do so."""
    begins: str = ""
    """What that thought begins with, in r1chat's words."""
    format: Format = THINK
    """How thoughts are set apart."""
    others: tuple[Format, ...] = field(default=(), compare=False, repr=False)
    """Formats in which a thought may begin that nothing told of."""
    effort: str = ""
    """What the template was told of how long to think; empty where that is its own affair."""
    ends: frozenset[int] = field(default=frozenset(), compare=False, repr=False)
    """Tokens with which a turn begins or ends: a model that writes one has ended its reply, also
    where its file does not say so."""


def build(  # noqa: PLR0913  (what a conversation is, what its model is, and how to ask it)
    vocabulary: Vocabulary,
    messages: Sequence[Message],
    *,
    template: str | None,
    think: bool = True,
    first: bool = False,
    brief: bool = False,
    effort: int | str | None = None,
    opens: bool = False,
    raw: bool = False,
    formats: Sequence[Format] = FORMATS,
) -> Prompt:
    """Builds the prompt for a conversation.

    Nothing is remembered between calls: to make room, leave out the oldest question with its
    answer and build again.

    Args:
        vocabulary: The model's.
        messages: The conversation. System texts go where the framing wants them.
        template: The model's own chat template, if it has one.
        think: Whether there may be a thought. If not, one is written that is already finished.
        first: Whether a model that does not think by itself is asked to, and its thought opened.
        brief: Whether a model that thinks although it was not made to is asked for short lines.
        effort: Tokens of budget, for templates that take a word for it; or what one was told
            before, to tell it the same.
        opens: Whether a thought is opened that the model would open itself.
        raw: The last question alone, with the system text before it, and no framing.
        formats: How models may set thoughts apart, those to be preferred first.

    Raises:
        PromptError: If the last message is not a question, or it is empty.
    """

    def has(marker: str) -> bool:
        return vocabulary.token_of(marker) is not None

    framed = frame(
        has,
        messages,
        template=template,
        think=think,
        first=first,
        brief=brief,
        effort=effort,
        opens=opens,
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
        style=framed.style,
        begins=framed.begins,
        format=kind.format,
        others=framed.others,
        effort=framed.effort,
        ends=turns.tokens(vocabulary, framed.items) - within,
    )


def frame(  # noqa: PLR0913  (what a conversation is, what its model is, and how to ask it)
    has: Has,
    messages: Sequence[Message],
    *,
    template: str | None,
    think: bool = True,
    first: bool = False,
    brief: bool = False,
    effort: int | str | None = None,
    opens: bool = False,
    raw: bool = False,
    bos: str = "",
    eos: str = "",
    end: int | None = None,
    formats: Sequence[Format] = FORMATS,
    render: templates.Render | None = None,
) -> Framed:
    """Puts a conversation into its framing.

    Args:
        has: Whether the model's vocabulary has a marker.
        messages: As for `build`.
        template: As for `build`.
        think: As for `build`.
        first: As for `build`.
        brief: As for `build`.
        effort: As for `build`.
        opens: As for `build`.
        raw: As for `build`.
        bos: The text of the token that begins a text.
        eos: The text of the token that ends one.
        end: That token, where messages bring their tokens along.
        formats: As for `build`.
        render: Renders the template, where that is done elsewhere.

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
    kind = kind_of(has, template, formats)
    rendering, told, quiet = None, "", False
    notices: tuple[str, ...] = ()
    if kind.framing == "template" and template:
        renders = render or _here(template, bos=bos, eos=eos)

        def rendered(telling: switches.Telling) -> templates.Rendering:
            return renders(said.roles, telling, said.thoughts)

        try:
            tellings = switches.tellings(template, think=think, effort=effort)
            rendering, telling, kind = _first_fitting(
                rendered, tellings, kind, formats, think=think
            )
            told = telling.effort
            if not think and not kind.format.closed_by(rendering.ending):
                # Where it takes back its request for a thought, none has to be closed.
                usual = next(switches.tellings(template, think=True, effort=told))
                with contextlib.suppress(templates.TemplateError):
                    quiet = rendered(usual).items != rendering.items
        except templates.TemplateError as error:
            kind = fallback(has, str(error), formats)
            notices = (f"this model's chat template is not used: {kind.why}",)
    kind = asked_for(kind, said.system, formats)
    others = unasked(kind, said.question, formats)
    asks = think and first and not kind.native and kind.framing != "plain"
    kind = kind.asked(formats, f"{said.system}\n{said.question}") if asks else kind
    style = _style(kind, has, opens=asks, brief=brief) if think else None
    how = Asking(BRIEF) if style else Asking()
    if asks and style is not None:
        how = asking(style, said.question, said.system, kind.format.closes[0])
    said.add(how.words)
    if kind.framing == "plain":
        framed = _plain(said, _NO_TEMPLATE_FIRST if first and think else _NO_TEMPLATE)
    else:
        opens = asks or (think and opens and kind.thinks)
        items = _items(said, kind, rendering)
        framed = _framed(items, kind, *notices, think=think or quiet, opens=opens)
    within = framed.kind.format.pieces
    return replace(
        framed,
        stops=tuple(text for text in turns.texts(has, framed.items) if text not in within),
        others=() if asks else others,
        style=style,
        begins=how.begins,
        effort=told,
    )


def _here(template: str, *, bos: str, eos: str) -> templates.Render:
    """Renders a template in a child process."""

    def render(
        roles: tuple[str, ...], told: switches.Telling, thoughts: frozenset[int]
    ) -> templates.Rendering:
        return templates.render(template, roles, told=told, thoughts=thoughts, bos=bos, eos=eos)

    return render


def _first_fitting(
    render: Callable[[switches.Telling], templates.Rendering],
    tellings: Iterable[switches.Telling],
    kind: Kind,
    formats: Sequence[Format],
    *,
    think: bool,
) -> tuple[templates.Rendering, switches.Telling, Kind]:
    """Tells a template of thinking in the first way that gives what is wanted, if any does.

    Raises:
        TemplateError: If it cannot be rendered at all.
    """
    first: tuple[templates.Rendering, switches.Telling, Kind] | None = None
    failure = templates.TemplateError("it gives nothing")
    for telling in tellings:
        try:
            rendering = render(telling)
        except templates.TemplateError as error:
            failure = error
            continue
        found = rendering, telling, seen(kind, rendering.ending, formats)
        first = first or found
        closed = found[2].format.closed_by(rendering.ending)
        if not found[2].thinks or closed is not think:
            return found
    if first is None:
        raise failure
    return first


def _style(kind: Kind, has: Has, *, opens: bool, brief: bool) -> ThoughtStyle | None:
    """How to ask for a thought, where the model needs that.

    Args:
        kind: How the conversation is framed.
        has: Whether the model's vocabulary has a marker.
        opens: Whether r1chat opens the thought, because the model would not.
        brief: Whether there is room for short lines alone.
    """
    if opens:
        return "brief" if brief else "free"
    made_to_think = kind.format.opens != THINK.opens or has(kind.format.closes[0])
    # Who describes the thought to the model has a style of their own.
    described = kind.found == "text"
    return "brief" if brief and kind.thinks and not (made_to_think or described) else None


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
                is_answer = message.role == "assistant"
                ids = message.ids if is_answer else ()
                # The framing ends an answer by itself.
                ids = ids[:-1] if ids[-1:] == (eos,) else ids
                content = Content(message.text, ids, message.thought if is_answer else "")
            self.turns.append((message.role, content))

    @property
    def roles(self) -> tuple[str, ...]:
        """Whose the messages are, a system text among them."""
        return tuple(role for role, _ in self.with_system())

    @property
    def thoughts(self) -> frozenset[int]:
        """The messages whose thoughts are known."""
        said = enumerate(content for _, content in self.with_system())
        return frozenset(at for at, content in said if content.thought.strip())

    @property
    def question(self) -> str:
        return self.turns[-1][1].text

    def add(self, words: str) -> None:
        """Puts words behind the question."""
        if words:
            self.turns[-1] = ("user", Content(f"{self.question}\n{words}"))

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


def _items(turns: _Turns, kind: Kind, rendering: templates.Rendering | None) -> list[Item]:
    """What stands around the turns, and they."""
    if rendering is not None:
        contents = [content for _, content in turns.with_system()]
        if rendering.merged:
            contents[1:] = [content for _, content in turns.merged()]
        return templates.fill(rendering, contents)
    if kind.framing == "r1":
        return framing.r1(turns.merged())
    if kind.framing == "chatml":
        return framing.chatml(turns.with_system())
    return framing.transcript(turns.merged())


def _framed(
    items: list[Item], kind: Kind, *notices: str, think: bool, opens: bool = False
) -> Framed:
    format_, ending = kind.format, framing.ending(items)
    if opens and not format_.opened_by(ending):
        # A transcript ends in a colon, and the reply begins behind a space.
        gap = " " if ending.endswith(":") else ""
        items = [*items, f"{gap}{format_.opening}"]
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
