"""Speculative decoding: drafts several tokens and verifies them in one batch.

What is drafted changes no word: each token is sampled from the model's own logits in turn, as
without it, and a draft is only ever confirmed or dropped (Leviathan et al. 2023). Whether a batch
is cheaper than its tokens one by one depends on the machine, on what else runs there, and on the
text. So all of it is measured while tokens are written, and a draft must be affordable: it is paid
for out of a small share of the time spent without drafts, and out of what drafts have saved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from r1chat.engine.lookup import Lookup

USUAL = {2: 1.15, 3: 1.5, 4: 1.9, 8: 4.2, 16: 6.0}
"""What a batch of some tokens is believed to cost before it was measured, in tokens' time: that of
Q4_K_M on two cores. The first of them was sampled, the others are drafted behind it."""
SIZES = tuple(USUAL)
LEAST_S = 1e-3
"""Seconds of a token below which nothing is drafted: looking for it would take too much of them."""
_SHARE = 0.02
"""How much of the time without drafts may be lost by them."""
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


class Cost:
    """What batches cost, in the time of a single token."""

    def __init__(self) -> None:
        self.single = 0.0
        """Seconds of a single token; 0 before one was measured."""
        self._batches: dict[int, tuple[float, int]] = {}
        self._step = 0

    def single_took(self, seconds: float) -> None:
        """Records the time of a single token."""
        self._step += 1
        if not self.single:
            self.single = seconds
        self.single += _RATE * (min(seconds, _OUTLIER * self.single) - self.single)

    def batch_took(self, size: int, seconds: float) -> float:
        """Records the time of a batch.

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


class Speculation:
    """Decides what to draft behind each token: what stood behind the same tokens before."""

    def __init__(self) -> None:
        self.cost = Cost()
        self.least_s = LEAST_S
        self.drafted = 0
        """Tokens that were drafted."""
        self.accepted = 0
        """Of them, those that the model confirmed."""
        self._lookup = Lookup()
        self._account = Account(_SHARE, _ENDOWMENT)
        self._batch = (0, 0.0)
        """Size and seconds of the last batch, until the token after it is there."""

    def restart(self) -> None:
        """The text before is another one now."""
        self._lookup.reset()

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
        if not self._lookup.repeats:
            return []
        size = self._best(self._lookup.chances(), room, usable)
        return self._lookup.draft(text, token, size - 1) if size > 1 else []

    def _best(
        self, chances: Iterator[float], room: int, usable: Callable[[int], bool] | None
    ) -> int:
        """The size of the batch that is worth most, or 1.

        Args:
            chances: Of each token of the draft.
            room: Most tokens to draft.
            usable: Which sizes may be used.
        """
        best, worth = 1, _WORTH
        gained, reached = 1.0, 1
        for size in SIZES:
            if size > room + 1 or not self.affords(self.cost.of(size) - 1):
                break
            while reached < size:
                gained += next(chances)
                reached += 1
            found = gained / self.cost.of(size)
            if found <= worth:
                continue
            if usable is not None and not usable(size):
                break
            best, worth = size, found
        return best

    def took(self, drafted: int, seconds: float) -> None:
        """Records the time of a token together with the drafts behind it.

        After a batch llama.cpp makes its graph for single tokens again: what the next one takes
        longer than others is the batch's.
        """
        size, before = self._batch
        if size:
            before += max(0.0, seconds - self.cost.single) if not drafted else 0.0
            self._account.add(1 - self.cost.batch_took(size, before))
        elif not drafted:
            self.cost.single_took(seconds)
        self._account.wait()
        self._batch = (drafted + 1, seconds) if drafted else (0, 0.0)
        self.drafted += drafted

    def confirmed(self) -> None:
        """The model has written what was drafted."""
        self.accepted += 1
        self._account.add(1.0)

    def affords(self, tokens: float) -> bool:
        """Whether so many tokens' time may be spent on drafts."""
        return self._account.affords(tokens)

    def affords_check(self, tokens: float) -> bool:
        """Whether so many may be spent on a look at whether drafts may be used at all.

        Such a look saves nothing: what was given at the beginning is not for it.
        """
        return self.affords(tokens + _ENDOWMENT)

    def spend(self, seconds: float) -> None:
        """Records time spent on drafting."""
        self._account.add(-seconds / self.cost.single)
