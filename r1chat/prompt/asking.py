"""The words with which a model that does not think by itself is asked to, and its thought begins.

They stand behind the question in the prompt and nowhere else: the conversation never has them.
docs/thinking.md says what was tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from r1chat.events import LanguageCode, ThoughtStyle
from r1chat.reasoning.drift import language_of_question
from r1chat.reasoning.phrases import BRIEF, STEPS_BOXED, THINK_FIRST, THINK_FIRST_BRIEF
from r1chat.reasoning.rescue import asks_for_box

BEGINNINGS: Mapping[LanguageCode, str] = MappingProxyType(
    {
        "en": "The user wants",
        "de": "Der Nutzer möchte",
        "fr": "L'utilisateur veut",
        "es": "El usuario quiere",
        "it": "L'utente vuole",
        "pt": "O usuário quer",
        "nl": "De gebruiker wil",
        "ru": "Пользователь хочет",
        "uk": "Користувач хоче",
        "zh": "用户想",
        "ja": "ユーザーは",
        "ko": "사용자는",
        "ar": "يريد المستخدم",
        "hi": "उपयोगकर्ता",
    }
)
"""What begins a thought in the question's language. Without it a model that was never taught to
think writes its answer there; and a thought in another language draws the answer after it."""


@dataclass(frozen=True, slots=True)
class Asking:
    """How a thought is asked for."""

    words: str = ""
    """What stands behind the question."""
    begins: str = ""
    """What the thought begins with."""


def asking(style: ThoughtStyle, question: str, system: str, close: str) -> Asking:
    """How to ask for a thought that r1chat opens.

    Args:
        style: What kind of thought is wanted.
        question: The question.
        system: What else the model is told.
        close: What closes the thought.
    """
    said = (system, question)
    if not asks_for_box(said):
        words = THINK_FIRST if style == "free" else THINK_FIRST_BRIEF
        language = language_of_question(question) or "en"
        return Asking(words.format(close), BEGINNINGS[language])
    asks_for_steps = any("step by step" in text.lower() for text in said)
    steps = "" if asks_for_steps else STEPS_BOXED
    return Asking("\n".join(filter(None, (steps, BRIEF if style == "brief" else ""))))
