"""Writes a reply through a server, with several requests where it takes them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from r1chat.engine.base import Request
from r1chat.engine.loop import MOST_THOUGHTS
from r1chat.engine.pacing import ReadingPace
from r1chat.engine.remote.account import Account
from r1chat.engine.remote.asking import Asker
from r1chat.engine.remote.chunks import Chunk, Halves
from r1chat.engine.remote.draft import Finder
from r1chat.engine.remote.endings import Ending
from r1chat.engine.remote.finishes import end_of
from r1chat.engine.remote.limits import Limits
from r1chat.engine.remote.link import LOOK_S
from r1chat.engine.remote.refusals import Refused
from r1chat.engine.remote.segment import Patience, Segment
from r1chat.engine.remote.thinking import Then, Thinking
from r1chat.errors import Cancelled, NetworkError, R1ChatError
from r1chat.events import EndedBy, Evaluating, Event, Notice, Reply
from r1chat.formatting import counted
from r1chat.reasoning.control import Control
from r1chat.reasoning.loops import ANSWER_PATIENCE, LoopGuard
from r1chat.reasoning.phrases import BOX, CLOSE
from r1chat.sanitize import line

if TYPE_CHECKING:
    from r1chat.engine.remote.finding import Found

log = logging.getLogger(__name__)

_UNOPENED = (
    "{} does not say where the thought begins: what stands before </think> was one. Started with "
    "a parser for reasoning, it tells it apart"
)

_UNMEASURED = "{} does not say how sure the model is"
_AT_A_TIME = "{} sends {} at a time: where a thought ends among them is an estimate"
_LONGEST_HEAD = 64
"""Characters in front of an answer in a shape that may become a marker, or are white space."""
_BROKEN_OFF: frozenset[EndedBy] = frozenset({"cancelled", "error", "time", "context"})
"""Ends of a reply behind which there may be words that were held back."""
_UNFINISHED = {
    "withheld": "keeps the rest of the reply back ({}): what came is kept; ask in other words",
    "tools": "ended the reply to call a tool ({}), and there is none here: ask in other words",
    "unknown": "ended the reply for a reason of its own ({}): what came is kept",
}
"""What it means that a server ended a reply that the model had not ended."""
_told_of_pace: set[str] = set()
"""Hosts of which the user knows how many tokens they send at a time."""

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
        may_shorten: Whether the conversation has turns that can be left out.
    """

    def __init__(  # noqa: PLR0913  (a reply has no fewer sides)
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
        may_shorten: bool = False,
    ) -> None:
        self._asker = asker
        self._found = found
        self._request = request
        self._control = control
        self._emit = emit
        self._clock = clock
        self._patience = patience
        self._may_shorten = may_shorten
        self._held: list[Event] | None = []
        """What is not told before the server has taken the question."""
        self._account = Account(asker, request, self._say, clock, began=began)
        self._limits = Limits(self._account, request, control, found.context, clock, began=began)
        alone = found.parallel == 1
        self._thinking = Thinking(self._account, self._limits, asker, control, emit, alone=alone)
        self._answer_guard = LoopGuard(ANSWER_PATIENCE)
        self._thoughts = 0
        self._pace = ReadingPace(control, clock)
        self._was_limited = False
        self._thought_halves, self._text_halves = Halves(), Halves()
        self._close_finder = Finder(CLOSE) if asker.framed is None else None
        """Looks in an answer for the end of a thought that nobody saw begin."""
        self._thought_ending, self._text_ending = Ending(()), Ending(())
        self._free = request.shape is None or asker.framed is None
        """Whether the answer is not to be constrained, or already is."""
        self._no_thought = False
        """Whether an answer in a shape has begun, so that no thought can."""
        self._head = ""
        """What came where an answer in a shape begins, and may become a marker."""
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
            ended_by = yield from self._write()
        except Cancelled:
            ended_by = "cancelled"
        except R1ChatError as failure:
            if isinstance(failure, Refused) and failure.too_long and not self._begun:
                raise
            ended_by, error = "error", str(failure)
        except Exception as failure:
            log.exception("a reply failed")
            ended_by, error = "error", f"the engine failed ({type(failure).__name__})"
        if ended_by in _BROKEN_OFF:
            self._settle()
        self._release()
        if self._control.measures and self._begun and not self._account.transcript.scores:
            self._emit(Notice(_UNMEASURED.format(self._found.server.host)))
        budget = "max" if self._request.raw else str(self._control.budget)
        return self._account.reply(ended_by, error, seed=seed, load_s=load_s, budget=budget)

    def unserved(self, ended_by: EndedBy, *, seed: int, load_s: float) -> Reply:
        """The reply to a question that was given up before it was put to the server."""
        self._account.begin()
        self._release()
        budget = str(self._control.budget)
        return self._account.reply(ended_by, None, seed=seed, load_s=load_s, budget=budget)

    def _settle(self) -> None:
        """Takes what was held back of a reply that is broken off."""
        self._thinking.settle()
        for ending in (self._thought_ending, self._text_ending):
            held = ending.drop()
            if held:
                self._account.add(held)

    def _say(self, event: Event) -> None:
        if self._held is not None and not isinstance(event, (Evaluating, Notice)):
            self._held.append(event)
        else:
            self._emit(event)

    @property
    def _begun(self) -> bool:
        """Whether the server has taken the question."""
        return self._held is None

    def _release(self) -> None:
        held, self._held = self._held, None
        for event in held or ():
            self._emit(event)

    def _write(self) -> Steps[EndedBy]:
        # A reply that was to be continued stays what it was, also where it is stopped at once.
        self._account.begin()
        while not self._control.cancelled:
            then = yield from self._segment()
            if then is not None and then != "again":
                return then
        return "cancelled"

    def _segment(self) -> Steps[Then]:
        """Reads the answer to one request."""
        account, limits = self._account, self._limits
        control = self._control
        account.transcript.tells = control.measures
        measures = control.measures or control.sums_up
        self._asker.measures = account.transcript.measures = measures
        thinking = account.in_thought
        may_think = thinking or (self._can_think and account.splitter.undecided)
        thought_left = limits.thought if may_think else None
        self._was_limited = thought_left is not None and not self._asker.forces
        shaped = self._request.shape is not None and not (may_think and self._asker.continues)
        if shaped and self._asker.continues:
            self._free = True
            account.transcript.constrain()
        items = account.draft.items()
        account.begin_segment()
        self._thinking.begin_segment(told=thought_left is not None)
        thought, answer = account.transcript.thought, account.transcript.answer
        # In a shape they are text.
        markers = () if shaped and self._asker.continues else self._asker.markers
        closes = self._account.splitter.format.closes
        self._thought_ending = Ending(markers, thought, closes)
        self._text_ending = Ending(markers, thought if thinking else answer, closes)
        segment = Segment(
            self._found.server.host,
            partial(
                self._asker.begin,
                items,
                inside=thinking,
                may_think=may_think,
                thought_left=thought_left,
                # It would hold for a thought as well.
                answer_left=None if may_think else limits.answer,
                shaped=shaped,
            ),
            lambda: self._asker.explain(items, lambda: self._control.cancelled),
            self._asker.adapt,
            lambda text: self._emit(Notice(text)),
            self._patience,
            interrupts=self._found.dialect.interrupts,
        )
        with closing(segment):
            while True:
                chunks = segment.take(LOOK_S)
                for chunk in chunks:
                    then = "cancelled" if self._control.cancelled else self._take(chunk, segment)
                    if then is not None:
                        return then
                    yield
                then = self._look(segment, idle=not chunks)
                if then is not None:
                    return then
                yield

    @property
    def _can_think(self) -> bool:
        """Whether a thought may begin that is not open yet."""
        framed = self._asker.framed
        if self._no_thought:
            return False
        if framed is None:
            return not self._request.raw
        return framed.kind.thinks and not framed.prefilled

    def _look(self, segment: Segment, *, idle: bool) -> Then:
        """Looks at all that does not come from the server."""
        if self._control.cancelled:
            return "cancelled"
        if self._limits.time() <= 0:
            return "time"
        if segment.ended:
            then = self._flush(segment)
            return self._end(segment.finish or "") if then is None else then
        return self._thinking.look(segment) if idle and self._account.in_thought else None

    def _take(self, chunk: Chunk, segment: Segment) -> Then:
        account = self._account
        account.count(chunk)
        host, several = self._found.server.host, account.at_a_time
        if several and account.in_thought and host not in _told_of_pace:
            _told_of_pace.add(host)
            self._emit(Notice(_AT_A_TIME.format(host, counted(several, "token"))))
        if self._may_shorten and not self._begun and self._limits.crowded:
            msg = "the conversation leaves no room for a reply"
            raise Refused(msg, 0, too_long=True)
        if not chunk.text and not chunk.thought:
            return None
        self._release()
        self._pace.keep()
        account.transcript.sampled()
        if chunk.thought:
            if not account.in_thought:
                self._told_apart = True
                account.splitter.expect_thoughts()
                account.transcript.open_thought()
            words = self._thought_ending.feed(self._thought_halves.feed(chunk.thought))
            then = self._thinking.words(words, segment) if words else None
            if then is not None:
                return then
        if chunk.text:
            if self._told_apart and account.in_thought:
                account.transcript.close_thought(self._why_told_apart())
            words = self._text_ending.feed(self._text_halves.feed(chunk.text))
            then = self._take_text(words, segment)
            if then is not None:
                return then
        # The model goes on as somebody else: that ends its reply.
        is_over = self._thought_ending.found or self._text_ending.found
        return self._end("") if is_over else None

    def _take_text(self, text: str, segment: Segment) -> Then:
        text, then = self._thinking.take(text, segment)
        if self._asker.answers_at_once and not self._account.transcript.answer_length:
            # What separates it from a thought that its template has closed.
            text = text.lstrip()
        return self._answer(text) if text and then is None else then

    def _flush(self, segment: Segment) -> Then:
        """Takes what was held back, at the end of a stream."""
        words = self._thought_ending.drop()
        then = self._thinking.words(words, segment) if words else None
        return then if then is not None else self._take_text(self._text_ending.drop(), segment)

    def _why_told_apart(self) -> EndedBy:
        """Why a thought has ended that only the server could end."""
        tokens = self._control.budget.tokens
        limited = bool(self._found.dialect.chat_budget) and tokens is not None
        written = self._account.transcript.thought_tokens
        # To the server the line break behind the opening tag may be one of them.
        return "budget" if limited and written >= (tokens or 0) - 1 else "natural"

    def _answer(self, text: str) -> Then:
        account = self._account
        if not self._free:
            return self._begin_shape(text)
        left = self._limits.answer
        if left is not None and left <= 0:
            return "length"
        if self._answer_guard.feed(hash(text), text.encode()):
            return "loop"
        account.add(text)
        self._look_for_close(text)
        if account.transcript.stopped:
            return self._end("")
        if account.in_thought:
            self._thoughts += 1
            if self._thoughts > MOST_THOUGHTS:
                return "loop"
            self._thinking.begin_anew()
        return None

    def _begin_shape(self, text: str) -> Then:
        """Takes text that was written freely where an answer in a shape begins.

        It may open a thought. Otherwise it is dropped, and another request constrains the answer.
        """
        self._head += text
        splitter = self._account.splitter
        if splitter.undecided and splitter.opens(self._head):
            head, self._head = self._head, ""
            self._account.add(head)
            return None
        if splitter.answers(self._head) or len(self._head) > _LONGEST_HEAD:
            return self._constrained()
        if not splitter.undecided:
            # White space behind a thought stays where the model puts it.
            self._account.add(text)
        return None

    def _constrained(self) -> Then:
        self._head = ""
        self._no_thought = True
        return "again"

    def _look_for_close(self, text: str) -> None:
        """Says so where what was taken for an answer was a thought.

        A template that opens it does so in the prompt, which only the server sees. What has been
        shown as an answer stays one.
        """
        if self._close_finder is None or self._account.splitter.closed_once:
            return
        if self._close_finder.feed(text)[1]:
            self._close_finder = None
            self._emit(Notice(_UNOPENED.format(self._found.server.host)))

    def _end(self, finish: str) -> Then:
        """The server's stream is over; says whether the reply is.

        Raises:
            NetworkError: If something else than the model or a limit ended it.
        """
        end = end_of(finish)
        if end in _UNFINISHED:
            msg = f"{self._found.server.host} {_UNFINISHED[end].format(line(finish, 40))}"
            raise NetworkError(msg)
        if self._account.in_thought and self._asker.continues:
            return self._thinking.end(end)
        if not self._free:
            return self._constrained()
        if end == "length":
            return self._end_of_length()
        return "context" if end == "context" else self._end_of_reply()

    def _end_of_reply(self) -> Then:
        """Ends the reply; one without an answer is continued, as far as possible."""
        account, transcript = self._account, self._account.transcript
        if self._request.raw or self._request.shape is not None or self._limits.time() <= 0:
            return "natural"
        if self._asker.continues and account.splitter.closed_once:
            if account.asks_for_answer() or account.asks_for_final():
                return "again"
            account.complete()
            return "natural"
        if account.in_thought:
            transcript.close_thought(self._why_told_apart())
        if transcript.stopped or not account.rescue.refuses_end(transcript.answered):
            return "natural"
        boxed = BOX in account.rescue.words(transcript.thought)
        self._asker.ask_again(transcript.thought, boxed=boxed)
        return "again"

    def _end_of_length(self) -> Then:
        """What comes after a limit in tokens that cut the answer."""
        left = self._limits.answer
        if left is not None and (left <= 0 or self._asker.limits_answer):
            return "length"
        if self._request.shape is not None:
            # A server would begin the shape again.
            return "context"
        # Where it was the limit of the thought that cut the answer, the answer goes on.
        if not self._asker.continues:
            return "context"
        if self._was_limited and self._account.segment_tokens > 0:
            return "again"
        return self._thinking.beyond_length()
