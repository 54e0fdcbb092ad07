"""A format of thoughts in the tokens of one model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from r1chat import prompt
from r1chat.engine.parts import Vocabulary
from r1chat.reasoning.formats import Format, pieces_of


@dataclass(frozen=True, slots=True)
class Tags:
    """Which tokens open and close thoughts."""

    format: Format
    opens: Mapping[int, str]
    """Tokens that open a thought, each with its text."""
    closes: Mapping[int, str]
    """Tokens that close a thought."""
    ends: frozenset[int]
    """Those of them that end any message, the answer too."""
    pieces: Mapping[int, str]
    """Tokens that mean something only together with what stands beside them, and wrappers."""
    opening: tuple[str | list[int], ...]
    """What opens a thought, in tokens or in text that is yet to be tokenised."""
    closing: tuple[str | list[int], ...]
    """What leads from a thought to its answer."""
    shown: Mapping[str, str] = field(default_factory=dict)
    """What is shown of each piece that is no part of a marker, by its text; what is no token is
    looked for in the text of tokens."""

    @property
    def scan(self) -> bool:
        """Whether markers are looked for in what tokens spell."""
        return not self.closes

    @property
    def by_token(self) -> bool:
        """Whether an answer's tokens are its text and nothing more."""
        return not (self.scan or self.pieces or self.format.wrappers)


def tags_of(format_: Format, vocabulary: Vocabulary, *, whole: bool = False) -> Tags:
    """Finds a format's markers in a vocabulary.

    Args:
        format_: How the model sets its thoughts apart.
        vocabulary: The model's.
        whole: Whether to leave out tokens that are only a piece of a marker.
    """

    def tokens(texts: Iterable[str]) -> dict[int, str]:
        found = {vocabulary.token_of(text): text for text in texts}
        return {token: text for token, text in found.items() if token is not None}

    # A token that is also the end of a longer marker says nothing before the rest is known.
    parts = {part for marker in format_.markers for part in pieces_of(marker) if part != marker}
    opens = tokens(marker for marker in format_.opens if marker not in parts)
    closes = tokens(marker for marker in format_.closes if marker not in parts)
    single = opens | closes
    rest = [marker for marker in format_.markers if marker not in single.values()]
    pieces = {} if whole else tokens(tuple(each for one in rest for each in pieces_of(one)))
    pieces = {token: text for token, text in pieces.items() if token not in single}

    def written(text: str, markers: tuple[str, ...]) -> tuple[str | list[int], ...]:
        marker = next(each for each in markers if text.lstrip(" ").startswith(each))
        before, _, behind = text.partition(marker)
        token = next((token for token, name in single.items() if name == marker), None)
        if token is not None and not behind.strip():
            return ([token], behind)
        if token is None and not pieces:
            return (before + marker, behind)
        return (prompt.assemble(vocabulary, (text,)),)

    names = pieces | (single if closes else {})
    return Tags(
        format_,
        opens,
        closes,
        frozenset(token for token, text in closes.items() if text not in format_.lone),
        pieces,
        written(format_.opening, format_.opens),
        written(format_.closing, format_.closes),
        {text: vocabulary.shown(token).decode("utf-8", "replace") for token, text in names.items()},
    )
