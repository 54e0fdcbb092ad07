"""A text is spelled in the tokens of a saved state, and markers stay what they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from r1chat.engine.respelling import respelled

PIECES = ["u", "n", "a", "b", "le", "un", "able", "unable", "\n", "\n\n", " ", "é"]
MARKER = len(PIECES)
SPELLED = "<think>"


class Words:
    """A vocabulary of a few pieces, the halves of a character, a marker, and letters that spell
    it."""

    bos = eos = None
    adds_bos = False
    pieces = (*(each.encode() for each in PIECES), SPELLED.encode(), b"\xc3", b"\xa9")
    letters = tuple(letter.encode() for letter in SPELLED)

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        raise NotImplementedError

    def piece(self, token: int) -> bytes:
        return (*self.pieces, *self.letters)[token]

    def token_of(self, text: str) -> int | None:
        raise NotImplementedError

    def is_marker(self, token: int) -> bool:
        return token == MARKER


WORDS = Words()
TOKENS = st.lists(st.integers(0, len(Words.pieces) + len(Words.letters) - 1), max_size=8)


def spelled(*texts: str) -> list[int]:
    return [[*PIECES, SPELLED].index(text) for text in texts]


def test_a_text_takes_the_tokens_that_it_was_written_in() -> None:
    known = spelled("u", "n", "able", "<think>", "unable", "b")
    made = spelled("unable", "<think>", "un", "able", " ", "a")
    assert respelled(made, known, WORDS) == spelled("u", "n", "able", "<think>", "unable", " ", "a")


def test_what_ends_inside_a_token_is_spelled_as_before_up_to_there() -> None:
    made = spelled("a", "unable", "b")
    assert respelled(made, spelled("a", "un", "a"), WORDS) == made
    assert respelled(made, spelled("a", "un", "able"), WORDS) == spelled("a", "un", "able", "b")


def test_text_that_spells_a_marker_never_becomes_one() -> None:
    letters = [len(Words.pieces) + i for i in range(len(SPELLED))]
    assert respelled(letters, [MARKER], WORDS) == letters
    assert respelled([MARKER], letters, WORDS) == [MARKER]


def test_white_space_that_a_text_has_lost_behind_markers_comes_back() -> None:
    made = spelled("<think>", "un", "able")
    known = spelled("<think>", "\n\n", "\n", "u", "n", "able")
    assert respelled(made, known, WORDS) == made
    assert respelled(made, known, WORDS, spaced=True) == known
    kept = spelled("<think>", "\n\n", "un")
    assert respelled(kept, spelled("<think>", "\n", "\n", "b"), WORDS, spaced=True) == spelled(
        "<think>", "\n", "\n", "un"
    )


@given(TOKENS, TOKENS)
def test_the_text_and_the_markers_are_the_same_whatever_is_known(
    made: list[int], known: list[int]
) -> None:
    found = respelled(made, known, WORDS)

    def parts(tokens: list[int]) -> list[bytes]:
        return b"".join(
            b"\x00" if token == MARKER else WORDS.piece(token) for token in tokens
        ).split(b"\x00")

    assert parts(found) == parts(made)
