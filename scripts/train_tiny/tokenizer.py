"""A byte-level BPE of the Qwen2 family with about a thousand tokens.

Merges only ever grow a word from its start, where that start is a space or a
capital letter. So any other word (`raspberry`) is a short known head and then
letters one by one, and the model can spell it; and a text cut at any place
has the tokens of its two halves, which makes a stopped thought look the same
as one that ended by itself.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import regex

from .pattern import PATTERN

SPECIALS = (
    "<｜begin▁of▁sentence｜>",
    "<｜end▁of▁sentence｜>",
    "<｜User｜>",
    "<｜Assistant｜>",
    "<think>",
    "</think>",
)
CONTROL = SPECIALS[:4]
WORDS = regex.compile(PATTERN)
# Late merges: "boxed" is read backwards so that no common word is touched.
LATE = (("x", "e"), ("xe", "d"), ("o", "xed"), ("b", "oxed"))


def byte_alphabet() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes, in byte order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    out = []
    extra = 0
    for byte in range(256):
        if byte in printable:
            out.append(chr(byte))
        else:
            out.append(chr(256 + extra))
            extra += 1
    return out


ALPHABET = byte_alphabet()


def spelled(text: str) -> str:
    """Write text in GPT-2's stand-ins."""
    return "".join(ALPHABET[byte] for byte in text.encode())


class Tokenizer:
    """Splits text into ids, specials included, and joins them again."""

    def __init__(self, merges: list[tuple[str, str]]) -> None:
        """Build the vocabulary: bytes, then one token a merge, then specials."""
        self.merges = merges
        self.tokens = [*ALPHABET, *(a + b for a, b in merges), *SPECIALS]
        self.ids = {token: index for index, token in enumerate(self.tokens)}
        self._ranks = {pair: rank for rank, pair in enumerate(merges)}
        self._cache: dict[str, list[int]] = {}
        self._specials = regex.compile("(" + "|".join(map(regex.escape, SPECIALS)) + ")")

    def __len__(self) -> int:
        """Return the size of the vocabulary."""
        return len(self.tokens)

    @property
    def eos(self) -> int:
        """Id of the end of a reply."""
        return self.ids[SPECIALS[1]]

    @cached_property
    def _bytes(self) -> dict[str, int]:
        return {char: byte for byte, char in enumerate(ALPHABET)}

    def _word(self, word: str) -> list[int]:
        pieces = list(spelled(word))
        while len(pieces) > 1:
            ranked = [
                (self._ranks[pair], index)
                for index, pair in enumerate(pairwise(pieces))
                if pair in self._ranks
            ]
            if not ranked:
                break
            _, index = min(ranked)
            pieces[index : index + 2] = [pieces[index] + pieces[index + 1]]
        return [self.ids[piece] for piece in pieces]

    def encode(self, text: str) -> list[int]:
        """Tokenise text, reading special tokens in it."""
        out: list[int] = []
        for piece in self._specials.split(text):
            if piece in SPECIALS:
                out.append(self.ids[piece])
                continue
            for word in WORDS.findall(piece):
                found = self._cache.get(word)
                if found is None:
                    found = self._word(word)
                    self._cache[word] = found
                out.extend(found)
        return out

    def decode(self, ids: Iterable[int]) -> str:
        """Join ids to text; specials are written out."""
        raw = bytearray()
        for index in ids:
            token = self.tokens[index]
            if token in SPECIALS:
                raw += token.encode()
            else:
                raw += bytes(self._bytes[char] for char in token)
        return raw.decode(errors="replace")

    def save(self, path: Path) -> None:
        """Write the merges as JSON."""
        path.write_text(json.dumps(self.merges), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """Read what `save` wrote."""
        return cls([(a, b) for a, b in json.loads(path.read_text(encoding="utf-8"))])


def learn(texts: Iterable[str], size: int) -> Tokenizer:
    """Choose the merges that save most tokens, within `size` tokens in all."""
    counts: Counter[str] = Counter()
    for text in texts:
        for piece in regex.split("|".join(map(regex.escape, SPECIALS)), text):
            counts.update(WORDS.findall(piece))
    merges: list[tuple[str, str]] = []
    for sign in "×÷−":
        first, *others = spelled(sign)
        for char in others:
            merges.append((first, char))
            first += char
        merges.append((spelled(" "), first))
    heads = Counter[str]()
    for word, count in counts.items():
        if word.isascii() and word[1:].isalpha() and (word[0] == " " or word[0].isupper()):
            for end in range(2, len(word) + 1):
                heads[word[:end]] += count
    for sign, count in counts.items():
        if len(sign) == 2 and sign[0] == " " and sign.isascii() and not sign[1].isspace():
            heads[sign] += count
    # A head's count is never above that of its own head, so chains stay whole;
    # those with a space come first, or " Let" would be a space and "Let".
    room = size - len(ALPHABET) - len(SPECIALS) - len(LATE) - len(merges)
    chosen = sorted(heads, key=lambda head: (-heads[head], len(head), head))[:room]
    chosen.sort(key=lambda head: head[0] != " ")
    merges += [(spelled(head[:-1]), spelled(head[-1])) for head in chosen]
    merges += LATE
    return Tokenizer(merges)
