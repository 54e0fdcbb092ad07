"""How a model's conversations are framed, from what its file says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from r1chat.prompt import templates
from r1chat.prompt.framing import ASSISTANT, CHATML_START, USER
from r1chat.reasoning.phrases import CLOSE, OPEN

Framing: TypeAlias = Literal["r1", "template", "chatml", "transcript", "plain"]
"""What stands around the messages: R1's markers; the model's own chat template; where that is
unusable, ChatML's markers if the model has them, else "User:" and "Assistant:"; nothing."""

Has: TypeAlias = Callable[[str], bool]
"""Whether a vocabulary has a marker."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a model's conversations are framed."""

    framing: Framing
    thinks: bool
    """Whether this framing has thoughts at all."""
    why: str = ""
    """Why the model's own template is not used, where it is unusable."""


def kind_of(has: Has, template: str | None) -> Kind:
    """The framing of a model whose template, if it has one, can be used.

    DeepSeek's models that never think have R1's markers too; their template never mentions
    thoughts.
    """
    mentions = bool(template) and (CLOSE in str(template) or OPEN in str(template))
    if has(USER) and has(ASSISTANT) and (not template or mentions):
        return Kind("r1", thinks=True)
    if not template:
        return Kind("plain", thinks=False)
    return Kind("template", thinks=mentions or has(OPEN))


def fallback(has: Has, why: str) -> Kind:
    """The framing of a model whose template cannot be used."""
    if has(USER) and has(ASSISTANT):
        return Kind("r1", thinks=True, why=why)
    framing: Framing = "chatml" if has(CHATML_START) else "transcript"
    return Kind(framing, thinks=has(OPEN), why=why)


def tried(has: Has, template: str | None, *, bos: str = "", eos: str = "") -> Kind:
    """The framing of a model, after its template was rendered for a question.

    Args:
        has: Whether its vocabulary has a marker.
        template: Jinja, from a stranger.
        bos: The text of the token that begins a text.
        eos: The text of the token that ends one.
    """
    kind = kind_of(has, template)
    if kind.framing == "template" and template:
        try:
            templates.render(template, ("user",), think=True, bos=bos, eos=eos)
        except templates.TemplateError as error:
            return fallback(has, str(error))
    return kind
