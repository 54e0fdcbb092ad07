"""A conversation: its turns, and the way of a question through the engine."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from r1chat.attachments import Attachment, with_attachments
from r1chat.conversation import Conversation, Node, Turn
from r1chat.engine.base import Continuation, Engine, Message, Request, Sampling
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
        self.conversation = Conversation()
        """All turns, and all versions of them."""

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns so far, those that were stopped among them, of each the version chosen."""
        return tuple(node.turn for node in self.conversation.path() if node.turn is not None)

    def messages(self, until: Node | None = None) -> tuple[Message, ...]:
        """The conversation so far, as the model will read it with the next question.

        Args:
            until: The turn to end with; by default the last.
        """
        return (*self._before, *self.conversation.messages(until))

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
        parent: Node | None = None,
        resume: Continuation | None = None,
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
            parent: The turn to follow; by default the last. The parent of another turn makes the
                new one a version of that turn.
            resume: An earlier reply to go on from.

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
        parent = parent or self.conversation.last()
        asked = Message("user", with_attachments(question, attached, raw=raw))
        request = Request(
            messages=(asked,) if raw else (*self.messages(parent), asked),
            budget=control.budget,
            sampling=sampling or Sampling(),
            max_answer=max_answer,
            timeout=timeout,
            raw=raw,
            reuse=reuse,
            resume=resume,
        )
        record = _Record()
        events = self._engine.stream(request, control)
        try:
            for event in events:
                record.take(event)
                if isinstance(event, Reply):
                    self._end(Turn(question, event, attached, raw), parent)
                yield event
        finally:
            if record.reply is None and record.begun:
                control.cancel()
                for event in events:
                    record.take(event)
                turn = Turn(question, record.as_reply(), attached, raw)
                self.conversation.add(turn, parent)

    def _end(self, turn: Turn, parent: Node) -> None:
        self.conversation.add(turn, parent)
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
