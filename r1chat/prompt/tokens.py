"""Text and framing to tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from r1chat.prompt.parts import Item, Vocabulary

_HARMLESS = re.compile(r"[\w\s\u2581]*|.", re.DOTALL)
"""Markers that are let through in plain text: whitespace, words and single characters, which
vocabularies define as tokens for economy only. U+2581 is how some write a space."""

_MARKER_LIKE = re.compile(r"<[^][<>\n]{1,80}>|\[[^][<>\n]{1,80}\]")

# A byte that no tokenizer joins with what follows, in order of preference.
_GUARDS = ("\n", "\x02")


def plain(vocabulary: Vocabulary, text: str, *, continues: bool = False) -> list[int]:
    """Text to tokens, none of which is a marker, whatever the text says.

    A marker that the text spells out is cut in two and its halves are tokenised apart: they read
    as the same text, and are no marker. (User-defined tokens such as ``<think>`` are parsed by
    llama.cpp even where control tokens are not.) The tokens' pieces joined are the text, after
    the one space that SentencePiece vocabularies put in front.

    Args:
        vocabulary: The model's.
        text: The text.
        continues: Whether other text stands before it, so that it must not get that space.
    """
    text = text.encode("utf-8", "replace").decode()
    return _plain(vocabulary, text, continues=continues)


def assemble(vocabulary: Vocabulary, items: Iterable[Item]) -> list[int]:
    """Framing and contents to tokens.

    Only markers in the framing are parsed. What stands between two markers is tokenised in one
    piece by `plain`, so that a content and the framing's words beside it get the tokens that the
    model was trained on.
    """
    out: list[int] = []
    text = ""
    continues = False
    for item in _markers_apart(vocabulary, items):
        if isinstance(item, str):
            text += item
            continue
        if text:
            out += _plain(vocabulary, text, continues=continues)
            text = ""
        out += item
        # After a marker a new text starts; after sampled tokens it goes on.
        continues = not (len(item) == 1 and vocabulary.is_marker(item[0]))
    if text:
        out += _plain(vocabulary, text, continues=continues)
    return out


def markers(vocabulary: Vocabulary, items: Iterable[Item]) -> set[int]:
    """The markers that stand in a framing, those in contents left out."""
    return {
        part[0]
        for item in items
        if isinstance(item, str)
        for part in _parse(vocabulary, item)
        if not isinstance(part, str)
    }


def _markers_apart(vocabulary: Vocabulary, items: Iterable[Item]) -> Iterator[str | list[int]]:
    for item in items:
        if isinstance(item, str):
            yield from _parse(vocabulary, item)
        elif item.ids:
            yield list(item.ids)
        else:
            yield item.text.encode("utf-8", "replace").decode()


def _parse(vocabulary: Vocabulary, framing: str) -> Iterator[str | list[int]]:
    """Finds the markers in a framing; the text between them is left as it is."""
    at = 0
    strips = False
    for token in vocabulary.tokenize(framing, special=True) if framing else ():
        if not vocabulary.is_marker(token):
            continue
        name = vocabulary.piece(token).decode("utf-8", "replace")
        start = framing.find(name, at)
        if start < 0 or not name.strip():
            continue
        yield _stripped(vocabulary, framing[at:start], left=strips, before=(token, name))
        yield [token]
        at = start + len(name)
        # Some markers swallow the whitespace after them.
        following = framing[at : at + 1]
        strips = following.isspace() and vocabulary.tokenize(name + following, special=True) == [
            token
        ]
    yield framing[at:].lstrip() if strips else framing[at:]


def _stripped(vocabulary: Vocabulary, text: str, *, left: bool, before: tuple[int, str]) -> str:
    """A text between two markers, less the whitespace that they swallow."""
    if left:
        text = text.lstrip()
    token, name = before
    if text[-1:].isspace() and vocabulary.tokenize(text[-1] + name, special=True) == [token]:
        text = text.rstrip()
    return text


def _plain(vocabulary: Vocabulary, text: str, *, continues: bool) -> list[int]:
    """Tokenises a text, cutting it until no marker is left.

    Args:
        vocabulary: The model's.
        text: The text.
        continues: Whether other text stands before it, so that it must not get a space in front.
    """
    out: list[int] = []
    seen: dict[tuple[str, bool], list[int]] = {}
    # A stack, not a recursion: a text can consist of nothing but markers.
    todo = list(reversed(cut_markers(text, lambda name: vocabulary.token_of(name) is not None)))
    while todo:
        part = todo.pop()
        ids = seen.get((part, continues))
        if ids is None:
            tokenize = _continued if continues else _begun
            ids = tokenize(vocabulary, part)
            found = {token for token in set(ids) if _is_dangerous(vocabulary, token)}
            parts = _cut(part, [vocabulary.piece(token) for token in found]) if found else [part]
            if len(parts) > 1:
                todo += reversed(parts)
                continue
            seen[part, continues] = ids
        out += ids
        continues = continues or bool(part)
    return out


def cut_markers(text: str, is_marker: Callable[[str], bool]) -> list[str]:
    """Cuts a text inside everything that looks like a marker and is one.

    What slips through is found after tokenising. But llama.cpp takes the square of the markers'
    number to parse them: 16 s for 100,000.

    Args:
        text: The text.
        is_marker: Says whether a name is one; asked once for each.
    """
    known: dict[str, bool] = {}
    cuts = []
    for match in _MARKER_LIKE.finditer(text):
        name = match[0]
        if name not in known:
            known[name] = is_marker(name)
        if known[name]:
            cuts.append(match.start() + 1)
    return _cut_at(text, cuts)


def _cut_at(text: str, cuts: Sequence[int]) -> list[str]:
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def _is_dangerous(vocabulary: Vocabulary, token: int) -> bool:
    if not vocabulary.is_marker(token):
        return False
    return not _HARMLESS.fullmatch(vocabulary.piece(token).decode("utf-8", "replace"))


def _cut(text: str, markers: Sequence[bytes]) -> list[str]:
    """Cuts a text inside each of the markers, so that none can be parsed.

    Every part is shorter than the text, unless it is a single character.
    """
    names = [name for marker in markers if (name := marker.decode("utf-8", "replace")) in text]
    if not names:
        # The tokenizer normalises: the marker's text is not the source's. Narrow it down.
        half = len(text) // 2
        return [text[:half], text[half:]] if half else [text]
    pattern = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    cuts = [match.start() + 1 for match in re.finditer(pattern, text)]
    return _cut_at(text, cuts)


def _begun(vocabulary: Vocabulary, text: str) -> list[int]:
    return vocabulary.tokenize(text, special=False)


def _continued(vocabulary: Vocabulary, text: str) -> list[int]:
    """Tokenises a text without the space that SentencePiece vocabularies put in front."""
    ids = vocabulary.tokenize(text, special=False)
    if _leading_spaces(vocabulary.piece(token) for token in ids) <= _leading_spaces(
        [text.encode()]
    ):
        return ids
    for guard in _GUARDS:
        guarded = vocabulary.tokenize(guard + text, special=False)
        read = b""
        for at, token in enumerate(guarded):
            if read.lstrip(b" ") == guard.encode():
                return guarded[at:]
            read += vocabulary.piece(token)
    return ids


def _leading_spaces(pieces: Iterable[bytes]) -> int:
    count = 0
    for piece in pieces:
        rest = piece.lstrip(b" ")
        count += len(piece) - len(rest)
        if rest:
            break
    return count
