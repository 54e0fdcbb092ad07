"""Splits a stream of text into thought and answer.

States and what leads out of them (white space alone leaves START, OPENED and CLOSED as they are);
``<think>`` and ``</think>`` stand for what opens and closes a thought in whatever format::

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

A wrapper is taken off where the answer begins (START, CLOSED), which leads to CLOSED, and its end
wherever that comes, but in code.

What an engine shows as an answer is held to more: see `Splitter`'s `strays`.
"""

from __future__ import annotations

import copy
import enum
import itertools
import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

from r1chat.reasoning.code import CodeTracker
from r1chat.reasoning.formats import THINK, Format, pieces_of

Kind: TypeAlias = Literal["thought", "answer"]
_Role: TypeAlias = Literal["open", "close", "wrap", "unwrap", "other"]

_FIRST_STAND_IN = 0xD800
"""Tokens that are markers, or pieces of one, stand in the text as lone surrogates, which no text
that was decoded has: so no letters can be taken for them."""
_ALL: frozenset[_Role] = frozenset({"open", "close", "wrap", "unwrap", "other"})
_OWN: frozenset[_Role] = _ALL - {"other"}
_TAGS: frozenset[_Role] = frozenset({"open", "close"})
_CLOSES: frozenset[_Role] = frozenset({"close"})
_NONE: frozenset[_Role] = frozenset()


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


@dataclass(frozen=True, slots=True)
class _Patterns:
    """What to look for in a text."""

    search: re.Pattern[str] | None
    roles: dict[str, tuple[_Role, Format]]
    stand_ins: dict[str, str]
    ends: dict[str, str]
    """What ends a wrapper, by what begins it."""
    begun: frozenset[str]
    """The ends of wrappers that what r1chat writes to close a thought has begun."""
    firsts: frozenset[str]
    longest: int

    def begun_by(self, text: str, roles: frozenset[_Role]) -> bool:
        """Whether a text may become a marker that plays one of these roles."""
        return any(
            role in roles and marker.startswith(text) for marker, (role, _) in self.roles.items()
        )


@lru_cache(maxsize=64)
def _patterns(
    own: Format, tokens: tuple[str, ...], others: tuple[Format, ...], *, scan: bool
) -> _Patterns:
    stand_ins = {name: chr(_FIRST_STAND_IN + at) for at, name in enumerate(tokens)}
    named: list[tuple[str, _Role, Format]] = [(each, "open", own) for each in own.opens]
    named += [(each, "close", own) for each in own.closes]
    for wrap, unwrap in own.wrappers:
        named += [(wrap, "wrap", own), (unwrap, "unwrap", own)]
    named += [(each, "other", other) for other in others for each in other.opens]
    roles: dict[str, tuple[_Role, Format]] = {}
    for marker, role, format_ in named:
        spelled = _spelled(marker, stand_ins)
        if spelled and (scan or spelled != marker or role not in _TAGS):
            roles.setdefault(spelled, (role, format_))
    by_length = sorted(roles, key=len, reverse=True)
    ends = {_spelled(wrap, stand_ins): _spelled(end, stand_ins) for wrap, end in own.wrappers}
    return _Patterns(
        re.compile("|".join(map(re.escape, by_length))) if roles else None,
        roles,
        stand_ins,
        ends,
        frozenset(_spelled(end, stand_ins) for wrap, end in own.wrappers if wrap in own.closing),
        frozenset(marker[0] for marker in roles),
        max(map(len, roles), default=0),
    )


def _spelled(marker: str, stand_ins: Mapping[str, str]) -> str:
    """A marker as it stands in the text, its tokens as what stands for them."""
    for piece in pieces_of(marker):
        marker = marker.replace(piece, stand_ins.get(piece, piece))
    return marker


def split(text: str, *, opened: bool = False, format: Format = THINK) -> tuple[str, str]:  # noqa: A002  (a contract)
    """Splits a whole text into its thought and its answer.

    Args:
        text: What the model wrote.
        opened: Whether the prompt ended in the opening tag.
        format: How the model sets its thoughts apart.
    """
    splitter = Splitter(opened=opened, format=format)
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
        format: How the model sets its thoughts apart.
        tokens: Pieces of its markers that are tokens, which `token` announces, and what is shown
            of each where it is no part of a marker. Their names in letters are text.
        others: Formats of which a reply may turn out to be one, by the marker it begins with.
    """

    def __init__(
        self,
        *,
        opened: bool = False,
        scan: bool = True,
        closed: bool = False,
        plain: bool = False,
        strays: bool = True,
        format: Format = THINK,  # noqa: A002  (as in `split`)
        tokens: Mapping[str, str] | None = None,
        others: Sequence[Format] = (),
    ) -> None:
        self.format = format
        """How the model sets its thoughts apart, as far as is known by now."""
        self._tokens = dict(tokens or {})
        self._own = _patterns(format, tuple(self._tokens), (), scan=scan)
        self._patterns = self._own
        if others:
            self._patterns = _patterns(format, tuple(self._tokens), tuple(others), scan=scan)
        self._last = "\n"
        self.taken = 0
        """Markers that were found in the text and taken out of it."""
        self._unwraps: set[str] = set()
        self._unwrapped = False
        self._state = _State.OPENED if opened else _State.START
        if plain or closed:
            self._state = _State.PLAIN if plain else _State.CLOSED
        table = {ord(self.token(name)): shown for name, shown in self._tokens.items()}
        self._shown_for = table
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
        return "".join(self._spaces) + self._shown(self._partial)

    @property
    def holds(self) -> bool:
        """Whether something came in that is neither out nor dropped yet, seen or unseen."""
        return bool(self._spaces or self._partial)

    @property
    def mid_marker(self) -> bool:
        """Whether the last tokens are the beginning of a marker of several tokens."""
        return self._partial[:1] in self._patterns.stand_ins.values()

    def reads(self, tag: str) -> bool:
        """Whether a tag that came now would be one, and not a word of the text."""
        if self._state is _State.PLAIN:
            closes = tag in self.format.closes
            return closes and not self._strays and not self._unmatched and not self._in_code
        return not (self._state is _State.ANSWER and self._in_code)

    @property
    def _in_code(self) -> bool:
        return self._code.inside

    def feed(self, text: str) -> list[Piece]:
        """Takes the next chunk and returns what is certain now."""
        self._find_tags(text)
        return self._take()

    def token(self, name: str) -> str:
        """What stands in the text, for `feed`, for a token that is one of `tokens`."""
        return self._patterns.stand_ins[name]

    def expect_thoughts(self) -> None:
        """Lets a thought begin behind a text that began without one.

        For who is told so otherwise than by a tag: some servers tell thoughts apart themselves.
        """
        if self._state is _State.PLAIN:
            self._release_partial()
            self._state = _State.ANSWER
            self._closed_once = True

    def open_tag(self, tag: str = "") -> list[Piece]:
        """Takes an opening tag that came as a token of its own, the usual one or another."""
        self._release_partial()
        self._open(tag or self.format.opens[0])
        return self._take()

    def close_tag(self, tag: str = "") -> list[Piece]:
        """Takes a closing tag that came as a token of its own, the usual one or another."""
        self._release_partial()
        self._close(tag or self.format.closes[0])
        return self._take()

    def constrain(self) -> None:
        """Takes what comes from now on for the answer, whatever it spells.

        What is held back, white space or the beginning of a marker, is dropped.
        """
        self._partial = ""
        self._spaces.clear()
        self._state = _State.PLAIN
        self._strays = True

    def answers(self, text: str) -> bool:
        """Whether a text that came next would begin the answer: no marker, no white space."""
        trial = copy.deepcopy(self)
        return any(piece.kind == "answer" for piece in trial.feed(text))

    def opens(self, text: str) -> bool:
        """Whether a text that came next would open a thought."""
        trial = copy.deepcopy(self)
        trial.feed(text)
        return trial.in_thought or trial.closed_once

    @property
    def held_thought(self) -> str:
        """What `release` would return now, inside a thought."""
        return _less_a_line_break("".join(self._spaces)) + self._shown(self._partial)

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
        if self._state is not _State.START:
            # It has begun in no other format.
            self._patterns = self._own
        text = self._partial + text
        self._partial = ""
        done = at = 0
        while (tag := self._next_tag(text, at)) is not None:
            at = tag.start()
            if self._begins_line(text, done, at):
                self._text(text[done:at])
                done = at
                if self._take_tag(tag[0]):
                    self.taken += 1
                    done = at = tag.end()
                    continue
            at += 1
        # In two steps each, because the text before it may settle whether a tag can follow.
        for cut in range(max(done, len(text) - self._patterns.longest + 1), len(text)):
            begins = text[cut] in self._patterns.firsts and self._begins_line(text, done, cut)
            if begins and self._patterns.begun_by(text[cut:], _ALL):
                self._text(text[done:cut])
                done = cut
                if self._patterns.begun_by(text[cut:], self._awaited()):
                    self._partial = text[cut:]
                    return
        self._text(text[done:])

    def _next_tag(self, text: str, start: int) -> re.Match[str] | None:
        return self._patterns.search.search(text, start) if self._patterns.search else None

    def _begins_line(self, text: str, done: int, at: int) -> bool:
        """Whether a marker may stand there: a sentence at the beginning of a line alone."""
        return not self.format.sentences or (text[at - 1] if at > done else self._last) == "\n"

    def _awaited(self) -> frozenset[_Role]:
        """What a marker that came now may be."""
        state = self._state
        if state is _State.THOUGHT:
            return _CLOSES
        if self.format.sentences and state not in {_State.START, _State.OPENED}:
            return _NONE
        if state is _State.PLAIN:
            return _NONE if self._strays else _TAGS
        return _ALL if state is _State.START else _OWN

    def _take_tag(self, tag: str) -> bool:
        """Takes a marker that was found in the text; False if it is text."""
        role, format_ = self._patterns.roles[tag]
        if role in {"wrap", "unwrap"}:
            return self._take_wrapper(tag, ends=role == "unwrap")
        if role not in self._awaited() and (self.format.sentences or role == "other"):
            return False
        self._last = "\n"
        shown = self._shown(tag)
        if role == "close":
            self._close(shown)
            return True
        if role == "other":
            self.format = format_
            self._own = _patterns(format_, tuple(self._tokens), (), scan=True)
            self._patterns = self._own
        self._open(shown)
        return True

    def _take_wrapper(self, tag: str, *, ends: bool) -> bool:
        """Takes off what stands around an answer, where it does."""
        answers = self._state is _State.ANSWER
        at_start = self._state in {_State.START, _State.CLOSED}
        if not (at_start or answers) or not self.reads(tag):
            return False
        if ends:
            taken = tag in self._unwraps
            self._unwrapped |= taken
            self._unwraps.discard(tag)
            return taken
        if answers and not self._unwrapped:
            return False
        self._unwraps.add(self._patterns.ends[tag])
        if at_start:
            self._spaces.clear()
            self._state = _State.CLOSED
        return True

    def _shown(self, text: str) -> str:
        return text.translate(self._shown_for) if self._shown_for else text

    def _release_partial(self) -> None:
        text, self._partial = self._partial, ""
        self._text(text)

    def _text(self, text: str) -> None:
        state = self._state
        text = self._shown(text)
        if not text:
            return
        self._last = text[-1]
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

    def _open(self, shown: str) -> None:
        if self._state is _State.THOUGHT:
            self._emit("thought", shown)
        elif not self.reads(self.format.opens[0]):
            self._emit("answer", shown)
        else:
            self._spaces.clear()
            self._state = _State.OPENED

    def _close(self, shown: str) -> None:
        if not self.reads(self.format.closes[0]):
            self._emit("answer", shown)
            return
        if self._state in {_State.ANSWER, _State.PLAIN}:
            return
        if self._state is _State.OPENED:
            self._begin_thought("")
        self._spaces.clear()
        self._state = _State.CLOSED
        self._closed_once = True
        # What r1chat writes to close a thought may have begun a wrapper.
        self._unwraps |= self._patterns.begun

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
                opened = sum(map(text.count, self.format.opens))
                opened -= sum(map(text.count, self.format.closes))
                self._unmatched = max(0, self._unmatched + opened)

    def _take(self) -> list[Piece]:
        out, self._out = self._out, []
        return [
            Piece(kind, "".join(text for _, text in group))
            for kind, group in itertools.groupby(out, key=operator.itemgetter(0))
        ]


def _less_a_line_break(text: str) -> str:
    return text.removeprefix("\r\n" if text.startswith("\r\n") else "\n")
