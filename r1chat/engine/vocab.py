"""A loaded model's vocabulary: tokenises text, and detokenises."""

from __future__ import annotations

import ctypes
from array import array
from functools import cached_property
from typing import Any

from r1chat.engine.native import api
from r1chat.errors import EngineError
from r1chat.formatting import format_bytes

_MARKERS = (
    api.LLAMA_TOKEN_ATTR_CONTROL | api.LLAMA_TOKEN_ATTR_USER_DEFINED | api.LLAMA_TOKEN_ATTR_UNKNOWN
)


class LlamaVocabulary:
    """The vocabulary of a model, as `r1chat.prompt` needs it.

    Args:
        model: llama.cpp's handle of the model; it must outlive this object.
    """

    def __init__(self, model: Any) -> None:  # noqa: ANN401  (an opaque native handle)
        self._vocab = self.handle = api.llama_model_get_vocab(model)
        self.size: int = api.llama_vocab_n_tokens(self._vocab)
        self.bos = self._optional(api.llama_vocab_bos(self._vocab))
        self.eos = self._optional(api.llama_vocab_eos(self._vocab))
        self.adds_bos = bool(api.llama_vocab_get_add_bos(self._vocab))
        self._buffer = ctypes.create_string_buffer(256)
        self._shown: dict[int, bytes] = {}
        self._ends: dict[int, bool] = {}

    @cached_property
    def candidates(self) -> Candidates:
        """Room for all tokens as candidates."""
        return Candidates(self.size)

    @property
    def an_end(self) -> int | None:
        """A token with which the model ends its reply, if it has one."""
        found = (self.eos, self._optional(api.llama_vocab_eot(self._vocab)))
        return next((each for each in found if each is not None and self.ends_reply(each)), None)

    @staticmethod
    def _optional(token: int) -> int | None:
        return token if token >= 0 else None

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Text to tokens, without a token for the beginning of the text.

        Args:
            text: Any text.
            special: Whether control tokens in it are parsed.

        Raises:
            EngineError: If llama.cpp refuses the text.
        """
        data = text.encode("utf-8", "replace")
        room = len(data) + 16
        for _ in range(2):
            tokens = (api.llama_token * room)()
            count = api.llama_tokenize(
                self._vocab,
                data,
                len(data),
                tokens,
                room,
                False,  # noqa: FBT003  (a native signature)
                special,
            )
            if count >= 0:
                return list(tokens[:count])
            room = -count
        message = f"a text of {format_bytes(len(data))} cannot be tokenised"
        raise EngineError(message)

    def piece(self, token: int) -> bytes:
        """The bytes of a token, those of control tokens too."""
        return self._render(token, special=True)

    def shown(self, token: int) -> bytes:
        """The bytes of a token that a reader should see: none for control tokens."""
        data = self._shown.get(token)
        if data is None:
            data = self._shown[token] = self._render(token, special=False)
        return data

    def _render(self, token: int, *, special: bool) -> bytes:
        size = len(self._buffer)
        count = api.llama_token_to_piece(self._vocab, token, self._buffer, size, 0, special)
        if count < 0:
            self._buffer = ctypes.create_string_buffer(-count)
            count = api.llama_token_to_piece(self._vocab, token, self._buffer, -count, 0, special)
        return self._buffer.raw[:count]

    def token_of(self, text: str) -> int | None:
        """The marker whose text is exactly this, e.g. ``<think>``, or None."""
        tokens = self.tokenize(text, special=True)
        # Vocabularies that put a space before a text give it a token of its own.
        if len(tokens) > 1 and not self.piece(tokens[0]).strip():
            tokens = tokens[1:]
        if len(tokens) != 1 or not self.is_marker(tokens[0]):
            return None
        return tokens[0] if self.piece(tokens[0]).strip() == text.encode() else None

    def is_marker(self, token: int) -> bool:
        """Whether a token is a control token."""
        return bool(api.llama_vocab_get_attr(self._vocab, token) & _MARKERS)

    def ends_reply(self, token: int) -> bool:
        """Whether the model ends its reply with this token."""
        ends = self._ends.get(token)
        if ends is None:
            ends = self._ends[token] = bool(api.llama_vocab_is_eog(self._vocab, token))
        return ends


class Candidates:
    """An array of all tokens with their logits, as samplers take it.

    Made once: to make it takes as long as to fill it many times.

    Args:
        size: Tokens of the vocabulary.
    """

    def __init__(self, size: int) -> None:
        self.data = (api.llama_token_data * size)()
        self._ids = memoryview(array("i", range(size)))
        self._row = ctypes.POINTER(ctypes.c_float * size)
        plain = memoryview(self.data).cast("B")
        fields = ctypes.sizeof(api.llama_token_data) // ctypes.sizeof(ctypes.c_float)
        self._id_places = plain.cast("i")[::fields]
        self._logit_places = plain.cast("f")[1::fields]

    def fill(self, logits: Any) -> int:  # noqa: ANN401  (an opaque native handle)
        """Puts all tokens into it, in order; returns how many they are."""
        row = ctypes.cast(logits, self._row).contents
        self._id_places[:] = self._ids
        self._logit_places[:] = memoryview(row).cast("B").cast("f")
        return len(self._ids)
