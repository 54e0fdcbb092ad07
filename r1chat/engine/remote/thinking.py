"""The thinking loop over a server's stream: asks `r1chat.reasoning` at every chunk.

What arrives is not part of the reply yet. To close a thought, or to think on, the stream is left,
our words are added, and the server goes on behind them; it still has the rest in its cache. So
nothing that a loop over tokens can do is out of reach, as long as the server takes a prompt as it
is. Where it ends thoughts itself, that is used: at the hard end of a budget, and for "answer now".
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Literal, TypeAlias

from r1chat.engine.loop import ANSWER_TIME_SHARE
from r1chat.engine.remote.account import Account
from r1chat.engine.remote.asking import FORCED, Asker
from r1chat.engine.remote.draft import Finder
from r1chat.engine.remote.finishes import End
from r1chat.engine.remote.limits import Limits
from r1chat.engine.remote.segment import Segment
from r1chat.errors import NetworkError
from r1chat.events import EndedBy, Event, Peeked
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control
from r1chat.reasoning.formats import Format
from r1chat.reasoning.governor import Governor
from r1chat.reasoning.loops import LoopGuard
from r1chat.reasoning.peeks import Peeks
from r1chat.reasoning.phrases import WAIT

Then: TypeAlias = EndedBy | Literal["again"] | None
"""What comes after a chunk: the end of the reply, for a reason; another request, which goes on with
what stands ("again"); or the next chunk."""

_NEARLY_ALL = 16
"""Tokens by which a server's limit and our count of them may differ."""
_OBEYS: dict[EndedBy, int] = {"user": 64, "budget": 4}
"""Tokens after which a server that ends thoughts itself has to have begun with it. What it wrote
before it was told is on its way still."""


class Thinking:
    """Watches over the thought.

    Args:
        account: The reply so far.
        limits: What it may still have.
        asker: Sends requests.
        control: Changed by other threads while it runs.
        emit: Takes the events.
        alone: Whether the server answers one request at a time.
    """

    def __init__(
        self,
        account: Account,
        limits: Limits,
        asker: Asker,
        control: Control,
        emit: Callable[[Event], None],
        *,
        alone: bool,
    ) -> None:
        self._account = account
        self._limits = limits
        self._asker = asker
        self._control = control
        self._emit = emit
        self._alone = alone
        self._looks = asker.continues and not asker.shaped
        """Whether previews can be had."""
        self._governor = Governor(control)
        self._guard = LoopGuard()
        self._peeks = Peeks(control)
        self._format = account.splitter.format
        self._finder = self._finder_for(self._format)
        self._waits = 0
        self._armed: Budget | None = None
        """The budget that this segment's server knows."""
        self._ending: EndedBy | None = None
        """Why the server closes the thought, from when it is told to until it has."""
        self._ending_at = 0

    def _finder_for(self, format_: Format) -> Finder:
        closes = format_.closes
        if format_.sentences:
            # They count at the beginning of a line.
            closes = tuple(f"\n{close}" for close in closes)
        return Finder(*closes, *((FORCED,) if self._asker.forces else ()))

    def begin_segment(self, *, told: bool) -> None:
        """Another request is sent.

        Args:
            told: Whether it says how long the thought may be.
        """
        self._armed = self._control.budget if told else None
        self._ending = None
        self._finder.drop()

    def settle(self) -> None:
        """Takes what was held back of a thought that is broken off."""
        held = self._finder.drop()
        if held and self._account.in_thought:
            self._account.add(held)

    def begin_anew(self) -> None:
        """Another thought has begun."""
        self._guard.reset()

    def take(self, text: str, segment: Segment) -> tuple[str, Then]:
        """Takes what came of a text in which the thought may end.

        Returns:
            What belongs to no thought any more, and what is to be done.
        """
        if self._format is not self._account.splitter.format:
            self._format = self._account.splitter.format
            self._finder = self._finder_for(self._format)
        while text and self._account.in_thought:
            before, phrase, text = self._finder.feed(text)
            if phrase and phrase != FORCED:
                self._account.share_out(before, phrase.strip(), text)
            then = self.words(before, segment) if before else None
            if then is not None:
                return "", then
            if phrase == FORCED:
                self._ending = self._ending or "budget"
                self._account.take_forced()
            elif phrase:
                if self._ending is None and (self._account.doubt("\n") or self.thinks_on()):
                    return "", "again"
                self._account.take_close(self._ending or "natural", phrase.strip())
                self._ending = None
        return text, None

    def words(self, text: str, segment: Segment) -> Then:
        """Takes words that certainly belong to the thought."""
        for part in self._account.cut(text):
            then = self._take_words(part, segment)
            if then is not None:
                return then
        return None

    def _take_words(self, text: str, segment: Segment) -> Then:
        if self._outgrown:
            return "again"
        loops = self._guard.feed(hash(text), text.encode())
        reason = self._verdict(text) or ("loop" if loops else None)
        if reason is not None and self._closes(reason, segment):
            return "again"
        if reason is None and self._account.doubt(text):
            return "again"
        self._account.add(text)
        if self._looks and self._look_is_due():
            return self._peek(segment)
        return None

    def _look_is_due(self) -> bool:
        transcript = self._account.transcript
        # Without the model's confidence the looks have to agree, and those come at their own pace.
        pauses = self._asker.tells_confidence and transcript.tail.endswith("\n")
        return self._peeks.due(transcript.thought_tokens, pauses=pauses)

    def look(self, segment: Segment) -> Then:
        """Looks at the control and the clock while nothing comes."""
        reason = self._verdict("") if segment.begun else None
        return "again" if reason is not None and self._closes(reason, segment) else None

    def end(self, why: End) -> Then:
        """The server has ended its stream in the middle of the thought.

        Args:
            why: Why.
        """
        account = self._account
        held = self._finder.drop()
        if held:
            account.add(held)
        if why == "context":
            # Its own words for a full context come before our count of it.
            account.land("context")
            return "again"
        if why != "length":
            # The model stops without an answer: its thought is closed for it, and it is asked.
            if not self.thinks_on():
                account.shut()
                account.asks_for_answer()
            return "again"
        left = self._limits.thought
        if left is None or (left > _NEARLY_ALL and self._asker.counts and account.segment_tokens):
            # It was not the budget: the server has a limit of its own.
            return self.beyond_length()
        account.land("budget")
        return "again"

    def beyond_length(self) -> Then:
        """What comes after the number of tokens that a server writes at a time.

        It goes on where there is room; where that is used up, a thought is landed for the answer.
        """
        account, limits = self._account, self._limits
        if not account.segment_tokens or not (limits.knows_room or self._asker.must_limit):
            return "context"
        if not account.in_thought:
            return "again" if limits.left > 0 else "context"
        if limits.room <= 0:
            account.land("context")
        return "again"

    def thinks_on(self) -> bool:
        """Writes "Wait" in place of an end of thinking, where more of it is wanted."""
        transcript = self._account.transcript
        more = self._asker.continues and self._governor.wants_more(
            tokens=transcript.thought_tokens,
            seconds=transcript.thought_seconds,
            waits=self._waits,
        )
        if not more or self._limits.room <= len(WAIT):
            return False
        self._waits += 1
        self._account.wait()
        return True

    def _verdict(self, following: str) -> EndedBy | None:
        transcript = self._account.transcript
        return self._governor.verdict(
            tokens=transcript.thought_tokens,
            seconds=transcript.thought_seconds,
            room=self._limits.room,
            time_left=self._limits.time(ANSWER_TIME_SHARE),
            tail=transcript.tail,
            following=following,
            looks=self._peeks.verdict,
        )

    def _closes(self, reason: EndedBy, segment: Segment) -> bool:
        """Closes the thought, and says whether the stream is left for it.

        Where the server does it the stream goes on; so it does where nobody can.
        """
        if not self._asker.continues:
            return False
        written = self._account.segment_tokens
        if self._ending is not None:
            # It was told to already. If it does not begin, it is left.
            if written - self._ending_at < _OBEYS.get(self._ending, 0):
                return False
        elif self._server_closes(reason, segment):
            self._ending, self._ending_at = reason, written
            return False
        self._account.land(reason)
        return True

    def _server_closes(self, reason: EndedBy, segment: Segment) -> bool:
        """Whether the server closes the thought itself, in the middle of a sentence."""
        if reason == "user":
            return self._asker.end_thought(segment.name, self._is_stopped)
        knows = self._asker.forces and self._armed == self._control.budget
        return reason == "budget" and knows and self._limits.thought_used_up

    @property
    def _outgrown(self) -> bool:
        """Whether the budget has been raised above the one that the server knows."""
        armed = None if self._armed is None else self._armed.tokens
        most = self._control.budget.tokens
        return self._asker.continues and armed is not None and (most is None or most > armed)

    def _is_stopped(self) -> bool:
        return self._control.cancelled

    def _peek(self, segment: Segment) -> Then:
        """Looks at what the answer would be; says whether the stream was left for it."""
        if self._alone:
            segment.close()
        account = self._account
        final = sure = None
        with suppress(NetworkError):
            closing = account.transcript.landing() + account.draft.format.closing
            closed = [*account.draft.items(), closing]
            final, sure = self._asker.peek(closed, self._is_stopped)
        tokens = account.transcript.thought_tokens
        self._emit(Peeked(final, tokens, self._peeks.take(final, sure), sure))
        # Where a paragraph has ended the thought can end at once.
        ends = self._peeks.verdict == "sure" and self._verdict("") == "sure"
        if ends and self._closes("sure", segment):
            return "again"
        return "again" if self._alone else None
