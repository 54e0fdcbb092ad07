"""The thinking loop: at every token, does what the machines of `r1chat.reasoning` decide.

A sampled token is not in the cache yet. That is what makes steering cheap: the model's own end of
thinking, or the beginning of one sentence too many, is dropped and other tokens take its place.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from r1chat import prompt as prompts
from r1chat.engine.base import Continuation, Request
from r1chat.engine.grammars import gbnf
from r1chat.engine.pacing import ReadingPace
from r1chat.engine.parts import NOTHING, Machine, Vocabulary
from r1chat.engine.peeking import peek
from r1chat.engine.replay import replay
from r1chat.engine.tags import tags_of
from r1chat.engine.transcript import Circumstances, Transcript
from r1chat.errors import Cancelled, EngineError
from r1chat.events import EndedBy, Evaluating, Event, Notice, Peeked, Reply
from r1chat.formatting import counted
from r1chat.prompt import Prompt
from r1chat.reasoning.control import Control
from r1chat.reasoning.doubts import MOST_DOUBTS, SumDoubts
from r1chat.reasoning.governor import Governor
from r1chat.reasoning.loops import ANSWER_PATIENCE, LoopGuard
from r1chat.reasoning.peeks import Peeks, is_pause
from r1chat.reasoning.phrases import FINISHED, LANDING, WAIT
from r1chat.reasoning.rescue import Rescue
from r1chat.reasoning.splitter import Splitter
from r1chat.shapes import Shape

log = logging.getLogger(__name__)

ANSWER_RESERVE = 1024
"""Tokens of context kept free for the answer while the model thinks, where there are so many."""
_RESERVED_SHARE = 4
ANSWER_TIME_SHARE = 0.2
"""The part of a reply's time that is kept for its answer."""
MOST_THOUGHTS = 3
"""After so many more thoughts a reply counts as looping."""
_LONGEST_CHARACTER = 4
_LONGEST_DOUBT = 320
"""Tokens, rather more than less, of the words that doubt a sum."""
_CLOCKS_DIFFER = 0.05
"""Seconds by which the clock that breaks an evaluation off may be ahead of the loop's."""
_ASKING = 32
"""Tokens, rather more than less, of the words that ask for an answer and of the least one."""
_BY_LOOKS = frozenset({"agreed", "sure"})
"""Ends of a thought that answer previews have led to."""
_JSON_ENDS = (b"}", b"]", b'"')
_MOST_HEAD = 32
"""Tokens that may stand in front of an answer in a shape: white space, and markers."""
_MOST_ENDS = 16
"""Tokens that end a reply, of which more than one may be the next likeliest."""


def answer_reserve(capacity: int, max_answer: int | None) -> int:
    """Tokens of context to keep free for the answer."""
    wanted = ANSWER_RESERVE if max_answer is None else min(max_answer, ANSWER_RESERVE)
    return min(wanted, capacity // _RESERVED_SHARE)


def short_of_minimum(waits: int, tokens: int, least: int) -> str:
    """A notice that a thought ended short of its minimum."""
    return (
        f"its end of thinking became “Wait,” {counted(waits, 'time')}, which is the most; it "
        f"thought {tokens:,} of at least {counted(least, 'token')}"
    )


class ThinkingLoop:
    """Writes one reply.

    Args:
        machine: Evaluates and samples; its sampler is set.
        vocabulary: The model's.
        prompt: What to answer.
        request: The question it was made from.
        control: Changed by other threads while the loop runs.
        emit: Takes the events as they happen, the final reply excepted.
        clock: Seconds, monotonic.
        began: When the question was asked, on that clock.
    """

    def __init__(
        self,
        machine: Machine,
        vocabulary: Vocabulary,
        prompt: Prompt,
        request: Request,
        control: Control,
        emit: Callable[[Event], None],
        clock: Callable[[], float],
        *,
        began: float,
    ) -> None:
        self._machine = machine
        self._vocabulary = vocabulary
        self._prompt = prompt
        self._request = request
        self._control = control
        self._emit = emit
        self._clock = clock
        self._began = began
        self._pace = ReadingPace(control, clock)
        self._tags = tags_of(prompt.format, vocabulary)
        asked = [message.text for message in request.messages if message.role == "system"]
        asked.append(request.messages[-1].text)
        self._splitter = Splitter(
            opened=prompt.opened,
            scan=self._tags.scan,
            closed=prompt.closed,
            plain=request.raw,
            strays=any(close in text for text in asked for close in prompt.format.closes),
            format=prompt.format,
            tokens=self._tags.shown,
            others=prompt.others,
        )
        free = not request.raw and request.shape is None
        self._rescue = Rescue(
            asked, allowed=free, trained=not self._tags.scan, insists=not prompt.begins
        )
        self._transcript = Transcript(
            self._splitter,
            emit,
            clock,
            began=began,
            stops=prompt.stops,
            keeps_ids=self._tags.by_token and not prompt.stops,
            doubts=SumDoubts(
                MOST_DOUBTS if request.check_sums == "fix" else 0,
                request.resume.injected if request.resume is not None else (),
            ),
        )
        self._governor = Governor(control)
        self._guard = LoopGuard()
        self._answer_guard = LoopGuard(ANSWER_PATIENCE)
        self._waits = 0
        self._thoughts = 0
        self._reserve = answer_reserve(machine.capacity, request.max_answer)
        self._closing = self._closing_room()
        self._tag_began = 0
        """Where in `_ids` a tag begins that is spelled in several tokens."""
        self._peeked = Peeks(control)
        self._reused = 0
        self._asked_at: int | None = None
        """Where among the tokens the words stand that began the answer."""
        self._opened_box: str | None = None
        """The answer up to the box that was opened behind it, if one was."""
        self._ids: list[int] = []
        self._shape = request.shape
        self._constrained = False
        """Whether what is drawn fits the shape."""
        self._head = 0
        """Tokens in front of an answer in a shape."""

    def run(self, *, seed: int, load_s: float) -> Reply:
        """Reads the prompt and writes the reply.

        Args:
            seed: Goes into the receipt.
            load_s: Goes into the receipt.

        Returns:
            The reply, also where it was stopped or something failed.
        """
        error = None
        ended_by: EndedBy
        drafted, accepted = self._machine.speculated
        try:
            self._read_prompt()
            ended_by = self._write()
        except Cancelled:
            # What breaks an evaluation off is the user, the clock, or the end of the engine.
            in_time = self._control.cancelled or self._time_left(0) > _CLOCKS_DIFFER
            ended_by = "cancelled" if in_time else "time"
        except EngineError as failure:
            ended_by, error = "error", str(failure)
        except Exception as failure:
            # One reply fails; the model stays loaded and the conversation goes on.
            log.exception("a reply failed")
            ended_by, error = "error", f"the engine failed ({type(failure).__name__})"
        drafted_by_now, accepted_by_now = self._machine.speculated
        circumstances = Circumstances(
            seed=seed,
            budget="max" if self._request.raw else str(self._control.budget),
            prompt_tokens=len(self._prompt.ids),
            reused_tokens=min(self._reused, len(self._prompt.ids)),
            load_s=load_s,
            drafted_tokens=drafted_by_now - drafted,
            accepted_tokens=accepted_by_now - accepted,
            ids=tuple(self._ids),
            asked=self._rescue.done,
            style=self._prompt.style,
            effort=self._prompt.effort or None,
            asked_at=self._asked_at,
            following=self._request.sampling.following,
            question="" if self._request.raw else self._request.messages[-1].text,
            language=self._request.language,
            shape=self._shape,
        )
        return self._transcript.reply(ended_by, circumstances, error)

    def restore(self) -> tuple[int, ...]:
        """Writes down what there is of the reply already; once.

        Returns:
            All tokens behind which the model goes on, the prompt's among them.
        """
        resume = self._request.resume
        self._follow_measures()
        if self._prompt.prefilled:
            if resume is not None:
                self._transcript.mute()
            self._transcript.prefilled(FINISHED + "\n")
        if resume is not None:
            self._ids += replay(resume, self._transcript, self._vocabulary, self._tags)
            self._follow_format()
            self._waits = self._transcript.times_injected(WAIT)
        return (*self._prompt.ids, *self._ids)

    def _read_prompt(self) -> None:
        ids = self.restore()
        if self._request.reuse:
            self._reused = self._machine.reuse(ids)
        else:
            self._machine.clear()
        reused = self._reused
        self._emit(Evaluating(reused, len(ids), reused))

        def report(done: int) -> None:
            self._emit(Evaluating(reused + done, len(ids), reused))

        self._machine.evaluate(ids[reused:], on_progress=report)
        if self._splitter.in_thought:
            self._begin_thought(self._request.resume)

    def _begin_thought(self, resume: Continuation | None) -> None:
        """Writes what stands at the beginning of the thought, or where it is continued."""
        opening = self._request.opening_words
        if resume is None:
            opening = opening or self._prompt.begins
        if opening and not self._transcript.thought_length:
            self._inject(opening)
        if resume is not None:
            if resume.words:
                self._inject(resume.words)
            if resume.close:
                self._land("user", resume.closing)

    def _append(self, tokens: Sequence[int]) -> None:
        """Adds tokens to the reply, of which the transcript has taken note already.

        Nothing may come between the two. A stop in the evaluation leaves the cache behind; the
        tokens are still part of the reply, and are evaluated when it is continued.
        """
        self._ids += tokens
        self._machine.evaluate(tokens)

    def _write(self) -> EndedBy:
        while True:
            token = self._machine.sample()
            self._measure(token)
            self._pace.keep()
            self._transcript.sampled()
            if self._control.cancelled:
                return "cancelled"
            if self._splitter.in_thought:
                self._think(token)
                continue
            if self._shape is not None and not self._constrained and self._begins(token):
                self._constrain(self._shape)
                continue
            ended_by = self._answer(token)
            if ended_by is not None:
                return ended_by

    def _measure(self, token: int) -> None:
        """Notes how sure the model is of a token that was drawn, before its logits are gone."""
        drawn = self._follow_measures() and token != NOTHING
        self._transcript.score = self._machine.score(token) if drawn else None

    def _follow_measures(self) -> bool:
        """Whether it is to be measured how sure the model is of the next token."""
        control, transcript = self._control, self._transcript
        transcript.tells = control.measures
        transcript.measures = control.measures or (
            control.sums_up and not self._splitter.in_thought
        )
        return transcript.measures

    # -- the thought --

    def _think(self, token: int) -> None:
        transcript = self._transcript
        if token in self._tags.closes:
            if not self._doubt("\n") and not self._think_on():
                transcript.close_thought("natural", self._tags.closes[token])
                self._append([token])
            return
        if self._ends(token):
            if not self._doubt("\n") and not self._think_on():
                self._end_in_thought()
            return
        data = self._vocabulary.shown(token)
        reason = self._reason(data, loops=self._guard.feed(token, data))
        if reason in _BY_LOOKS and self._think_on():
            # More was asked for: the looks begin anew.
            self._peeked.forget()
            return
        if reason is not None:
            self._land(reason)
            return
        if self._transcript.doubts.wanted and self._doubt(self._transcript.preview(data)[0]):
            return
        if not self._splitter.holds:
            self._tag_began = len(self._ids)
        if token in self._tags.opens:
            transcript.open_thought(self._tags.opens[token])
        else:
            transcript.write(token, data, self._tags.pieces.get(token, ""))
        self._append([token])
        self._settle()

    def _settle(self) -> None:
        """Does what a marker spelled in letters asks for: an end of thinking, or another turn."""
        if self._transcript.turned:
            self._end_in_thought()
        elif not self._splitter.in_thought and self._wants_more():
            self._reopen()

    def _land(self, reason: EndedBy, sentence: str = LANDING) -> None:
        """Closes the thought with r1chat's words."""
        self._inject_close(self._transcript.landing(sentence), reason)
        if self._may_ask and self._rescue.lands_boxed(self._transcript.thought):
            self._begin_answer()

    def _end_in_thought(self) -> None:
        """Closes the thought of a model that ends its reply inside it, and asks for the answer."""
        self._inject_close("", "natural")
        if self._may_ask and self._rescue.begins_answer(self._transcript.answered):
            self._begin_answer()

    def _reason(self, data: bytes, *, loops: bool) -> EndedBy | None:
        """Why the thought should be closed before a token, if it should."""
        if self._mid_character():
            return None
        reason = self._verdict(data) or ("loop" if loops else None)
        if reason is None and self._shape is None and self._look_is_due(data):
            self._peek()
            # Where a paragraph has ended the thought can end at once.
            reason = self._verdict(data)
        return reason

    def _look_is_due(self, data: bytes) -> bool:
        transcript, pauses = self._transcript, False
        if self._control.budget.agree is not None:
            pauses = is_pause(transcript.tail, transcript.preview(data)[0])
        return self._peeked.due(transcript.thought_tokens, pauses=pauses)

    def _peek(self) -> None:
        """Looks at what the answer would be; the next token has been drawn already."""
        # Without a landing's words: they make a look half as dear again, and find no more.
        closing = self._closing_tokens(self._transcript.line_break)
        final, sure = peek(self._machine, self._vocabulary, closing)
        tokens = self._transcript.thought_tokens
        self._emit(Peeked(final, tokens, self._peeked.take(final, sure), sure))

    def _mid_character(self) -> bool:
        """Whether to wait for the rest of a character; invalid bytes are not waited for.

        Nor does a budget wait: it lets no character begin that may not end within it.
        """
        used_up = self._transcript.thought_tokens == self._control.budget.tokens
        return 0 < self._transcript.unfinished < _LONGEST_CHARACTER and not used_up

    def _verdict(self, following: bytes) -> EndedBy | None:
        transcript = self._transcript
        text, ends_whole = transcript.preview(following)
        return self._governor.verdict(
            tokens=transcript.thought_tokens,
            seconds=transcript.thought_seconds,
            room=self._machine.room - self._reserve - self._closing,
            time_left=self._time_left(ANSWER_TIME_SHARE),
            tail=transcript.tail,
            following=text,
            looks=self._peeked.verdict,
            unfinished=0 if ends_whole else _LONGEST_CHARACTER - 1,
        )

    def _time_left(self, kept_share: float) -> float:
        return self._request.time_left(self._clock() - self._began, kept_share)

    def _wants_more(self) -> bool:
        tokens = self._transcript.thought_tokens
        more = self._governor.wants_more(
            tokens=tokens,
            seconds=self._transcript.thought_seconds,
            waits=self._waits,
        )
        least = self._control.budget.minimum
        if not more and self._waits >= self._control.max_waits and tokens < least:
            self._emit(Notice(short_of_minimum(self._waits, tokens, least)))
        return more and self._machine.room > self._reserve + self._closing + len(WAIT)

    def _think_on(self) -> bool:
        """Writes "Wait" in place of an end of thinking, where more of it is wanted."""
        if not self._wants_more():
            return False
        self._waits += 1
        self._inject(self._transcript.line_break + WAIT)
        return True

    def _doubt(self, following: str) -> bool:
        """Writes that a sum is wrong in place of a text that would follow it; whether it did."""
        transcript = self._transcript
        room = self._machine.room - self._reserve - self._closing
        steady = not (transcript.mid_character or self._splitter.holds)
        if room <= _LONGEST_DOUBT or not steady or self._control.wants_answer:
            return False
        words = transcript.doubts.words(following)
        if words:
            self._inject(words)
            # The model has not said anything of it yet.
            self._peeked.put_off(transcript.thought_tokens)
        return bool(words)

    def _reopen(self) -> None:
        """Rolls back a closing tag that was spelled in several tokens."""
        self._transcript.open_thought()
        self._waits += 1
        # The first line break of an opened thought is dropped; this one stands in for it.
        self._transcript.inject("\n", 0)
        words = self._noted("\n" + WAIT)
        del self._ids[self._tag_began :]
        kept = len(self._prompt.ids) + len(self._ids)
        self._ids += words
        self._machine.truncate(kept)
        self._machine.evaluate(words)

    def _inject(self, text: str) -> None:
        self._append(self._noted(text))

    def _noted(self, text: str) -> list[int]:
        """The tokens of r1chat's words, once the transcript has recorded them."""
        tokens = prompts.plain(self._vocabulary, text)
        self._transcript.inject(text, len(tokens))
        return tokens

    def _closing_tokens(self, words: str) -> list[int]:
        tokens = self._vocabulary.tokenize(words, special=False) if words else []
        closing = self._tags.closing
        if all(isinstance(part, str) for part in closing):
            return tokens + self._vocabulary.tokenize(self._tags.format.closing, special=True)
        for part in closing:
            if not isinstance(part, str):
                tokens += part
            elif part:
                tokens += self._vocabulary.tokenize(part, special=False)
        return tokens

    def _closing_room(self) -> int:
        """Tokens that it takes to close the thought."""
        # A landing may have to wait for the rest of a character.
        return len(self._closing_tokens(f"\n```\n\n{LANDING}\n")) + _LONGEST_CHARACTER - 1

    def _inject_close(self, words: str, reason: EndedBy) -> None:
        words = words or self._transcript.ending
        tokens = self._closing_tokens(words)
        self._transcript.inject(words, len(tokens))
        self._transcript.close_thought(reason)
        self._append(tokens)

    # -- the answer --

    def _begins(self, token: int) -> bool:
        """Whether a token that was drawn freely begins an answer that must have a shape.

        White space in front of it, and markers, one that opens a thought among them, do not.
        """
        if self._transcript.has_answer or self._head >= _MOST_HEAD or self._ends(token):
            return True
        self._head += 1
        if not self._splitter.holds:
            self._tag_began = len(self._ids)
        if self._is_tag(token):
            return False
        piece = self._tags.pieces.get(token)
        text = self._transcript.preview(self._vocabulary.shown(token))[0]
        return self._splitter.answers(self._splitter.token(piece) if piece else text)

    def _constrain(self, shape: Shape) -> None:
        """Has the answer fit its shape from here on; what was drawn last is drawn again."""
        held = self._splitter.holds and not self._transcript.has_answer
        self._transcript.constrain()
        written = self._transcript.answer
        self._constrained = True
        if held:
            # It might have become a marker.
            del self._ids[self._tag_began :]
            *before, last = (*self._prompt.ids, *self._ids)
            self._machine.truncate(len(before))
            self._machine.evaluate([last])
        tokens = prompts.plain(self._vocabulary, written, continues=True) if written else []
        self._machine.constrain(gbnf(shape), self._prompt.ends | self._tags.ends, tokens)

    def _answer(self, token: int) -> EndedBy | None:
        if token == NOTHING:
            return self._end("natural")
        token = self._drawn_again(token)
        data = self._vocabulary.shown(token)
        ended_by = "natural" if self._ends(token) else self._limit(token, data)
        if ended_by is not None:
            return self._end(ended_by)
        if self._is_tag(token):
            return self._stray_tag(token)
        self._transcript.write(token, data, self._tags.pieces.get(token, ""))
        self._follow_format()
        if self._transcript.stopped:
            return self._end("natural")
        if self._constrained and self._is_whole(data):
            # The token is part of the reply all the same; whoever goes on from it evaluates it.
            self._ids.append(token)
            return self._end("natural")
        self._append([token])
        return None

    def _is_whole(self, data: bytes) -> bool:
        """Whether a JSON answer ends with a token, so that only white space could follow."""
        is_json = self._shape is not None and self._shape.kind == "json"
        return is_json and data.rstrip().endswith(_JSON_ENDS) and self._machine.complete

    def _follow_format(self) -> None:
        """Takes over the format of a thought that began unasked."""
        format_ = self._splitter.format
        if format_ is not self._tags.format:
            self._tags = tags_of(format_, self._vocabulary, whole=True)
            self._closing = self._closing_room()
            self._transcript.keeps_ids = False

    def _ends(self, token: int) -> bool:
        """Whether the model ends its reply with a token: that, or by beginning another turn."""
        if self._constrained and token in self._tags.ends:
            return True
        if token in self._tags.ends:
            return not self._splitter.in_thought and self._transcript.answered
        return token in self._prompt.ends or self._vocabulary.ends_reply(token)

    @property
    def _may_ask(self) -> bool:
        """Whether there is still room and time to ask for an answer."""
        room = self._machine.room > _ASKING
        return room and not self._control.cancelled and self._time_left(0) > 0

    def _drawn_again(self, token: int) -> int:
        """Another token in place of an end of the reply, where it would end without an answer."""
        if not self._ends(token) or not self._may_ask:
            return token
        # An opened box that nothing follows is no answer either.
        begun = self._transcript.answered and self._transcript.answer != self._opened_box
        if not self._rescue.refuses_end(begun):
            return token
        for _ in range(_MOST_ENDS):
            self._machine.forbid(token)
            token = self._machine.sample()
            if not self._ends(token):
                break
        self._measure(token)
        return token

    def _end(self, reason: EndedBy) -> EndedBy | None:
        """Ends the reply; one without an answer is continued once, with words that begin it."""
        asks = reason in {"natural", "loop"} and self._splitter.closed_once and self._may_ask
        if asks and self._rescue.begins_answer(self._transcript.answered):
            self._begin_answer()
            return None
        if reason != "natural" or not self._may_ask:
            return reason
        self._transcript.settle()
        if self._splitter.closed_once and self._rescue.begins_final(self._transcript.answer):
            self._ask_for_final()
            return None
        words = self._transcript.missing
        if words:
            self._inject_answer(words)
        return reason

    def _inject_answer(self, words: str) -> None:
        """Adds words of r1chat's to an answer."""
        tokens = prompts.plain(self._vocabulary, words, continues=True)
        self._transcript.inject_answer(words, tokens)
        self._append(tokens)

    def _ask_for_final(self) -> None:
        self._transcript.resume_answer()
        self._answer_guard.reset()
        self._inject_answer(self._rescue.final_words(self._transcript.answer))
        self._opened_box = self._transcript.answer

    def _begin_answer(self) -> None:
        words = self._rescue.words(self._transcript.thought)
        tokens = prompts.plain(self._vocabulary, words, continues=True)
        self._asked_at = len(self._ids)
        self._transcript.begin_answer(words, tokens)
        self._answer_guard.reset()
        self._append(tokens)

    def _is_tag(self, token: int) -> bool:
        """Whether a token is a tag that has a meaning where it stands."""
        if self._tags.scan:
            return False
        tag = self._tags.opens.get(token) or self._tags.closes.get(token)
        return tag is not None and self._splitter.reads(tag)

    def _limit(self, token: int, data: bytes) -> EndedBy | None:
        """The reason why an answer may not continue with a token, if any."""
        maximum = self._request.max_answer
        full = maximum is not None and self._transcript.answer_tokens >= maximum
        if full and not self._splitter.mid_marker:
            return "length"
        if self._machine.room <= 0:
            return "context"
        if self._time_left(0) <= 0:
            return "time"
        if self._answer_guard.feed(token, data):
            return "loop"
        return None

    def _stray_tag(self, token: int) -> EndedBy | None:
        if token in self._tags.opens:
            self._thoughts += 1
            if self._thoughts > MOST_THOUGHTS:
                return "loop"
            self._guard.reset()
            self._transcript.open_thought(self._tags.opens[token])
        else:
            self._transcript.close_thought("natural", self._tags.closes[token])
        self._append([token])
        return None
