"""Writes a reply with a server's help: asks the machines of `r1chat.reasoning` at every chunk.

What arrives is not part of the reply yet. To close a thought, or to think on, the stream is left,
our words are added, and the server goes on behind them; it still has the rest in its cache. So
nothing that a loop over tokens can do is out of reach, as long as the server takes a prompt as it
is. Where it ends thoughts itself, that is used: at the hard end of a budget, and for "answer now".
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from r1chat.engine.base import Request
from r1chat.engine.remote.asking import FORCED, Asker
from r1chat.engine.remote.chunks import Chunk, whole
from r1chat.engine.remote.draft import Draft, Finder
from r1chat.engine.remote.refusals import Refused
from r1chat.engine.remote.resuming import resume
from r1chat.engine.remote.segment import Patience, Segment
from r1chat.engine.transcript import Circumstances, Transcript
from r1chat.errors import Cancelled, NetworkError, R1ChatError
from r1chat.events import EndedBy, Evaluating, Event, Notice, Peeked, Reply
from r1chat.reasoning.budget import Budget, Governor
from r1chat.reasoning.control import Control
from r1chat.reasoning.loops import LoopGuard
from r1chat.reasoning.peeks import Peeks
from r1chat.reasoning.phrases import CLOSE, FINISHED, LANDING, WAIT
from r1chat.reasoning.splitter import Splitter

if TYPE_CHECKING:
    from r1chat.engine.remote.finding import Found

log = logging.getLogger(__name__)

LOOK_S = 0.05
"""How often the control is looked at where nothing arrives."""
_ANSWER_TIME_SHARE = 0.2
_MOST_THOUGHTS = 3
_ANSWER_LOOP = 128
_RESERVE = 1024
_RESERVED_SHARE = 4
_CLOSING = 32
"""Tokens, rather more than less, of the words that close a thought."""
_OBEYS: dict[EndedBy, int] = {"user": 64, "budget": 4}
"""Tokens after which a server that ends thoughts itself has to have begun with it. What it wrote
before it was told is on its way still."""

T = TypeVar("T")
Steps: TypeAlias = Generator[None, None, T]


class Writer:
    """Writes one reply.

    Args:
        asker: Sends the requests.
        found: The server.
        request: The question.
        control: Changed by other threads while it runs.
        emit: Takes the events as they happen, the final reply excepted.
        clock: Seconds, monotonic.
        began: When the question was asked, on that clock.
        patience: How long to wait for the server.
    """

    def __init__(
        self,
        asker: Asker,
        found: Found,
        request: Request,
        control: Control,
        emit: Callable[[Event], None],
        clock: Callable[[], float],
        *,
        began: float,
        patience: Patience,
    ) -> None:
        self._asker = asker
        self._found = found
        self._request = request
        self._control = control
        self._emit = emit
        self._clock = clock
        self._began = began
        self._patience = patience
        framed = asker.framed
        self._splitter = Splitter(opened=framed is not None and framed.opened, scan=not request.raw)
        self._transcript = Transcript(
            self._splitter,
            emit,
            clock,
            began=began,
            stops=framed.stops if framed is not None else (),
            keeps_ids=False,
        )
        self._draft = Draft()
        self._governor = Governor(control)
        self._guard = LoopGuard()
        self._answer_guard = LoopGuard(minimum=_ANSWER_LOOP)
        self._peeks = Peeks(control)
        self._finder = Finder(CLOSE, FORCED) if asker.forces else Finder(CLOSE)
        self._waits = 0
        self._thoughts = 0
        self._due = -math.inf
        self._prompt_tokens = 0
        self._cached_tokens = 0
        self._uncounted = 0
        """Tokens that have come and whose text is still held back."""
        self._written = 0
        """Tokens of this segment."""
        self._armed: Budget | None = None
        """The budget that this segment's server knows."""
        self._ending: EndedBy | None = None
        """Why the server was told to close the thought, until it has."""
        self._ending_at = 0
        self._told_apart = False
        """Whether the server itself tells the thought from the answer."""

    def run(self, *, seed: int, load_s: float) -> Steps[Reply]:
        """Writes the reply, in steps none of which takes long.

        Args:
            seed: Goes into the receipt.
            load_s: Goes into the receipt.

        Returns:
            The reply, also where it was stopped or something failed.

        Raises:
            Refused: If the conversation is too long for the server.
        """
        error = None
        ended_by: EndedBy
        try:
            self._prepare()
            ended_by = yield from self._write()
        except Cancelled:
            ended_by = "cancelled"
        except R1ChatError as failure:
            if isinstance(failure, Refused) and failure.too_long and not self._has_text:
                raise
            ended_by, error = "error", str(failure)
        except Exception as failure:
            log.exception("a reply failed")
            ended_by, error = "error", f"the engine failed ({type(failure).__name__})"
        circumstances = Circumstances(
            seed=seed,
            budget="max" if self._request.raw else str(self._control.budget),
            prompt_tokens=self._prompt_tokens,
            reused_tokens=min(self._cached_tokens, self._prompt_tokens),
            load_s=load_s,
            ids=(),
        )
        return self._transcript.reply(ended_by, circumstances, error)

    def _prepare(self) -> None:
        if self._control.cancelled:
            return
        continuation = self._request.resume
        framed = self._asker.framed
        if framed is not None and framed.prefilled:
            if continuation is not None:
                self._transcript.mute()
            self._transcript.prefilled(FINISHED + "\n")
        if continuation is not None:
            resume(continuation, self._transcript, self._draft)
        self._prompt_tokens = self._asker.count() or 0
        self._emit(Evaluating(0, self._prompt_tokens, 0))
        if continuation is not None and self._splitter.in_thought:
            if continuation.words:
                self._inject(continuation.words, quoted=True)
            if continuation.close:
                self._land("user")

    @property
    def _has_text(self) -> bool:
        return self._transcript.has_thought or self._transcript.has_answer

    def _write(self) -> Steps[EndedBy]:
        while not self._control.cancelled:
            ended_by = yield from self._segment()
            if ended_by is not None:
                return ended_by
        return "cancelled"

    def _segment(self) -> Steps[EndedBy | None]:
        """Reads one stream; None where it is left to go on with another."""
        thinking = self._splitter.in_thought
        self._armed = self._control.budget
        items = self._draft.items()
        begin = self._asker.begin(
            items,
            thought_left=self._thought_left() if thinking or self._told_apart_later else None,
            answer_left=None if thinking else self._answer_left(),
        )
        self._written = 0
        self._uncounted = 0
        self._ending = None
        self._finder.drop()
        segment = Segment(
            self._found.server.host,
            begin,
            lambda: self._asker.explain(items, self._wants_stop),
            self._tell,
            self._patience,
        )
        with closing(segment):
            while True:
                chunks = segment.take(LOOK_S)
                for chunk in chunks:
                    if self._control.cancelled:
                        return "cancelled"
                    done, ended_by = self._take(chunk, segment)
                    if done:
                        return ended_by
                    yield
                if self._control.cancelled:
                    return "cancelled"
                if self._time_left(0) <= 0:
                    return "time"
                if segment.ended:
                    return self._end(segment.finish or "")
                if not chunks:
                    done, ended_by = self._look(segment)
                    if done:
                        return ended_by
                yield

    @property
    def _told_apart_later(self) -> bool:
        """Whether a thought may still come that the server tells apart itself."""
        return not self._asker.continues and self._splitter.undecided

    def _tell(self, text: str) -> None:
        self._emit(Notice(text))

    # -- what came --

    def _take(self, chunk: Chunk, segment: Segment) -> tuple[bool, EndedBy | None]:
        """Takes a chunk; says whether the stream is to be left, and why the reply ends, if so."""
        self._count(chunk)
        if not chunk.text and not chunk.thought:
            return False, None
        self._keep_pace()
        self._transcript.sampled()
        if chunk.thought:
            if not self._splitter.in_thought:
                self._told_apart = True
                self._transcript.open_thought()
            left, ended_by = self._think(whole(chunk.thought), segment)
            if left:
                return left, ended_by
        if chunk.text:
            if self._told_apart and self._splitter.in_thought:
                self._transcript.close_thought(self._ending or self._told_apart_end())
            return self._text(whole(chunk.text), segment)
        return False, None

    def _text(self, text: str, segment: Segment) -> tuple[bool, EndedBy | None]:
        while text:
            if self._splitter.in_thought:
                found = self._finder.feed(text)
                left, ended_by = self._think(found[0], segment) if found[0] else (False, None)
                if left:
                    return left, ended_by
                if found[1] == FORCED:
                    self._take_forced()
                elif found[1] == CLOSE and self._close():
                    return True, None
                text = found[2]
            else:
                return self._answer(text)
        return False, None

    def _count(self, chunk: Chunk) -> None:
        counts = chunk.counts
        if counts.prompt and not self._prompt_tokens:
            # Of the first request; what later ones begin with was written by the model.
            self._prompt_tokens, self._cached_tokens = counts.prompt, counts.cached or 0
        if counts.evaluated is not None and counts.prompt:
            self._emit(Evaluating(counts.evaluated, counts.prompt, counts.cached or 0))
        if not chunk.text and not chunk.thought:
            return
        new = 1 if counts.written is None else max(0, counts.written - self._written)
        self._written += new
        self._uncounted += new

    def _keep_pace(self) -> None:
        """Waits where the server writes faster than it should."""
        pace = self._control.pace
        if pace is None:
            return
        now = self._clock()
        self._due = max(self._due + 1 / pace, now)
        while now < self._due and not self._control.cancelled:
            time.sleep(min(self._due - now, LOOK_S))
            now = self._clock()

    def _add(self, text: str) -> None:
        """Adds words of the model to the reply, and the tokens that they are made of."""
        transcript = self._transcript
        # The transcript counts each text as one.
        if self._splitter.in_thought:
            transcript.thought_tokens += self._uncounted - 1
        else:
            transcript.answer_tokens += self._uncounted - 1
        self._uncounted = 0
        transcript.write(0, text.encode("utf-8", "replace"))
        self._draft.write(text)

    # -- the thought --

    def _think(self, text: str, segment: Segment) -> tuple[bool, EndedBy | None]:
        if self._outgrown:
            return True, None
        loops = self._guard.feed(hash(text)) is not None
        reason = self._verdict(text) or ("loop" if loops else None)
        if reason is not None:
            left, ended_by = self._close_for(reason, segment)
            if left:
                return left, ended_by
        self._add(text)
        if self._peeks.due(self._transcript.thought_tokens) and self._can_peek:
            return self._peek(segment), None
        return False, None

    def _look(self, segment: Segment) -> tuple[bool, EndedBy | None]:
        """Looks at the control and the clock while nothing comes."""
        if not self._splitter.in_thought or not segment.begun:
            return False, None
        reason = self._verdict("")
        return self._close_for(reason, segment) if reason is not None else (False, None)

    def _verdict(self, following: str) -> EndedBy | None:
        transcript = self._transcript
        return self._governor.verdict(
            tokens=transcript.thought_tokens,
            seconds=transcript.thought_seconds,
            room=self._room(),
            time_left=self._time_left(_ANSWER_TIME_SHARE),
            tail=transcript.tail,
            following=following,
            agreed=self._peeks.repeats,
        )

    def _close_for(self, reason: EndedBy, segment: Segment) -> tuple[bool, EndedBy | None]:
        """Closes the thought, by the server or by ourselves; where neither can, it goes on."""
        if not self._asker.continues:
            return False, None
        if self._ending is not None:
            # It was told to already. If it does not begin, it is left.
            if self._written - self._ending_at < _OBEYS[self._ending]:
                return False, None
        elif reason in _OBEYS and self._server_ends(reason, segment):
            self._ending, self._ending_at = reason, self._written
            return False, None
        self._land(reason)
        return True, None

    def _server_ends(self, reason: EndedBy, segment: Segment) -> bool:
        """Whether the server closes the thought itself, in the middle of a sentence."""
        if reason == "user":
            return self._asker.end_thought(segment.name, self._wants_stop)
        return self._asker.forces and self._armed == self._control.budget and self._used_up

    @property
    def _used_up(self) -> bool:
        most = _most(self._control.budget)
        return most is not None and self._transcript.thought_tokens >= most

    @property
    def _outgrown(self) -> bool:
        """Whether the budget has been raised above the one that the server knows."""
        armed = None if self._armed is None else _most(self._armed)
        most = _most(self._control.budget)
        return self._asker.continues and armed is not None and (most is None or most > armed)

    def _wants_stop(self) -> bool:
        return self._control.cancelled

    def _close(self) -> bool:
        """Takes the model's end of thinking; says whether it is to think on instead."""
        if self._ending is None and self._thinks_on():
            return True
        self._draft.mark(CLOSE)
        self._transcript.close_thought(self._ending or "natural")
        self._ending = None
        self._uncounted = 0
        return False

    def _take_forced(self) -> None:
        """Takes the words with which the server closes the thought."""
        self._ending = self._ending or "budget"
        tokens, self._uncounted = self._uncounted, 0
        self._transcript.inject(FORCED, tokens)
        self._draft.quote(FORCED)

    def _thinks_on(self) -> bool:
        """Writes "Wait" in place of an end of thinking, where more of it is wanted."""
        transcript = self._transcript
        more = self._asker.continues and self._governor.wants_more(
            tokens=transcript.thought_tokens,
            seconds=transcript.thought_seconds,
            waits=self._waits,
        )
        if not more or self._room() <= len(WAIT):
            return False
        self._waits += 1
        self._inject(WAIT if transcript.tail.endswith("\n") else "\n" + WAIT)
        return True

    def _land(self, reason: EndedBy) -> None:
        """Closes the thought with words of ours."""
        self._shut(self._landing(), reason)

    def _landing(self) -> str:
        transcript = self._transcript
        if not transcript.has_thought:
            return FINISHED + "\n"
        tail = transcript.tail
        gap = "" if tail.endswith("\n\n") else "\n" if tail.endswith("\n") else "\n\n"
        return gap + LANDING + "\n"

    def _shut(self, words: str, reason: EndedBy) -> None:
        if not words and not self._transcript.tail.endswith("\n"):
            words = "\n"
        self._inject(words)
        self._draft.mark(CLOSE + "\n\n")
        self._transcript.close_thought(reason)

    def _inject(self, words: str, *, quoted: bool = False) -> None:
        self._transcript.inject(words, self._asker.tokens_of(words))
        (self._draft.quote if quoted else self._draft.mark)(words)

    @property
    def _can_peek(self) -> bool:
        return self._asker.continues

    def _peek(self, segment: Segment) -> bool:
        """Looks at what the answer would be; says whether the stream was left for it."""
        leaves = self._found.parallel == 1
        if leaves:
            segment.close()
        words = self._landing() + CLOSE + "\n\n"
        final = None
        with suppress(NetworkError):
            final = self._asker.peek([*self._draft.items(), words], self._wants_stop)
        tokens = self._transcript.thought_tokens
        self._emit(Peeked(final, tokens, self._peeks.take(final)))
        return leaves

    # -- the answer --

    def _answer(self, text: str) -> tuple[bool, EndedBy | None]:
        limit = self._limit(text)
        if limit is not None:
            return True, limit
        self._add(text)
        if self._transcript.stopped:
            return True, "natural"
        if self._splitter.in_thought:
            self._thoughts += 1
            if self._thoughts > _MOST_THOUGHTS:
                return True, "loop"
            self._guard.reset()
        return False, None

    def _limit(self, text: str) -> EndedBy | None:
        maximum = self._request.max_answer
        if maximum is not None and self._transcript.answer_tokens >= maximum:
            return "length"
        if self._time_left(0) <= 0:
            return "time"
        if self._answer_guard.feed(hash(text)) is not None:
            return "loop"
        return None

    # -- ends and limits --

    def _end(self, finish: str) -> EndedBy | None:
        """The server's stream is over; says why the reply is, or None to go on."""
        if self._splitter.in_thought and not self._told_apart:
            held = self._finder.drop()
            if held:
                self._add(held)
            return self._end_in_thought(finish)
        if finish != "length":
            return "natural"
        left = self._answer_left()
        if left is not None and left <= 0:
            return "length"
        # Where it was the limit of the thought that cut the answer, the answer goes on.
        was_limited = self._armed is not None and self._armed.tokens is not None
        if self._asker.continues and was_limited and not self._asker.forces and self._written:
            return None
        return "context"

    def _end_in_thought(self, finish: str) -> EndedBy | None:
        if not self._asker.continues:
            return "natural" if finish != "length" else "context"
        if finish != "length":
            # The model stops without an answer: its thought is closed for it, and it goes on.
            if not self._thinks_on():
                self._shut("", "natural")
            return None
        if self._thought_left() is None:
            return "context"
        self._land("budget")
        return None

    def _told_apart_end(self) -> EndedBy:
        """Why a thought has ended that only the server could end."""
        limit = self._control.budget.tokens
        limited = bool(self._found.dialect.chat_budget) and limit is not None
        return (
            "budget" if limited and self._transcript.thought_tokens >= (limit or 0) else "natural"
        )

    def _thought_left(self) -> int | None:
        """Tokens that the thought may still have, its grace included."""
        most = _most(self._control.budget)
        return None if most is None else max(1, most - self._transcript.thought_tokens)

    def _answer_left(self) -> int | None:
        maximum = self._request.max_answer
        return None if maximum is None else maximum - self._transcript.answer_tokens

    def _room(self) -> int:
        """Tokens of thought for which there is room; many, where nobody knows."""
        context = self._found.context
        if not context or not self._prompt_tokens:
            return 1 << 30
        wanted = self._request.max_answer
        reserve = _RESERVE if wanted is None else min(wanted, _RESERVE)
        reserve = min(reserve, context // _RESERVED_SHARE)
        transcript = self._transcript
        used = self._prompt_tokens + transcript.thought_tokens + transcript.injected_tokens
        return context - used - reserve - _CLOSING

    def _time_left(self, kept_share: float) -> float:
        timeout = self._request.timeout
        if timeout is None:
            return math.inf
        return timeout * (1 - kept_share) - (self._clock() - self._began)


def _most(budget: Budget) -> int | None:
    """The tokens that a thought may have at the most, the grace included."""
    if budget.tokens is None:
        return None
    return budget.tokens + math.floor(budget.tokens * budget.grace)
