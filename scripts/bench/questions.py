"""Questions of a given length in tokens."""

from __future__ import annotations

import logging
import os
import random
from dataclasses import dataclass
from pathlib import Path

from r1chat import prompt
from r1chat.engine import loading, native
from r1chat.engine.base import Message
from r1chat.engine.native import api
from r1chat.engine.vocab import LlamaVocabulary

# Each is one token with the space before it, in R1's vocabularies.
_WORDS = ("time", "year", "way", "day", "thing", "world", "school", "state", "story", "night")


@dataclass(frozen=True)
class Question:
    """A question, and the prompt that r1chat makes of it."""

    text: str
    ids: tuple[int, ...]


class Asker:
    """Makes questions for a model.

    Args:
        model: The file; only its vocabulary is loaded.
    """

    def __init__(self, model: Path) -> None:
        # What llama.cpp has to say of a vocabulary goes to r1chat's log in life.
        logging.disable(logging.WARNING)
        native.start()
        params = api.llama_model_default_params()
        params.vocab_only = True
        self._model = api.llama_model_load_from_file(os.fsencode(model), params)
        assert self._model, f"{model} cannot be loaded"
        self.vocabulary = LlamaVocabulary(self._model)
        self._template = loading.chat_template(self._model)

    def ids(self, text: str) -> tuple[int, ...]:
        """The prompt for a text."""
        messages = (Message("user", text),)
        return tuple(prompt.build(self.vocabulary, messages, template=self._template).ids)

    def of_length(self, tokens: int) -> Question:
        """A question whose prompt has so many tokens, or just below where words are longer."""
        draw = random.Random(tokens)
        words = draw.choices(_WORDS, k=tokens)
        count = tokens
        while (length := len(self.ids(" ".join(words[:count])))) > tokens and count > 1:
            count = max(1, min(count - 1, count * tokens // length))
        text = " ".join(words[:count])
        while count < tokens and len(self.ids(longer := f"{text} {words[count]}")) <= tokens:
            text, count = longer, count + 1
        return Question(text, self.ids(text))
