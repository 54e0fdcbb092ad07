"""Tells thoughts from answers in a stream of text.

States and what leads out of them (white space alone leaves START, OPENED and CLOSED as they are)::

    START   nothing yet         <think> → OPENED    </think> → CLOSED    text → PLAIN
    PLAIN   never thought       for good: everything is answer, tags too
    OPENED  a thought begins    <think> dropped     </think> → CLOSED    text → THOUGHT
    THOUGHT                     <think> is text     </think> → CLOSED
    CLOSED  an answer begins    <think> → OPENED    </think> swallowed   text → ANSWER
    ANSWER                      <think> → OPENED    </think> swallowed   in code: tags are text

White space in START waits for what follows and goes with it (dropped before a tag, kept before
text), that in OPENED too (dropped before a repeated ``<think>``, else kept, less one line break),
that in CLOSED is dropped at once. Everywhere else a text goes out as it comes in, so that a text
split over several blocks is simply the blocks put together.

What an engine shows as an answer is held to more: see `Splitter`'s `strays`.
"""

from __future__ import annotations

import enum
import itertools
import operator
import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from r1chat.reasoning.code import CodeTracker
from r1chat.reasoning.phrases import CLOSE, OPEN

Kind: TypeAlias = Literal["thought", "answer"]

_TAG = re.compile(f"{re.escape(OPEN)}|{re.escape(CLOSE)}")
_LONGEST_PARTIAL = max(len(OPEN), len(CLOSE)) - 1


class _State(enum.Enum):
    START = enum.auto()
    PLAIN = enum.auto()
    OPENED = enum.auto()
    THOUGHT = enum.auto()
    CLOSED = enum.auto()
    ANSWER = enum.auto()


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text of a thought or of an answer; never empty."""

    kind: Kind
    text: str


def split(text: str, *, opened: bool = False) -> tuple[str, str]:
    """Splits a whole text into its thought and its answer.

    Args:
        text: What the model wrote.
        opened: Whether the prompt ended in the opening tag.
    """
    splitter = Splitter(opened=opened)
    pieces = [*splitter.feed(text), *splitter.close()]
    thought = "".join(piece.text for piece in pieces if piece.kind == "thought")
    answer = "".join(piece.text for piece in pieces if piece.kind == "answer")
    return thought, answer


class Splitter:
    """Splits a text that comes in chunks; however it is cut, the pieces add up to the same.

    Each character comes out once, at once, unless it may belong to a tag or is white space whose
    fate is open. The work is constant a character.

    Args:
        opened: Whether the prompt ended in the opening tag.
        scan: Whether tags are looked for in the text. Without it a tag is only what `open_tag`
            and `close_tag` announce: a model whose tags are tokens of their own, and which spells
            one out in ordinary characters, has written text.
        closed: Whether the prompt ended behind a thought that is closed already.
        plain: Whether there are no thoughts at all: a text is merely completed.
        strays: Whether a closing tag may stand in a text that never had a thought, although no
            opening tag stands before it and it is not in code. (`split` is given whole texts and
            leaves them alone; a model that was not asked for a tag has let it slip.)
    """

    def __init__(
        self,
        *,
        opened: bool = False,
        scan: bool = True,
        closed: bool = False,
        plain: bool = False,
        strays: bool = True,
    ) -> None:
        self._state = _State.OPENED if opened else _State.START
        if plain or closed:
            self._state = _State.PLAIN if plain else _State.CLOSED
        self._scan = scan
        self._strays = strays
        self._unmatched = 0
        self._code = CodeTracker()
        self._closed_once = closed and not plain
        self._spaces: list[str] = []
        self._partial = ""
        self._out: list[tuple[Kind, str]] = []

    @property
    def in_thought(self) -> bool:
        """Whether what comes next belongs to a thought, unless a tag comes."""
        return self._state in {_State.OPENED, _State.THOUGHT}

    @property
    def closed_once(self) -> bool:
        """Whether a thought, even an empty one, has been closed."""
        return self._closed_once

    @property
    def undecided(self) -> bool:
        """Whether nothing but white space came so far, and no thought is open."""
        return self._state is _State.START

    @property
    def holding(self) -> str:
        """What came in and is neither out nor dropped yet."""
        return "".join(self._spaces) + self._partial

    def reads(self, tag: str) -> bool:
        """Whether a tag that came now would be one, and not a word of the text."""
        if self._state is _State.PLAIN:
            return tag == CLOSE and not self._strays and not self._unmatched and not self._in_code
        return not (self._state is _State.ANSWER and self._in_code)

    @property
    def _in_code(self) -> bool:
        return self._code.inside

    def feed(self, text: str) -> list[Piece]:
        """Takes the next chunk and returns what is certain now."""
        if self._scan:
            self._find_tags(text)
        else:
            self._text(text)
        return self._take()

    def expect_thoughts(self) -> None:
        """Lets a thought begin behind a text that began without one.

        For who is told so otherwise than by a tag: some servers tell thoughts apart themselves.
        """
        if self._state is _State.PLAIN:
            self._release_partial()
            self._state = _State.ANSWER
            self._closed_once = True

    def open_tag(self) -> list[Piece]:
        """Takes an opening tag that came as a token of its own."""
        self._release_partial()
        self._open()
        return self._take()

    def close_tag(self) -> list[Piece]:
        """Takes a closing tag that came as a token of its own."""
        self._release_partial()
        self._close()
        return self._take()

    @property
    def held_thought(self) -> str:
        """What `release` would return now, inside a thought."""
        return _less_a_line_break("".join(self._spaces)) + self._partial

    def release(self) -> list[Piece]:
        """Returns what was held back inside a thought: what comes next is no part of a tag."""
        self._release_partial()
        if self._state is _State.OPENED and self._spaces:
            self._state = _State.THOUGHT
            self._begin_thought("")
        return self._take()

    def close(self) -> list[Piece]:
        """Returns what was held back, at the end of the text."""
        self._release_partial()
        if self._state is _State.OPENED:
            self._begin_thought("")
        elif self._state is _State.START:
            self._emit("answer", self._take_spaces())
        return self._take()

    def _find_tags(self, text: str) -> None:
        text = self._partial + text
        self._partial = ""
        done = 0
        for tag in _TAG.finditer(text):
            self._text(text[done : tag.start()])
            if tag[0] == OPEN:
                self._open()
            else:
                self._close()
            done = tag.end()
        # Both tags have their only "<" in front, so that the last one alone may begin a tag.
        cut = text.rfind("<", max(done, len(text) - _LONGEST_PARTIAL))
        if cut < 0:
            self._text(text[done:])
            return
        # In two steps, because the text before it may settle whether a tag can follow.
        self._text(text[done:cut])
        if self._may_become_tag(text[cut:]):
            self._partial = text[cut:]
        else:
            self._text(text[cut:])

    def _may_become_tag(self, text: str) -> bool:
        if self._state is _State.PLAIN and self._strays:
            return False
        if CLOSE.startswith(text):
            return True
        return self._state is not _State.THOUGHT and OPEN.startswith(text)

    def _release_partial(self) -> None:
        text, self._partial = self._partial, ""
        self._text(text)

    def _text(self, text: str) -> None:
        state = self._state
        if not text:
            return
        if state is _State.THOUGHT:
            self._emit("thought", text)
        elif state is _State.CLOSED:
            text = text.lstrip()
            if text:
                self._state = _State.ANSWER
                self._emit("answer", text)
        elif state in {_State.ANSWER, _State.PLAIN}:
            self._emit("answer", text)
        elif text.isspace():
            self._spaces.append(text)
        elif state is _State.OPENED:
            self._state = _State.THOUGHT
            self._begin_thought(text)
        else:
            self._state = _State.PLAIN
            self._emit("answer", self._take_spaces() + text)

    def _open(self) -> None:
        if self._state is _State.THOUGHT:
            self._emit("thought", OPEN)
        elif not self.reads(OPEN):
            self._emit("answer", OPEN)
        else:
            self._spaces.clear()
            self._state = _State.OPENED

    def _close(self) -> None:
        if not self.reads(CLOSE):
            self._emit("answer", CLOSE)
            return
        if self._state in {_State.ANSWER, _State.PLAIN}:
            return
        if self._state is _State.OPENED:
            self._begin_thought("")
        self._spaces.clear()
        self._state = _State.CLOSED
        self._closed_once = True

    def _begin_thought(self, text: str) -> None:
        self._emit("thought", _less_a_line_break(self._take_spaces() + text))

    def _take_spaces(self) -> str:
        spaces = "".join(self._spaces)
        self._spaces.clear()
        return spaces

    def _emit(self, kind: Kind, text: str) -> None:
        if not text:
            return
        self._out.append((kind, text))
        if kind == "answer":
            self._code.feed(text)
            if self._state is _State.PLAIN:
                # Tags that are words of the answer: an opening one expects its partner.
                opened = text.count(OPEN) - text.count(CLOSE)
                self._unmatched = max(0, self._unmatched + opened)

    def _take(self) -> list[Piece]:
        out, self._out = self._out, []
        return [
            Piece(kind, "".join(text for _, text in group))
            for kind, group in itertools.groupby(out, key=operator.itemgetter(0))
        ]


def _less_a_line_break(text: str) -> str:
    return text.removeprefix("\r\n" if text.startswith("\r\n") else "\n")
