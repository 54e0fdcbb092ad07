"""A vocabulary of bytes and markers, for tests of prompts without a model."""

from __future__ import annotations

import re

R1 = (
    "<｜begin▁of▁sentence｜>",
    "<｜end▁of▁sentence｜>",
    "<｜User｜>",
    "<｜Assistant｜>",
)
CHATML = ("<|endoftext|>", "<|im_end|>", "<|im_start|>")


class ToyVocabulary:
    """Tokenises as llama.cpp does: user-defined markers are parsed in plain text, too.

    Args:
        control: Markers that are parsed on request only; the first two begin and end a text.
        user: Markers that are always parsed.
        adds_bos: Whether the model wants a token at the beginning.
        prefixes: Whether a space is put before a text and after a marker, as SentencePiece does.
        escapes: Whether a space is the same as U+2581, so that a text can spell a marker otherwise.
    """

    def __init__(
        self,
        control: tuple[str, ...] = R1,
        user: tuple[str, ...] = ("<think>", "</think>"),
        *,
        adds_bos: bool = False,
        prefixes: bool = False,
        escapes: bool = False,
    ) -> None:
        self._names = dict(enumerate((*control, *user), 256))
        self._control = frozenset(control)
        self.bos = self.token_of(control[0]) if control else None
        self.eos = self.token_of(control[1]) if control else None
        self.adds_bos = adds_bos
        self._prefixes = prefixes
        self._escapes = escapes

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        names = [n for n in self._names.values() if special or n not in self._control]
        pattern = "|".join(re.escape(n) for n in sorted(names, key=len, reverse=True)) or "(?!)"
        if self._escapes:
            text = text.replace(" ", "▁")
        out: list[int] = []
        for part in re.split(f"({pattern})", text):
            token = self.token_of(part)
            if token is not None and part in names:
                out.append(token)
            elif part:
                plain = part.replace("▁", " ") if self._escapes else part
                if self._prefixes and (not out or self.is_marker(out[-1])):
                    plain = f" {plain}"
                out += plain.encode()
        return out

    def piece(self, token: int) -> bytes:
        return bytes([token]) if token < 256 else self._names[token].encode()

    def token_of(self, text: str) -> int | None:
        return next((token for token, name in self._names.items() if name == text), None)

    def is_marker(self, token: int) -> bool:
        return token >= 256

    def read(self, ids: tuple[int, ...] | list[int]) -> str:
        """Tokens as text."""
        return b"".join(map(self.piece, ids)).decode()

    def markers(self, ids: tuple[int, ...] | list[int]) -> list[str]:
        """The markers among the tokens, in order."""
        return [self._names[token] for token in ids if token >= 256]
