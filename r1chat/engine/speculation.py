"""Speculative decoding: several tokens are drafted, and verified in one batch.

What is drafted changes no word: each token is sampled from the model's own logits in turn, as
without it, and a draft is only ever confirmed or dropped (Leviathan et al. 2023). Whether a batch
is cheaper than its tokens one by one depends on the machine, on what else runs there, and on the
text. So all of it is measured while tokens are written, and a draft must be affordable: it is paid
for out of a small share of the time spent without drafts, and out of what drafts have saved.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, repeat
from operator import mul
from typing import Protocol

from r1chat.engine.lookup import Lookup

USUAL = {2: 1.15, 3: 1.5, 4: 1.9, 8: 4.2, 16: 6.0}
"""What a batch of some tokens is believed to cost before it was measured, in tokens' time: that of
Q4_K_M on two cores. The first of them was sampled, the others are drafted behind it."""
SIZES = tuple(USUAL)
LEAST_S = 1e-3
"""Seconds of a token below which nothing is drafted: looking for it would take too much of them."""
_SHARE = 0.02
"""How much of the time without drafts may be lost by them."""
_SHARE_OF_MODEL = 0.01
_ENDOWMENT = 8.0
"""Tokens' time that may be lost before anything was saved: without it the first reply, which has
yet to find out what batches cost, would wait hundreds of tokens for its first draft."""
_MOST_SAVED = 16.0
"""Tokens' time that is kept for bad times."""
_WORTH = 1.15
"""How much faster a draft must promise to be. Promises are noisy, and Python takes its share."""
_RATE = 0.2
_FORGET = 0.999
"""By token: what was dear while another program ran, or wrong in another text, is tried again."""
_OUTLIER = 3.0
_HOPE = 0.8
_SMALLER = 0.15
"""What is believed before it was measured: how often a draft model is right, and what a token of
it costs, in tokens' time."""
_PIECE = 64
"""Tokens that a draft model reads at a time while a reply is being written."""
_WEIGHT = 4.0
_MEMORY = 0.98


class Cost:
    """What batches cost, in the time of a single token."""

    def __init__(self) -> None:
        self.single = 0.0
        """Seconds of a single token; 0 before one was measured."""
        self._batches: dict[int, tuple[float, int]] = {}
        self._step = 0

    def single_took(self, seconds: float) -> None:
        """Takes note of what a single token took."""
        self._step += 1
        if not self.single:
            self.single = seconds
        self.single += _RATE * (min(seconds, _OUTLIER * self.single) - self.single)

    def batch_took(self, size: int, seconds: float) -> float:
        """Takes note of what a batch of some tokens took.

        Returns:
            The same in the time of a single token.
        """
        known = self.of(size) if size in self._batches else size
        found = min(seconds / self.single, _OUTLIER * known)
        kept = known + _RATE * (found - known) if size in self._batches else found
        self._batches[size] = (kept, self._step)
        return found

    def of(self, size: int) -> float:
        """What a batch is believed to cost."""
        usual = USUAL.get(size, size)
        if size not in self._batches:
            return usual
        found, step = self._batches[size]
        return usual + (found - usual) * _FORGET ** (self._step - step)


class Account:
    """What drafts may cost: a share of the time without them, and what they have saved.

    Args:
        share: Of the time without drafts.
        saved: Tokens' time to begin with.
    """

    def __init__(self, share: float, saved: float = 0.0) -> None:
        self.saved = saved
        self._share = share

    def add(self, tokens: float) -> None:
        """Takes note of tokens' time that was saved or, below 0, lost."""
        self.saved = max(-_MOST_SAVED, min(self.saved + tokens, _MOST_SAVED))

    def wait(self) -> None:
        """A token was written at its usual price."""
        self.add(self._share)

    def affords(self, tokens: float) -> bool:
        """Whether so many tokens' time may be spent."""
        return tokens <= self.saved


class Drafter(Protocol):
    """Another model that drafts."""

    def behind(self, text: Sequence[int]) -> int:
        """Says how many tokens of a text it has not read yet."""

    def read(self, text: Sequence[int], most: int) -> None:
        """Reads some of them."""

    def draft(self, text: Sequence[int], token: int, most: int) -> list[int]:
        """Says what it would write behind a text that it has read, and a token."""


class Model:
    """A drafter, and what is known of it.

    Args:
        drafter: Drafts.
        clock: Seconds, monotonic.
    """

    def __init__(self, drafter: Drafter, clock: Callable[[], float]) -> None:
        self._drafter = drafter
        self._clock = clock
        self._hits, self._trials = _HOPE * _WEIGHT, _WEIGHT
        self._token_s = 0.0
        # It has to keep step with the text before it can show what it is worth.
        self.account = Account(_SHARE_OF_MODEL, _ENDOWMENT)
        self.asked = 0
        """How many tokens it has drafted in the batch that is under way."""
        self.right = 0
        """How many of them were confirmed."""

    def chances(self) -> Iterator[float]:
        """How likely each token of a draft is to be reached and right."""
        return accumulate(repeat(self._hits / self._trials), mul)

    def token_s(self, single: float) -> float:
        """Seconds for a token of a draft."""
        return self._token_s or _SMALLER * single

    def read(self, text: Sequence[int]) -> None:
        """Reads a text that the larger model has read."""
        behind = self._drafter.behind(text)
        if behind:
            self._drafter.read(text, behind)

    def draft(self, text: Sequence[int], token: int, most: int) -> tuple[list[int], float]:
        """Has it draft, once it has read the text; also says how many seconds that took."""
        began = self._clock()
        behind = self._drafter.behind(text)
        if behind:
            self._drafter.read(text, min(behind, _PIECE))
        if behind > _PIECE:
            # The rest at the next tokens: a reply should not stand still.
            return [], self._clock() - began
        ready = self._clock()
        drafted = self._drafter.draft(text, token, most)
        now = self._clock()
        self.asked, self.right = len(drafted), 0
        if drafted:
            found = (now - ready) / len(drafted)
            self._token_s += (_RATE if self._token_s else 1.0) * (found - self._token_s)
        return drafted, now - began

    def settle(self, single: float) -> None:
        """The batch with its draft has come to its end, or there was none."""
        for trial in range(min(self.right + 1, self.asked)):
            self._trials = _MEMORY * self._trials + 1
            self._hits = _MEMORY * self._hits + (trial < self.right)
        if not self.asked:
            self._trials = _WEIGHT + (self._trials - _WEIGHT) * _FORGET
            self._hits = _HOPE * _WEIGHT + (self._hits - _HOPE * _WEIGHT) * _FORGET
            if self._token_s:
                self._token_s += (_SMALLER * single - self._token_s) * (1 - _FORGET)
        self.asked = self.right = 0


class Speculation:
    """Decides what to draft behind each token.

    Args:
        drafter: A smaller model, if there is one; it is asked where nothing is repeated.
        clock: Seconds, monotonic.
    """

    def __init__(
        self, drafter: Drafter | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.cost = Cost()
        self._model = None if drafter is None else Model(drafter, clock)
        self.least_s = LEAST_S
        self.drafted = 0
        """Tokens that were drafted."""
        self.accepted = 0
        """Of them, those that the model confirmed."""
        self._lookup = Lookup()
        self._account = Account(_SHARE, _ENDOWMENT)
        self._payer = self._payer_of_batch = self._account
        """Who pays for the draft that is thought of, and for the one that is under way."""
        self._batch = (0, 0.0)
        """Size and seconds of the last batch, until the token after it is there."""

    def restart(self) -> None:
        """The text before is another one now."""
        self._lookup.reset()

    def read(self, text: Sequence[int]) -> None:
        """Takes note of a prompt, as far as it has been read."""
        if self._model is not None:
            self._model.read(text)

    def draft(
        self,
        text: Sequence[int],
        token: int,
        room: int,
        usable: Callable[[int], bool] | None = None,
    ) -> list[int]:
        """Drafts what may come behind a token.

        Args:
            text: All tokens before it.
            token: The one to be evaluated next.
            room: Most tokens to draft.
            usable: Says which sizes of batches may be used; if one may not, no larger one may.
                None allows all.
        """
        if not self.cost.single or self.cost.single < self.least_s:
            return []
        self._lookup.follow(text, token)
        if self._model is not None:
            self._model.settle(self.cost.single)
        if self._lookup.repeats:
            self._payer = self._account
            size = self._best(self._lookup.chances(), room, usable)
            if size > 1:
                return self._lookup.draft(text, token, size - 1)
        if self._model is None:
            return []
        self._payer = self._model.account
        each = self._model.token_s(self.cost.single) / self.cost.single
        size = self._best(self._model.chances(), room, usable, each)
        if size == 1:
            return []
        drafted, seconds = self._model.draft(text, token, size - 1)
        self.spend(seconds)
        return drafted

    def _best(
        self,
        chances: Iterator[float],
        room: int,
        usable: Callable[[int], bool] | None,
        each: float = 0.0,
    ) -> int:
        """The size of the batch that is worth most, or 1.

        Args:
            chances: Of each token of the draft.
            room: Most tokens to draft.
            usable: Which sizes may be used.
            each: What it costs to draft a token, in the time of a single one.
        """
        best, worth = 1, _WORTH
        gained, reached = 1.0, 1
        for size in SIZES:
            drafting = each * (size - 1)
            if size > room + 1 or not self.affords(self.cost.of(size) - 1 + drafting):
                break
            while reached < size:
                gained += next(chances)
                reached += 1
            found = gained / (self.cost.of(size) + drafting)
            if found <= worth:
                continue
            if usable is not None and not usable(size):
                break
            best, worth = size, found
        return best

    def took(self, drafted: int, seconds: float) -> None:
        """Takes note of what a token took, with those that were drafted behind it.

        After a batch llama.cpp makes its graph for single tokens anew: what the next one takes
        longer than others is the batch's.
        """
        size, before = self._batch
        if size:
            before += max(0.0, seconds - self.cost.single) if not drafted else 0.0
            self._payer_of_batch.add(1 - self.cost.batch_took(size, before))
        elif not drafted:
            self.cost.single_took(seconds)
            if self._model is not None:
                self._model.account.wait()
        self._account.wait()
        self._batch = (drafted + 1, seconds) if drafted else (0, 0.0)
        self._payer_of_batch = self._payer
        self.drafted += drafted

    def confirmed(self) -> None:
        """The model has written what was drafted."""
        self.accepted += 1
        if self._model is not None:
            self._model.right += 1
        self._payer_of_batch.add(1.0)

    def affords(self, tokens: float) -> bool:
        """Whether so many tokens' time may be spent on the draft that is thought of."""
        return self._payer.affords(tokens)

    def spend(self, seconds: float) -> None:
        """Takes note of time that was spent for its sake."""
        self._payer.add(-seconds / self.cost.single)
