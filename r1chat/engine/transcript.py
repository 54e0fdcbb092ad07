"""Records a reply while it is written, and makes its receipt."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from r1chat.engine.confidence import Score, confidence_of
from r1chat.events import (
    AnswerAsked,
    AnswerText,
    EndedBy,
    Event,
    Fork,
    InjectedText,
    Injection,
    LanguageCode,
    Part,
    Receipt,
    Reply,
    SamplingFrom,
    SumCounts,
    ThoughtEnded,
    ThoughtStyle,
    ThoughtText,
    TokenScore,
)
from r1chat.reasoning.code import CodeTracker
from r1chat.reasoning.doubts import SumDoubts
from r1chat.reasoning.final import Final, final_answer
from r1chat.reasoning.phrases import FINISHED, LANDING
from r1chat.reasoning.rescue import missing
from r1chat.reasoning.splitter import Piece, Splitter
from r1chat.reasoning.stops import StopPhrases
from r1chat.shapes import Shape

_TAIL = 32
_TO_BE_CONTINUED: frozenset[EndedBy] = frozenset({"cancelled", "error", "time"})
"""Ends that leave a reply open. What is held back then, half a character or what may become a tag,
is told when it is continued: told now, it would stand there twice."""


def _nobody(_: Event) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a receipt says beside the reply's own figures; as in `Receipt` and `Reply`."""

    seed: int
    budget: str
    prompt_tokens: int
    reused_tokens: int
    load_s: float
    drafted_tokens: int
    accepted_tokens: int
    ids: tuple[int, ...]
    asked: AnswerAsked | None = None
    style: ThoughtStyle | None = None
    effort: str | None = None
    shape: Shape | None = None
    asked_at: int | None = None
    """Where among `ids` the words stand that began the answer, if any did."""
    following: SamplingFrom | None = None
    question: str = ""
    """What was asked."""
    language: LanguageCode | None = None
    """The language in which the thought was to be, where it is not to be the question's."""


class Transcript:
    """Turns the bytes of tokens into events, and counts.

    Args:
        splitter: Tells thought from answer.
        emit: Takes the events.
        clock: Seconds, monotonic.
        began: When the question was asked, on that clock.
        stops: Phrases that end an answer.
        keeps_ids: Whether the answer's tokens are its text and nothing more: not where tags or stop
            phrases are taken out of the text.
        doubts: Looks for wrong sums in the thought.
    """

    def __init__(
        self,
        splitter: Splitter,
        emit: Callable[[Event], None],
        clock: Callable[[], float],
        *,
        began: float,
        stops: tuple[str, ...] = (),
        keeps_ids: bool = True,
        doubts: SumDoubts | None = None,
    ) -> None:
        self.splitter = splitter
        self.doubts = doubts or SumDoubts()
        self.keeps_ids = keeps_ids
        self._phrases = stops
        self._stops = StopPhrases(stops)
        # A line of a thought may begin with "User:"; a marker has no business there.
        self._markers = tuple(phrase for phrase in stops if phrase[0] in "<[")
        self._turns = StopPhrases(self._markers)
        self.thought_tokens = 0
        self.answer_tokens = 0
        self.injected_tokens = 0
        self.unfinished = 0
        """Tokens that have ended inside a character, one after another."""
        self.answer_ids: list[int] = []
        self.tail = ""
        self._tell = self._emit = emit
        self._clock = clock
        self._began = began
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.measures = False
        """Whether it is noted how sure the model is."""
        self.tells = False
        """Whether that is told of each token, and not of the reply alone."""
        self.score: Score | None = None
        """How sure it was of the token that it writes next."""
        self.scores: list[TokenScore] = []
        self.fork: Fork | None = None
        """Where it branches off from another reply."""
        self._thought: list[str] = []
        self._thought_length = 0
        self._answer: list[str] = []
        self._answer_length = 0
        self._answer_injected: list[Injection] = []
        self._held: list[tuple[str, bool]] | None = None
        """Words that begin an answer, and white space behind them, until the model goes on."""
        self._injected: list[Injection] = []
        self._first_token_s: float | None = None
        self._phase_began = began
        self._thought_s = 0.0
        self._answer_s = 0.0
        self._thought_ended_by: EndedBy | None = None

    @property
    def thought_length(self) -> int:
        """Characters of thought so far."""
        return self._thought_length

    @property
    def thought_written(self) -> int:
        """Characters of thought so far, if nothing more of what is held back were to come."""
        return self._thought_length + len(self.splitter.held_thought) + self.mid_character

    def times_injected(self, ending: str) -> int:
        """Counts the injections in the thought that end with a text."""
        return sum(injection.text.endswith(ending) for injection in self._injected)

    @property
    def answer_length(self) -> int:
        """Characters of answer so far."""
        return self._answer_length

    @property
    def mid_character(self) -> bool:
        """Whether the last token ended inside a character."""
        return bool(self._decoder.getstate()[0])

    @property
    def line_break(self) -> str:
        """What brings the thought to the beginning of a line."""
        return "" if self.tail.endswith("\n") else "\n"

    def landing(self, sentence: str = LANDING) -> str:
        """The words that close the thought at this point.

        Args:
            sentence: What they say; empty for nothing.
        """
        if not self.has_thought:
            return FINISHED + "\n"
        if not sentence:
            return self.ending
        if fence := self._fence:
            # Else the words would be code, and the answer would begin by ending that.
            return f"{self.line_break}{fence}\n\n{sentence}\n"
        gap = "" if self.tail.endswith("\n\n") else self.line_break + "\n"
        return gap + sentence + "\n"

    @property
    def ending(self) -> str:
        """What brings the thought to its end where the model has stopped inside it."""
        fence = self._fence
        return f"{self.line_break}{fence}\n" if fence else self.line_break

    @property
    def _fence(self) -> str:
        """What closes the block of code that the thought stands in, if it does."""
        if "```" not in self.thought and "~~~" not in self.thought:
            return ""
        code = CodeTracker()
        code.feed(self.thought)
        return code.fence

    @property
    def thought_seconds(self) -> float:
        """Seconds of thought so far."""
        return self._thought_s + (self._since_phase() if self.splitter.in_thought else 0.0)

    @property
    def stopped(self) -> bool:
        """Whether the answer has reached a stop phrase."""
        return self._stops.found

    @property
    def turned(self) -> bool:
        """Whether the thought has spelled out a marker of another turn."""
        return self.splitter.in_thought and self._turns.found

    @property
    def has_thought(self) -> bool:
        """Whether any word of thought has been written."""
        return self._thought_length > 0

    def _since_phase(self) -> float:
        return self._clock() - self._phase_began

    def mute(self) -> None:
        """Keeps account without telling anybody, until `unmute`."""
        self._emit = _nobody

    def unmute(self) -> None:
        """Tells of what happens from now on."""
        self.doubts.forget()
        self._emit = self._tell

    def branches_off(self, fork: Fork | None) -> None:
        """Notes where it branches off; all that has been written so far was another reply's."""
        if fork is not None:
            self.fork = replace(fork, tokens=self.thought_tokens)

    def spent_before(self, thought_s: float, answer_s: float) -> None:
        """Adds the seconds that a continued reply took before."""
        self._thought_s += thought_s
        self._answer_s += answer_s

    def sampled(self) -> None:
        """Notes that a token was drawn; the first one ends the wait for it."""
        if self._first_token_s is None:
            now = self._clock()
            self._first_token_s = now - self._began
            self._phase_began = now

    def preview(self, data: bytes) -> tuple[str, bool]:
        """The text that a token would add, without adding it; and whether it ends a character."""
        state = self._decoder.getstate()
        text = self._decoder.decode(data)
        whole = not self.mid_character
        self._decoder.setstate(state)
        return text, whole

    def write(
        self, token: int, data: bytes, piece: str = "", *, ended_by: EndedBy = "natural"
    ) -> None:
        """Adds a token that the model wrote.

        Args:
            token: The token.
            data: Its bytes, as shown.
            piece: Its text, where it is a piece of a marker.
            ended_by: Why the thought ends, where this closes it.
        """
        in_thought, taken = self.splitter.in_thought, self.splitter.taken
        if in_thought:
            self.thought_tokens += 1
        else:
            self.answer_tokens += 1
        if piece:
            text = self._decoded_rest() + self.splitter.token(piece)
        else:
            text = self._decoder.decode(data)
        self.unfinished = self.unfinished + 1 if self.mid_character else 0
        at = self._place(in_thought=in_thought)
        if not in_thought and (self._answer or self._held or text.strip()):
            self.answer_ids.append(token)
        if in_thought:
            self._turns.feed(text)
        self._show(self.splitter.feed(text if in_thought else self._stops.feed(text)))
        if at is not None:
            self._note(text, "thought" if in_thought else "answer", at, self.score)
        if not in_thought and self.splitter.taken > taken and not self._answer:
            # What led to here was no answer.
            self.answer_tokens = 0
            self._drop_scores()
        if in_thought and not self.splitter.in_thought:
            self.end_thought(ended_by)
        elif self.splitter.in_thought and not in_thought:
            self._begin_thought()

    def _place(self, *, in_thought: bool) -> int | None:
        """Where a token of the model's comes to stand in its part; None where that is not noted."""
        if not self.measures or self.score is None:
            return None
        if in_thought:
            return self._thought_length + len(self.splitter.held_thought)
        begun = self._answer_length + sum(len(text) for text, _ in self._held or ())
        # White space in front of an answer is no part of it.
        return begun and begun + len(self.splitter.holding) + len(self._stops.holding)

    def _note(self, text: str, part: Part, at: int, score: Score | None) -> None:
        """Notes how sure the model was of a token; of words of ours nobody was."""
        if self._emit is _nobody:
            # What is replayed was noted when it was written.
            return
        noted = TokenScore(text, part, at, injected=True)
        if score is not None:
            noted = TokenScore(text, part, at, score.logprob, score.entropy)
        self.scores.append(noted)
        if self.tells:
            self._emit(noted)

    def measured(self, text: str, logprob: float, *, in_thought: bool) -> None:
        """Notes how sure a model was of a token whose text comes by itself, now or later."""
        part: Part = "thought" if in_thought else "answer"
        at = self._thought_length if in_thought else self._answer_length
        last = self.scores[-1] if self.scores else None
        if last is not None and last.part == part and (at or last.text.strip()):
            at = max(at, last.at + len(last.text))
        self._note(text, part, at, Score(logprob, None))

    @property
    def _scores_shown(self) -> tuple[TokenScore, ...]:
        """Those of what is in the text.

        What spelled out a marker, or a stop phrase, stands behind it; white space in front is
        left out of it.
        """
        whole = {"thought": self.thought, "answer": self.answer}
        return tuple(
            each
            for each in self.scores
            if each.at < len(whole[each.part])
            and (each.text.strip() or whole[each.part].startswith(each.text, each.at))
        )

    def _drop_scores(self) -> None:
        """Forgets those of what turned out to be no answer."""
        self.scores = [score for score in self.scores if score.part == "thought"]

    def open_thought(self, tag: str = "") -> None:
        """Notes an opening tag, the usual one or another, as a token of its own."""
        was_in_thought = self.splitter.in_thought
        self._show(self.splitter.open_tag(tag))
        if self.splitter.in_thought and not was_in_thought:
            self._begin_thought()

    def _begin_thought(self) -> None:
        self._answer_s += self._since_phase()
        self._phase_began = self._clock()
        if not self._answer:
            self.answer_ids.clear()
            self._drop_scores()

    def close_thought(self, ended_by: EndedBy, tag: str = "") -> None:
        """Notes a closing tag, the usual one or another, as a token of its own."""
        was_in_thought = self.splitter.in_thought
        self._flush()
        self._show(self.splitter.close_tag(tag))
        if was_in_thought:
            self.end_thought(ended_by)

    def end_thought(self, ended_by: EndedBy) -> None:
        """Stops the thought's clock and says why it ended."""
        self._turns = StopPhrases(self._markers)
        self._thought_s += self._since_phase()
        self._phase_began = self._clock()
        self._thought_ended_by = ended_by
        self._emit(ThoughtEnded(ended_by, self.thought_tokens, self._thought_s))

    @property
    def has_answer(self) -> bool:
        """Whether any word of the answer has been written."""
        return bool(self._answer)

    @property
    def answered(self) -> bool:
        """Whether the model has written anything but white space behind its thought.

        What is still held back, half a character or what may become a tag, counts as well.
        """
        if any(text.strip() for text in self._answer):
            return True
        held = self._stops.holding
        if not self.splitter.mid_marker:
            held += self.splitter.holding
        return not self.splitter.in_thought and (self.mid_character or bool(held.strip()))

    @property
    def answer(self) -> str:
        """The answer so far."""
        return "".join(self._answer)

    @property
    def thought(self) -> str:
        """The thought so far."""
        return "".join(self._thought)

    @property
    def missing(self) -> str:
        """The braces that close the box which r1chat's words opened in a finished answer."""
        ours = [injection.text for injection in self._answer_injected]
        return missing(self.answer, ours) if ours else ""

    def begin_answer(self, text: str, ids: Sequence[int]) -> None:
        """Begins the answer with r1chat's words, which are kept only if the model continues them.

        Args:
            text: The words.
            ids: Their tokens.
        """
        self._flush()
        self._stops = StopPhrases(self._phrases)
        self.injected_tokens += len(ids)
        # Spaces that came before do not belong to an answer that begins here.
        self.answer_ids[:] = ids
        self._held = [("".join(piece.text for piece in self.splitter.feed(text)), True)]

    def constrain(self) -> None:
        """Takes what comes from now on for the answer, whatever it spells; see `Splitter`."""
        if self._answer:
            self._release()
        self.splitter.constrain()
        self._stops = StopPhrases(())
        if not self._answer:
            # What is dropped was white space, or no marker after all.
            self._decoder.reset()
            self.unfinished = self.answer_tokens = 0
            self.answer_ids.clear()
            self._drop_scores()

    def resume_answer(self) -> None:
        """Lets an answer that was settled go on."""
        self._stops = StopPhrases(self._phrases)

    def inject_answer(self, text: str, ids: Sequence[int]) -> None:
        """Injects words into the answer."""
        self._flush()
        self.injected_tokens += len(ids)
        self.answer_ids += ids
        for piece in self.splitter.feed(text):
            self._add_answer(piece.text, injected=True)

    def prefilled(self, text: str) -> None:
        """Records a whole thought that is part of the prompt, in place of the model's own.

        Its tokens are the prompt's.
        """
        self._add_thought(text)
        self._injected.append(Injection(0, text))
        self._thought_ended_by = "budget"
        self._emit(InjectedText(text, 0))
        if self.measures:
            self._note(text, "thought", 0, None)
        self._emit(ThoughtEnded("budget", 0, 0.0))

    def inject(self, text: str, tokens: int) -> None:
        """Injects words into the thought."""
        self._flush()
        # What may have become a tag is the model's; it must not count as ours.
        self._show(self.splitter.release())
        self.injected_tokens += tokens
        at = self._thought_length
        shown = "".join(piece.text for piece in self.splitter.feed(text))
        if shown:
            self._injected.append(Injection(at, shown))
            self._add_thought(shown)
            self.doubts.skip(shown)
            self._emit(InjectedText(shown, at))
            if self.measures:
                self._note(shown, "thought", at, None)

    def inject_anywhere(self, text: str, ids: Sequence[int]) -> None:
        """Injects words into the thought or the answer, whichever is being written."""
        if self.splitter.in_thought:
            self.inject(text, len(ids))
        else:
            self.inject_answer(text, ids)

    def _decoded_rest(self) -> str:
        rest = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return rest

    def _flush(self) -> None:
        rest = self._decoded_rest()
        if rest:
            self._show(self.splitter.feed(rest))

    def settle(self) -> None:
        """Tells what was held back: the model writes nothing more."""
        self._flush()
        self._release()

    def _release(self) -> None:
        self._show([*self.splitter.feed(self._stops.close()), *self.splitter.close()])

    def _add_thought(self, text: str) -> None:
        self._thought.append(text)
        self._thought_length += len(text)
        self.tail = (self.tail + text)[-_TAIL:]

    def _show(self, pieces: list[Piece]) -> None:
        for piece in pieces:
            if piece.kind == "thought":
                self._add_thought(piece.text)
                self.doubts.feed(piece.text)
                self._emit(ThoughtText(piece.text, self.thought_tokens))
            elif self._held is None:
                self._add_answer(piece.text)
            else:
                self._held.append((piece.text, False))
                if piece.text.strip():
                    held, self._held = self._held, None
                    for text, injected in held:
                        self._add_answer(text, injected=injected)

    def _add_answer(self, text: str, *, injected: bool = False) -> None:
        if injected:
            self._answer_injected.append(Injection(self._answer_length, text))
            if self.measures:
                self._note(text, "answer", self._answer_length, None)
        self._answer.append(text)
        self._answer_length += len(text)
        self._emit(AnswerText(text, self.answer_tokens, injected=injected))

    @property
    def _own_thought(self) -> str:
        """The thought without r1chat's words and the user's."""
        thought, parts, at = self.thought, [], 0
        for injection in self._injected:
            parts.append(thought[at : injection.at])
            at = injection.at + len(injection.text)
        return "\n".join([*parts, thought[at:]])

    def reply(
        self, ended_by: EndedBy, circumstances: Circumstances, error: str | None = None
    ) -> Reply:
        """Closes the account.

        Args:
            ended_by: Why the reply ended; "natural" gives way to the reason why the thought did.
            circumstances: What else goes into the receipt.
            error: One line, where something failed.
        """
        # Nobody needs it before a reply has ended.
        from r1chat.reasoning.drift import left_for

        in_thought = self.splitter.in_thought
        if ended_by == "natural":
            self.settle()
        elif ended_by not in _TO_BE_CONTINUED:
            self._release()
        if in_thought and (self._first_token_s is not None or self.has_thought):
            self.end_thought(ended_by)
        elif self._first_token_s is not None:
            self._answer_s += self._since_phase()
        ids = circumstances.ids
        if self._held is not None:
            # Nothing has followed our words, which are no answer by themselves.
            self.answer_ids.clear()
            ids = ids[: circumstances.asked_at]
        answer = self.answer
        written = self.thought_tokens + self.answer_tokens
        seconds = self._thought_s + self._answer_s
        reason = ended_by if ended_by != "natural" else self._thought_ended_by or "natural"
        shape = circumstances.shape
        final = final_answer(answer, self.thought) if shape is None else None
        if shape is not None and ended_by == "natural" and not error:
            text = shape.final(answer)
            final = None if text is None else Final(text, "answer")
        scores = self._scores_shown
        receipt = Receipt(
            ended_by=reason,
            thought_ended_by=self._thought_ended_by,
            answer_ended_by=ended_by,
            answer_asked=circumstances.asked,
            thought_style=circumstances.style,
            effort=circumstances.effort,
            thought_language=left_for(
                circumstances.question, self._own_thought, circumstances.language
            ),
            sampling_from=circumstances.following,
            thought_tokens=self.thought_tokens,
            answer_tokens=self.answer_tokens,
            injected_tokens=self.injected_tokens,
            prompt_tokens=circumstances.prompt_tokens,
            prompt_reused_tokens=circumstances.reused_tokens,
            drafted_tokens=circumstances.drafted_tokens,
            accepted_tokens=circumstances.accepted_tokens,
            load_s=circumstances.load_s,
            first_token_s=self._first_token_s or 0.0,
            thought_s=self._thought_s,
            answer_s=self._answer_s,
            tokens_per_s=written / seconds if seconds > 0 else 0.0,
            budget=circumstances.budget,
            seed=circumstances.seed,
            final_from=final.source if final else None,
            sums=SumCounts(doubted=self.doubts.written) if self.doubts.wanted else None,
            shape=shape.kind if shape else None,
            fork=self.fork,
            confidence=confidence_of(scores, self.thought, answer, final),
        )
        return Reply(
            thought=self.thought,
            answer=answer,
            receipt=receipt,
            final=final.text if final else None,
            injected=tuple(self._injected),
            answer_injected=tuple(self._answer_injected),
            error=error,
            answer_ids=tuple(self.answer_ids) if self.keeps_ids else (),
            ids=ids,
            scores=scores if self.tells else (),
        )
