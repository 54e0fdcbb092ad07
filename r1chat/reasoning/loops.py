"""Detects thoughts and answers that repeat themselves without end.

Two shapes are known. A *cycle* is a sequence of tokens over and over, to the letter. A *refrain* is
a handful of sentences that come again and again in any order, with next to nothing new between
them. What repeats its form and changes its content, as tables, counts and cases do, is neither.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

WORDS = 20
"""Repeated words that make a cycle of sentences: one of ten words stands there three times."""
SENTENCE = 5
"""Words below which something is no sentence: beads may be red, blue, red, blue; and of the moves
of a puzzle, or the steps of an algorithm, most have come before. Four times as many of its words
make a cycle of it."""
TOKENS = 256
"""Repeated tokens that make a cycle of anything else, such as the zeros of a number. Of what has
lines, periods longer than an n-gram, twice as many: a matrix of 11 × 11 zeros is no cycle yet."""
LONGEST_PERIOD = 512
NGRAM = 8
STALE = 256
"""Tokens in sentences told already that make a refrain."""
TOLD = 3
"""How often a sentence must have come before, to the letter, for the next time to be stale."""
ANSWER_PATIENCE = 2
"""An answer may repeat itself more than a thought, where it was asked to."""
MEMORY = 4096
"""Sentences that are remembered, at least."""
_PERIODS_KEPT = 3
_FRESH = 4
"""Stale tokens that a new one makes up for: of a refrain less than a fifth is new."""
# Of a word's first token, in UTF-8. A single letter is none: a chessboard may be made of them.
# Neither is what has no space before it in scripts that have spaces, such as the tags of HTML; nor
# are × and ÷ and the Greek letters of mathematics.
_SPACED = rb" ['\"(*_]*(?!\xc3[\x97\xb7])[A-Za-z\xc3-\xcd\xd0-\xdf][A-Za-z\x80-\xff]"
_UNSPACED = rb"(?:\xe3[\x81-\x83]|[\xe4-\xed][\x80-\xbf])[\x80-\xbf]"
_WORD = re.compile(_SPACED + rb"|" + _UNSPACED)
_SENTENCE_END = re.compile(rb"\n|(?:[.!?]|\xe3\x80\x82|\xef\xbc[\x81\x9f])[\"')*\]]*\s*$")


def is_word(text: bytes) -> bool:
    """Whether a token begins a word of a sentence."""
    return _WORD.search(text) is not None


@dataclass(frozen=True, slots=True)
class Loop:
    """A repetition, word for word."""

    period: int
    """Tokens of what is repeated."""
    repeats: int
    """How often it stands there in full."""


class Cycle:
    """Detects a sequence of tokens that is repeated three times in a row.

    What was last seen so many tokens ago may be the start of a period of that length: the last
    place of each n-gram gives one candidate at a time. How far back it goes is counted once, and
    from then on each token is compared with the one a period before it. One that differs, such as
    the number of the next line of a table, ends the candidate. So the work a token is small, and
    neither it nor the memory grows.

    Args:
        words: Words of sentences that must repeat earlier ones in a row.
        tokens: Tokens of anything that must do so; twice as many where the period is longer than
            an n-gram.
        longest_period: Longest sequence whose repetition is noticed.
        ngram: Tokens that must agree before a period is considered.
    """

    def __init__(
        self,
        *,
        words: int = WORDS,
        tokens: int = TOKENS,
        longest_period: int = LONGEST_PERIOD,
        ngram: int = NGRAM,
    ) -> None:
        self._least_words = words
        self._least_tokens = tokens
        self._ngram = ngram
        self._longest = longest_period
        self._count = 0
        self._words = 0
        self._period = 0
        self._run = 0
        self._words_before = 0
        self._recent: list[int] = []
        self._words_at: list[int] = []
        self._window: deque[int] = deque(maxlen=ngram)
        # Of two generations the elder is dropped whole: cheaper than to drop what is too old
        # one by one, and still bounded.
        self._seen: dict[tuple[int, ...], int] = {}
        self._seen_before: dict[tuple[int, ...], int] = {}

    def feed(self, token: int, *, word: bool) -> Loop | None:
        """Takes the next token; returns the cycle that it continues, if any."""
        self._follow(token)
        self._recent.append(token)
        self._window.append(token)
        self._words_at.append(self._words)
        self._words += word
        self._count += 1
        self._remember()
        if len(self._recent) > 2 * _PERIODS_KEPT * self._longest:
            del self._recent[: -_PERIODS_KEPT * self._longest]
            del self._words_at[: -_PERIODS_KEPT * self._longest]
        if not self._period or self._run < 2 * self._period:
            return None
        words = self._words - self._words_before
        sentence = words * self._period >= SENTENCE * self._run
        prose = words >= self._least_words << 2 * (not sentence)
        lines = self._period > self._ngram
        if prose or self._run >= self._least_tokens << lines:
            return Loop(self._period, 1 + self._run // self._period)
        return None

    def _follow(self, token: int) -> None:
        if not self._period:
            return
        if self._recent[-self._period] == token:
            self._run += 1
        else:
            self._period = self._run = 0

    def _remember(self) -> None:
        if len(self._window) < self._ngram:
            return
        gram = tuple(self._window)
        if not self._period:
            last = self._seen.get(gram) or self._seen_before.get(gram, 0)
            if last and self._count - last <= self._longest:
                self._period = self._count - last
                self._run = self._counted_back(self._period)
                self._words_before = self._words_at[-self._run]
        self._seen[gram] = self._count
        if len(self._seen) >= self._longest:
            self._seen_before, self._seen = self._seen, {}

    def _counted_back(self, period: int) -> int:
        """How many tokens are the same as those a period before them, up to two periods."""
        recent = self._recent
        most = min(max(2 * period, self._ngram), len(recent) - period)
        for run in range(most):
            if recent[-1 - run] != recent[-1 - run - period]:
                return run
        return most


class Refrain:
    """Detects sentences and lines that recur again and again.

    What is told for the fourth time counts as stale, and what is new makes up for it. What has too
    few words to be a sentence may come as often as it likes.

    Args:
        stale: Stale tokens that are too many.
        told: How often a sentence must have come before.
        memory: Sentences that are remembered, at least.
    """

    def __init__(self, *, stale: int = STALE, told: int = TOLD, memory: int = MEMORY) -> None:
        self._most = stale
        self._told = told
        self._memory = memory
        self._stale = 0
        self._sentence = 0
        self._length = 0
        self._words = 0
        self._seen: dict[int, int] = {}
        self._seen_before: dict[int, int] = {}

    def feed(self, token: int, *, word: bool, ends: bool) -> bool:
        """Takes the next token; says whether it comes after one stale sentence too many."""
        begins = self._length == 0
        self._sentence = hash((self._sentence, token))
        self._length += 1
        self._words += word
        if ends:
            self._end()
        return begins and self._stale >= self._most

    def _end(self) -> None:
        times = self._take()
        if times == 0:
            self._stale = max(0, self._stale - _FRESH * self._length)
        elif times >= self._told and self._words >= SENTENCE:
            self._stale += self._length
        self._sentence = self._length = self._words = 0

    def _take(self) -> int:
        """Counts the sentence; returns how often it had come before."""
        times = self._seen.get(self._sentence) or self._seen_before.get(self._sentence, 0)
        self._seen[self._sentence] = times + 1
        if len(self._seen) >= self._memory:
            self._seen_before, self._seen = self._seen, {}
        return times


class LoopGuard:
    """Detects both kinds of loops.

    Args:
        patience: How many times as much repetition as usual is borne with.

    Raises:
        ValueError: If it is less than 1.
    """

    def __init__(self, patience: int = 1) -> None:
        if patience < 1:
            message = "a loop guard's patience must be at least 1"
            raise ValueError(message)
        self._patience = patience
        self.reset()

    def reset(self) -> None:
        """Forgets what came so far, as at the start of another thought."""
        self._cycle = Cycle(words=WORDS * self._patience, tokens=TOKENS * self._patience)
        self._refrain = Refrain(stale=STALE * self._patience)

    def feed(self, token: int, text: bytes) -> bool:
        """Takes the next token; returns whether it continues a loop.

        Args:
            token: The token.
            text: What it reads as.
        """
        word = is_word(text)
        ends = _SENTENCE_END.search(text) is not None
        cycle = self._cycle.feed(token, word=word)
        return self._refrain.feed(token, word=word, ends=ends) or cycle is not None
