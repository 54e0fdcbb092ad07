"""Records a reply that a server writes: text, tokens, and where to continue it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from r1chat.engine.base import Request
from r1chat.engine.remote.asking import FORCED, Asker
from r1chat.engine.remote.chunks import Chunk
from r1chat.engine.remote.draft import Draft
from r1chat.engine.remote.finishes import end_of
from r1chat.engine.remote.pieces import pieces
from r1chat.engine.remote.resuming import resume
from r1chat.engine.transcript import Circumstances, Transcript
from r1chat.events import EndedBy, Evaluating, Event, Reply
from r1chat.reasoning.doubts import MOST_DOUBTS, SumDoubts
from r1chat.reasoning.phrases import FINISHED, LANDING, WAIT
from r1chat.reasoning.rescue import Rescue
from r1chat.reasoning.splitter import Splitter

_REGULAR = 3
"""Pieces in a row from which on their length is no accident."""


class Account:
    """A reply while it is written.

    Args:
        asker: Knows the framing, and how many tokens our words are.
        request: The question.
        emit: Takes the events.
        clock: Seconds, monotonic.
        began: When the question was asked, on that clock.
    """

    def __init__(
        self,
        asker: Asker,
        request: Request,
        emit: Callable[[Event], None],
        clock: Callable[[], float],
        *,
        began: float,
    ) -> None:
        framed = asker.framed
        # Where nobody can put words into the thought, none are looked for.
        doubts = request.check_sums == "fix" and asker.continues
        self.splitter = Splitter(
            opened=framed is not None and framed.opened,
            closed=framed is not None and framed.closed,
            plain=request.raw,
            strays=any(
                close in message.text
                for message in request.messages
                for close in asker.format.closes
            ),
            format=asker.format,
            others=asker.others,
        )
        self.transcript = Transcript(
            self.splitter,
            emit,
            clock,
            began=began,
            stops=framed.stops if framed is not None else (),
            keeps_ids=False,
            doubts=SumDoubts(
                MOST_DOUBTS if doubts else 0,
                request.resume.injected if request.resume is not None else (),
            ),
        )
        asked = [message.text for message in request.messages if message.role == "system"]
        asked.append(request.messages[-1].text)
        free = not request.raw and request.shape is None
        self.rescue = Rescue(
            asked,
            allowed=free,
            trained=asker.made_to_think,
            insists=framed is None or not framed.begins,
        )
        self.draft = Draft(asker.format)
        self.prompt_tokens = 0
        """Without what is kept of an earlier reply, and our words in front of it."""
        self.segment_tokens = 0
        """That have come in this segment."""
        self._segments = 0
        self._sent = 0
        """Tokens that this segment's request begins with, prompt and reply; roughly, where nobody
        has counted them."""
        self._ours = 0
        """Tokens of our own words that it had."""
        self._kept = self._alone = 0
        """Tokens of what of the reply stood before anything was asked, and of the prompt in front
        of it; 0 where they were not counted."""
        self._cached_tokens = 0
        self._uncounted = 0
        """That have come and whose text is still held back."""
        self._behind = 0
        """That have come behind the tag that is being taken."""
        self._alike = 0
        """Pieces in a row with the same number of tokens."""
        self._at_a_time = 0
        self._asker = asker
        self._request = request
        self._emit = emit

    @property
    def used(self) -> int:
        """The tokens of context that prompt and reply take, at least roughly; 0 where unknown."""
        added = self.transcript.injected_tokens - self._ours
        return self._sent and self._sent + self.segment_tokens + added

    @property
    def _written(self) -> int:
        transcript = self.transcript
        return transcript.thought_tokens + transcript.injected_tokens + transcript.answer_tokens

    @property
    def in_thought(self) -> bool:
        """Whether what comes next belongs to a thought."""
        return self.splitter.in_thought

    def begin(self) -> None:
        """Writes the part of the reply that precedes the server's text."""
        framed, continuation = self._asker.framed, self._request.resume
        if framed is not None and framed.prefilled:
            if continuation is not None:
                self.transcript.mute()
            self.transcript.prefilled(FINISHED + "\n")
        if continuation is not None:
            resume(continuation, self.transcript, self.draft)
        self._emit(Evaluating(0, 0, 0))
        opening = self._request.opening_words
        if framed is not None and continuation is None:
            opening = opening or framed.begins
        if opening and self.in_thought and not self.transcript.thought_length:
            self.inject(opening)
        if continuation is not None and self.in_thought:
            if continuation.words:
                self.inject(continuation.words, quoted=True)
            if continuation.close:
                self.land("user", continuation.closing)

    def begin_segment(self) -> None:
        """Forgets text that was received but not consumed: the server will send it again."""
        self._sent = self.used
        self._ours = self.transcript.injected_tokens
        self._segments += 1
        if self._segments == 1:
            self._kept, self._alone = self._written, 0
            if self.draft.items():
                self._alone = self._asker.tokens_of_prompt()
        self.segment_tokens = self._uncounted = self._behind = 0

    @property
    def at_a_time(self) -> int:
        """Tokens that the server sends at a time, where they are regularly more than one."""
        return self._at_a_time if self._alike >= _REGULAR else 0

    # -- what the server says --

    def count(self, chunk: Chunk) -> None:
        """Counts the tokens of a chunk; one that does not say how many it has counts as one."""
        counts = chunk.counts
        self._sent = counts.prompt or counts.estimate or self._sent
        if counts.prompt and self._segments == 1:
            # What later requests begin with was written by the model.
            if counts.cached is not None:
                self._cached_tokens = counts.cached
            if not self.prompt_tokens:
                self.prompt_tokens = self._alone or max(1, counts.prompt - self._kept)
                self._emit(Evaluating(self._cached_tokens, counts.prompt, self._cached_tokens))
        if counts.evaluated is not None and counts.prompt:
            self._emit(Evaluating(counts.evaluated, counts.prompt, counts.cached or 0))
        if chunk.text or chunk.thought:
            written = self.segment_tokens + 1 if counts.written is None else counts.written
            came = max(0, written - self.segment_tokens)
            if came > 1 and chunk.finish and end_of(chunk.finish) == "whole":
                # The last of them is the end of the reply, which has no text.
                came -= 1
            self._alike = self._alike + 1 if came == self._at_a_time > 1 else 0
            self._at_a_time = came
            self._uncounted += came
            self.segment_tokens += came
        if self.transcript.measures:
            for text, logprob in chunk.scores:
                self.transcript.measured(text, logprob, in_thought=self.in_thought)

    def add(self, text: str) -> None:
        """Adds words of the model, and the tokens that they are made of."""
        transcript = self.transcript
        # The transcript counts each text as one.
        if self.in_thought:
            transcript.thought_tokens += self._uncounted - 1
        else:
            transcript.answer_tokens += self._uncounted - 1
        self._uncounted = 0
        transcript.write(0, text.encode("utf-8", "replace"))
        # A thought may have begun in a format that nothing told of.
        self.draft.format = self.splitter.format
        self.draft.write(text)

    def share_out(self, before: str, tag: str, behind: str) -> None:
        """Shares the tokens of a piece in which a thought ends out, as far as one can know.

        Args:
            before: What stands in front of the tag.
            tag: That.
            behind: What stands behind it.
        """
        if self._uncounted > 1 and (before or behind):
            left = max(0, self._uncounted - max(1, self._asker.tokens_of(tag)))
            self._uncounted = self._asker.share(before, behind, left)
            self._behind = left - self._uncounted

    def cut(self, words: str) -> Iterator[str]:
        """Cuts words of the model into about the tokens that they came as, to be added by parts."""
        for part, tokens in pieces(words, self._uncounted):
            self._uncounted = tokens
            yield part

    def take_close(self, reason: EndedBy, tag: str) -> None:
        """Takes a tag that closes the thought."""
        self._uncounted, self._behind = self._behind, 0
        self.draft.mark(tag)
        self.transcript.close_thought(reason, tag)

    def take_forced(self) -> None:
        """Takes the words with which the server itself begins to close the thought."""
        tokens, self._uncounted = self._uncounted, 0
        self.transcript.inject(FORCED, tokens)
        self.draft.quote(FORCED)

    # -- words of ours --

    def land(self, reason: EndedBy, sentence: str = LANDING) -> None:
        """Closes the thought with r1chat's words."""
        self._shut(self.transcript.landing(sentence), reason)
        if self.rescue.lands_boxed(self.transcript.thought):
            self._begin_answer()

    def shut(self) -> None:
        """Closes a thought that the model has ended without doing so."""
        self._shut(self.transcript.ending, "natural")

    def asks_for_answer(self) -> bool:
        """Begins an answer that the model has left out, and says whether it did."""
        if not self.rescue.begins_answer(self.transcript.answered):
            return False
        self._begin_answer()
        return True

    def _begin_answer(self) -> None:
        words = self.rescue.words(self.transcript.thought)
        self.draft.mark(self.draft.line_break)
        self.draft.mark(words)
        self.transcript.begin_answer(words, self._tokens_of(words))

    def asks_for_final(self) -> bool:
        """Opens a box behind an answer that lacks the one it was asked for, and says whether."""
        self.transcript.settle()
        answer = self.transcript.answer
        if not self.rescue.begins_final(answer):
            return False
        self.transcript.resume_answer()
        self._inject_answer(self.rescue.final_words(answer))
        return True

    def complete(self) -> None:
        """Closes the box that r1chat's words opened, if the model has not."""
        self.transcript.settle()
        words = self.transcript.missing
        if words:
            self._inject_answer(words)

    def _inject_answer(self, words: str) -> None:
        self.draft.mark(words)
        self.transcript.inject_answer(words, self._tokens_of(words))

    def _tokens_of(self, words: str) -> list[int]:
        """As many tokens as words have; which, only the server knows."""
        return [0] * self._asker.tokens_of(words)

    def wait(self) -> None:
        """Continues the thought."""
        self.inject(self.transcript.line_break + WAIT)

    def doubt(self, following: str) -> bool:
        """Writes that a sum is wrong in place of a text that would follow it; whether it did."""
        words = self.transcript.doubts.words(following)
        if words:
            self.inject(words)
        return bool(words)

    def inject(self, words: str, *, quoted: bool = False, closing: str = "") -> None:
        """Puts words into the thought.

        Args:
            words: The words.
            quoted: Whether they are a user's, in which nothing is a marker.
            closing: What follows them at once and is no part of the thought.
        """
        tokens = self._asker.tokens_of(words) + self._asker.tokens_of(closing)
        self.transcript.inject(words, tokens)
        (self.draft.quote if quoted else self.draft.mark)(words)

    def _shut(self, words: str, reason: EndedBy) -> None:
        closing = self.draft.format.closing
        self.inject(words, closing=closing)
        self.draft.mark(closing)
        self.transcript.close_thought(reason)

    def reply(
        self, ended_by: EndedBy, error: str | None, *, seed: int, load_s: float, budget: str
    ) -> Reply:
        """Closes the account; the arguments go into the receipt."""
        circumstances = Circumstances(
            seed=seed,
            budget=budget,
            prompt_tokens=self.prompt_tokens,
            reused_tokens=min(self._cached_tokens, self.prompt_tokens),
            load_s=load_s,
            drafted_tokens=0,
            accepted_tokens=0,
            ids=(),
            asked=self.rescue.done,
            shape=self._request.shape,
            style=self._asker.style,
            effort=self._asker.effort or None,
            following=self._request.sampling.following,
            question="" if self._request.raw else self._request.messages[-1].text,
            language=self._request.language,
        )
        return self.transcript.reply(ended_by, circumstances, error)
