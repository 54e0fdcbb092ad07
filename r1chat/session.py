"""A conversation: its turns, and the way of a question through the engine."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from r1chat.attachments import Attachment, with_attachments
from r1chat.engine.base import Engine, Message, Request, Sampling
from r1chat.errors import UsageError
from r1chat.events import (
    AnswerText,
    Event,
    InjectedText,
    Injection,
    Receipt,
    Reply,
    ThoughtText,
)
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its reply."""

    question: str
    reply: Reply
    attachments: tuple[Attachment, ...] = ()
    raw: bool = False

    def messages(self) -> tuple[Message, ...]:
        """What the turn adds to the conversation as the model reads it.

        Thoughts are left out, as R1 models were trained. A turn without an answer is left out
        whole: an empty answer would teach the model to give none, two questions in a row are
        refused by many chat templates, and a question that was too much for the context would
        be too much for every turn after it.
        """
        if not self.reply.answer.strip():
            return ()
        question = with_attachments(self.question, self.attachments, raw=self.raw)
        return (
            Message("user", question),
            Message("assistant", self.reply.answer, ids=self.reply.answer_ids),
        )


class Session:
    """A conversation with a model.

    Args:
        engine: Answers the questions. The session does not close it.
        system: Instructions for the whole conversation.
        messages: What was said before the first turn.
        prepare: Whether the engine reads a finished turn ahead, in the background, so that the
            next one starts sooner. Pointless where no other question follows.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        system: str | None = None,
        messages: Sequence[Message] = (),
        prepare: bool = True,
    ) -> None:
        self._engine = engine
        self._before = (*((Message("system", system),) if system else ()), *messages)
        self._prepare = prepare
        self._turns: list[Turn] = []

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns so far, those that were stopped among them."""
        return tuple(self._turns)

    def messages(self) -> tuple[Message, ...]:
        """The conversation so far, as the model will read it with the next question."""
        return (*self._before, *(message for turn in self._turns for message in turn.messages()))

    def ask(  # noqa: PLR0913  (each stands for an option of the command line)
        self,
        question: str,
        *,
        budget: Budget | None = None,
        control: Control | None = None,
        sampling: Sampling | None = None,
        max_answer: int | None = None,
        timeout: float | None = None,
        attachments: Sequence[Attachment] = (),
        raw: bool = False,
        reuse: bool = True,
    ) -> Generator[Event, None, None]:
        """Puts a question to the model.

        Closing the iterator early stops the reply. Whatever was written by then is kept as the
        turn's reply, with ``ended_by`` "cancelled".

        Args:
            question: The question.
            budget: How long it may think; by default as `control` says.
            control: What may be changed from another thread while it runs.
            sampling: How tokens are chosen.
            max_answer: Most tokens of answer.
            timeout: Seconds for the whole reply.
            attachments: Texts that go along.
            raw: Plain completion: neither chat framing nor earlier turns.
            reuse: Whether what the engine has read before may be reused.

        Yields:
            Events; the last is a `Reply`.

        Raises:
            UsageError: If there is no question.
            PromptError: If it cannot be put to this model.
        """
        if not question.strip() and not attachments:
            message = "the question is empty"
            raise UsageError(message)
        control = control or Control()
        if budget is not None:
            control.budget = budget
        attached = tuple(attachments)
        asked = Message("user", with_attachments(question, attached, raw=raw))
        request = Request(
            messages=(asked,) if raw else (*self.messages(), asked),
            budget=control.budget,
            sampling=sampling or Sampling(),
            max_answer=max_answer,
            timeout=timeout,
            raw=raw,
            reuse=reuse,
        )
        record = _Record()
        events = self._engine.stream(request, control)
        try:
            for event in events:
                record.take(event)
                if isinstance(event, Reply):
                    self._end(Turn(question, event, attached, raw))
                yield event
        finally:
            if record.reply is None and record.begun:
                control.cancel()
                for event in events:
                    record.take(event)
                self._turns.append(Turn(question, record.as_reply(), attached, raw))

    def _end(self, turn: Turn) -> None:
        self._turns.append(turn)
        if self._prepare and not turn.raw and turn.reply.receipt.ended_by != "error":
            self._engine.prepare(self.messages())


class _Record:
    """Keeps what came of a reply, for the case that its end never comes."""

    def __init__(self) -> None:
        self.begun = False
        self.reply: Reply | None = None
        self._thought: list[str] = []
        self._answer: list[str] = []
        self._injected: list[Injection] = []

    def take(self, event: Event) -> None:
        self.begun = True
        if isinstance(event, (ThoughtText, InjectedText)):
            self._thought.append(event.text)
            if isinstance(event, InjectedText):
                self._injected.append(Injection(event.at, event.text))
        elif isinstance(event, AnswerText):
            self._answer.append(event.text)
        elif isinstance(event, Reply):
            self.reply = event

    def as_reply(self) -> Reply:
        return self.reply or Reply(
            thought="".join(self._thought),
            answer="".join(self._answer),
            receipt=Receipt(ended_by="cancelled"),
            injected=tuple(self._injected),
        )
