"""How a model's conversations are framed, from what its file says."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from r1chat.prompt import switches, templates
from r1chat.prompt.framing import ASSISTANT, CHATML_START, USER
from r1chat.reasoning.formats import FORMATS, THINK, Format, is_own, pieces_of

Framing: TypeAlias = Literal["r1", "template", "chatml", "transcript", "plain"]
"""What stands around the messages: R1's markers; the model's own chat template; where that is
unusable, ChatML's markers if the model has them, else "User:" and "Assistant:"; nothing."""

Found: TypeAlias = Literal["tokens", "template", "text", "asked", ""]
"""What tells how a model sets its thoughts apart: its markers are tokens; its template or R1's
framing has them; the system text asks for them; r1chat does; nothing does."""

Has: TypeAlias = Callable[[str], bool]
"""Whether a vocabulary has a marker."""

_SWITCHED = re.compile(r"\b(?:if|and|not) thinking\b")
"""How DeepSeek's templates look at their switch."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a model's conversations are framed."""

    framing: Framing
    thinks: bool
    """Whether this framing has thoughts at all."""
    why: str = ""
    """Why the model's own template is not used, where it is unusable."""
    format: Format = THINK
    """How thoughts are set apart."""
    found: Found = ""
    """What tells so."""
    expected: bool = False
    """Whether the template itself has the markers, so that no other format is looked for."""

    @property
    def native(self) -> bool:
        """Whether conversations in this framing are known to have thoughts.

        Markers among the tokens alone do not tell: models that never think may share the
        vocabulary of a family that does.
        """
        return self.thinks and (self.expected or self.found == "text")

    def asked(self, formats: Sequence[Format], said: str) -> Kind:
        """The same framing, where r1chat asks for a thought and opens it.

        Models like to put their answer into a wrapper then, which is taken off it, unless the user
        speaks of one.

        Args:
            formats: As for `kind_of`.
            said: The system text and the question.
        """
        ours = self.format
        alike = (each for each in formats if each.wrapped and each.opens == ours.opens)
        wrapped = next(alike, ours)
        if _mentions_wrapper(said, wrapped):
            wrapped = ours
        return replace(self, thinks=True, found="asked", expected=True, format=wrapped)


def is_r1(has: Has) -> bool:
    """Whether a vocabulary has R1's markers."""
    return has(USER) and has(ASSISTANT)


def kind_of(has: Has, template: str | None, formats: Sequence[Format] = FORMATS) -> Kind:
    """The framing of a model whose template, if it has one, can be used.

    DeepSeek's models that never think have R1's markers too; their template never mentions
    thoughts. That of those that can think or not, from V3.1 on, has a switch for it.

    Args:
        has: Whether the model's vocabulary has a marker.
        template: Its template.
        formats: How models may set thoughts apart, those to be preferred first.
    """
    text = template or ""
    may_be_r1 = not text or (_mentions(text, THINK) and not _SWITCHED.search(text))
    if may_be_r1 and is_r1(has):
        return _r1(has)
    if not text:
        return Kind("plain", thinks=False)
    format_, found, expected = _recognised(has, text, formats)
    return Kind("template", thinks=bool(found), format=format_, found=found, expected=expected)


def fallback(has: Has, why: str, formats: Sequence[Format] = FORMATS) -> Kind:
    """The framing of a model whose template cannot be used."""
    if is_r1(has):
        return _r1(has, why)
    framing: Framing = "chatml" if has(CHATML_START) else "transcript"
    format_, found, _ = _recognised(has, "", formats)
    return Kind(framing, thinks=bool(found), why=why, format=format_, found=found)


def _r1(has: Has, why: str = "") -> Kind:
    found: Found = "tokens" if has(THINK.opens[0]) else "template"
    return Kind("r1", thinks=True, why=why, found=found, expected=True)


def _recognised(has: Has, template: str, formats: Sequence[Format]) -> tuple[Format, Found, bool]:
    """The format that most tells of, what does, and whether the template is among it."""
    best: tuple[tuple[bool, bool, bool], Format] = ((False, False, False), THINK)
    for format_ in formats:
        expected = _mentions(template, format_)
        if format_.wrapped and not (expected and _mentions_wrapper(template, format_)):
            continue
        tokens = not format_.sentences and all(map(has, pieces_of(format_.opens[0])))
        evidence = (expected, tokens, format_.wrapped)
        if evidence[:2] != (False, False) and evidence > best[0]:
            best = (evidence, format_)
    (expected, tokens, _), format_ = best
    return format_, "tokens" if tokens else "template" if expected else "", expected


def _mentions(text: str, format_: Format) -> bool:
    return any(marker in text for marker in (*format_.opens, *format_.lone))


def _mentions_wrapper(text: str, format_: Format) -> bool:
    return any(begins in text for begins, _ in format_.wrappers)


def asked_for(kind: Kind, system: str, formats: Sequence[Format] = FORMATS) -> Kind:
    """A model's kind, where the system text asks it for thoughts in some format.

    It counts only where nothing but the vocabulary told of another one, or where it adds a
    wrapper to the answer.

    Args:
        kind: As the model's file says.
        system: What the user, or a preset, has the model told.
        formats: As for `kind_of`.
    """
    for format_ in sorted(formats, key=lambda each: not each.wrapped):
        names = format_.opens[0] in system and format_.closes[0] in system
        if format_.wrapped:
            names = names and _mentions_wrapper(system, format_)
        same = (format_.opens, format_.closes) == (kind.format.opens, kind.format.closes)
        if names and format_.wrapped and same and not kind.format.wrapped:
            return replace(kind, format=format_)
        if names and not (kind.expected or same):
            return replace(kind, format=format_, found="text")
    return kind


def seen(kind: Kind, ending: str, formats: Sequence[Format] = FORMATS) -> Kind:
    """A model's kind, after its template was rendered: a thought that it opens says most.

    Args:
        kind: As the text of the template says.
        ending: What it writes behind the last message.
        formats: As for `kind_of`.
    """
    if kind.format.opened_by(ending) or kind.format.closed_by(ending):
        return kind
    for each in formats:
        if not each.wrapped and each.opened_by(ending):
            return replace(kind, thinks=True, format=each, found="template", expected=True)
    return kind


def unasked(kind: Kind, question: str, formats: Sequence[Format] = FORMATS) -> tuple[Format, ...]:
    """The formats in which a thought may begin that nothing told of.

    Not what the question speaks of: that is wanted in the answer. Where the template has markers
    of its own, or the system text asks for some, only a user's own formats.

    Args:
        kind: As the model's file says.
        question: What it is asked.
        formats: As for `kind_of`.
    """
    told = kind.expected or kind.found == "text"
    return tuple(
        each
        for each in formats
        if (is_own(each) or not (told or each.sentences or each.wrapped))
        and each.opens != kind.format.opens
        and not _mentions(question, each)
    )


def tried(
    has: Has,
    template: str | None,
    *,
    bos: str = "",
    eos: str = "",
    formats: Sequence[Format] = FORMATS,
) -> Kind:
    """The framing of a model, after its template was rendered for a question.

    Args:
        has: Whether its vocabulary has a marker.
        template: Jinja, from a stranger.
        bos: The text of the token that begins a text.
        eos: The text of the token that ends one.
        formats: As for `kind_of`.
    """
    kind = kind_of(has, template, formats)
    if kind.framing == "template" and template:
        try:
            told = next(switches.tellings(template, think=True))
            rendering = templates.render(template, ("user",), told=told, bos=bos, eos=eos)
        except templates.TemplateError as error:
            return fallback(has, str(error), formats)
        return seen(kind, rendering.ending, formats)
    return kind
