"""A session: asks an engine the questions of one conversation."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial

from r1chat.attachments import Attachment, with_attachments
from r1chat.compaction import Choose, Compaction
from r1chat.conversation import Act, Conversation, Node, Origin, Turn, TurnsSummary, new_id
from r1chat.engine.base import (
    Continuation,
    Engine,
    Message,
    ModelInfo,
    Request,
    Sampling,
    unbegun,
)
from r1chat.engine.tree import stream_tree
from r1chat.errors import Cancelled, PromptError, UsageError
from r1chat.events import (
    AnswerText,
    CheckSums,
    Drawing,
    EndedBy,
    Event,
    Fork,
    Forked,
    FullContext,
    InjectedText,
    Injection,
    LanguageCode,
    Notice,
    Receipt,
    Reply,
    Sampled,
    SamplesStop,
    ThoughtText,
    WrongSum,
)
from r1chat.reasoning.budget import Budget, Think
from r1chat.reasoning.consensus import Tally
from r1chat.reasoning.control import Control, ControlGroup
from r1chat.reasoning.equality import same_answer
from r1chat.recording import Asked, Recorder, Recording, Watch, kept, origin
from r1chat.shapes import Shape
from r1chat.slips import SumCheck
from r1chat.votes import Poll, is_cut

_STOPPED: frozenset[EndedBy] = frozenset({"cancelled", "time", "length"})
_NO_LOOKS = 'samples have no previews: the budget "auto" is "max" for them'
_SHAPED = 'an answer in a shape has no previews: the budget "auto" is "max" for it'


class Session:
    """A conversation with a model.

    Args:
        engine: Answers the questions. The session does not close it.
        system: Instructions for the whole conversation.
        messages: What was said before the first turn.
        prepare: Whether the engine reads a finished turn ahead, in the background, so that the
            next one starts sooner. Pointless where no other question follows.
        conversation: One to go on with; by default a new one.
        recorder: Where it is kept; None keeps it nowhere.
        once: Whether it is one question of the command line: such are listed apart from chats.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        system: str | None = None,
        messages: Sequence[Message] = (),
        prepare: bool = True,
        conversation: Conversation | None = None,
        recorder: Recorder | None = None,
        once: bool = False,
    ) -> None:
        self._once = once
        self._engine = engine
        self._system = system
        self._recorder = recorder
        self._before = (*((Message("system", system),) if system else ()), *messages)
        self._prepare = prepare
        self.conversation = conversation or Conversation()
        """All turns, and all versions of them."""
        self._way: FullContext = "drop"
        """What became of the oldest turns with the last question, if the context was full."""
        self._room = Compaction(engine, self.conversation, self._before, recorder)

    @property
    def model(self) -> ModelInfo:
        """The model that is asked."""
        return self._engine.info

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns so far, those that were stopped among them, of each the version chosen."""
        return tuple(node.turn for node in self.conversation.path() if node.turn is not None)

    @property
    def state(self) -> str:
        """The name of what the engine keeps of this conversation; empty where nothing is kept."""
        return self.conversation.id if self._recorder is not None else ""

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
        think: Think = "auto",
        language: LanguageCode | None = None,
        parent: Node | None = None,
        resume: Continuation | None = None,
        shape: Shape | None = None,
        beside: str | None = None,
        full_context: FullContext = "drop",
        check_sums: CheckSums = "off",
        choose: Choose | None = None,
    ) -> Generator[Event, None, None]:
        """Asks the model a question.

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
            think: Whether a model that does not think by itself is asked to; "off" for no thought.
            language: The language in which r1chat's words open the thought.
            parent: The turn to follow; by default the last. The parent of another turn makes the
                new one a version of that turn.
            resume: An earlier reply to go on from.
            shape: What the answer must look like.
            beside: Makes it a version for comparison: the conversation keeps its model, its
                settings and the version that it goes on with. Says which settings are others, for
                the receipt; empty where the model alone is.
            full_context: What becomes of the oldest turns where the context is full.
            check_sums: Whether sums are checked: wrong ones come as a `WrongSum`, and the receipt
                counts them.
            choose: Asks the user that; called on the thread that reads the events.

        Yields:
            Events; the last is a `Reply`.

        Raises:
            UsageError: If there is no question.
            PromptError: If it cannot be put to this model.
        """
        control = control or Control()
        if budget is not None:
            control.budget = budget
        attached = tuple(attachments)
        parent = parent or self.conversation.last()
        request = self._request(
            question,
            control,
            sampling=sampling,
            max_answer=max_answer,
            timeout=timeout,
            attachments=attached,
            raw=raw,
            reuse=reuse,
            think=think,
            language=language,
            parent=parent,
            resume=resume,
            shape=shape,
            check_sums=check_sums,
            state=self.state if beside is None else "",
        )
        record = self._record(question, request, attached, control, parent, beside=beside)
        events = self._answered(
            lambda request: self._engine.stream(request, control),
            request,
            parent,
            control,
            # A comparison changes nothing of what the conversation goes on with.
            "drop" if beside is not None else full_context,
            choose,
        )
        try:
            if shape is not None and control.budget.agree is not None:
                yield Notice(_SHAPED)
            for happened in events:
                event = record.take(happened)
                if isinstance(event, Reply):
                    yield from record.wrong_sums()
                    self._end(record, parent)
                    if control.pace is None:
                        _learn(self._engine.info, event.receipt)
                yield event
                yield from record.wrong_sums()
        except PromptError:
            # What came before were notes: there is nothing to keep of it.
            record.begun = record.written
            raise
        finally:
            if record.reply is None and record.begun:
                control.cancel()
                for event in events:
                    record.take(event)
                record.end()
                self._add(record, parent)
            elif not record.begun and record.recording is not None:
                record.recording.discard()

    def consensus(  # noqa: PLR0913  (each stands for an option of the command line)
        self,
        question: str,
        *,
        samples: int,
        samples_stop: SamplesStop = "settled",
        same: Callable[[str, str], bool] | None = None,
        control: Control | None = None,
        sampling: Sampling | None = None,
        max_answer: int | None = None,
        timeout: float | None = None,
        attachments: Sequence[Attachment] = (),
        think: Think = "auto",
        language: LanguageCode | None = None,
        parent: Node | None = None,
        shape: Shape | None = None,
        full_context: FullContext = "drop",
        check_sums: CheckSums = "off",
        resume: Continuation | None = None,
        tree: bool = False,
        choose: Choose | None = None,
    ) -> Generator[Event, None, None]:
        """Draws several samples to a question; the majority's answer counts.

        Samples that are not needed for it any more are stopped, or not drawn at all. Those that
        ended are kept as versions of the turn; the first of the majority is the one chosen. Of
        prose, which has no final answers to compare, the one that the model was surest of is. Where
        none ended, the first sample is kept as it stands.

        Args:
            question: The question.
            samples: How many are drawn.
            samples_stop: When no more are needed. What goes on from a place is never left out.
            same: Says whether two final answers are the same; by default as the shape does, or by
                plain arithmetic.
            control: Steers all of them.
            sampling: How tokens are chosen; a seed is the first sample's.
            max_answer: Most tokens of answer.
            timeout: Seconds for all of them.
            attachments: Texts that go along.
            think: As for `ask`.
            language: As for `ask`.
            parent: The turn to follow; by default the last.
            shape: What the answers must look like; equal values count as one.
            full_context: As for `ask`.
            check_sums: As for `ask`.
            resume: A place in the thought of an earlier reply that all of them go on from.
            tree: Whether the others branch off from the thought of the first, where the model was
                at a loss, in place of beginning anew. Where there is no such place there are none.
            choose: As for `ask`.

        Yields:
            Events; what happens in a sample is a `Sampled`, each end of one is followed by a
            `Tallied`. The last is a `Reply` with its `samples` and `votes`.

        Raises:
            UsageError: If there is no question.
            PromptError: If it cannot be put to this model.
        """
        control = control or Control()
        attached = tuple(attachments)
        parent = parent or self.conversation.last()
        request = self._request(
            question,
            control,
            sampling=sampling,
            max_answer=max_answer,
            timeout=timeout,
            attachments=attached,
            think=think,
            language=language,
            parent=parent,
            shape=shape,
            check_sums=check_sums,
            forks=() if resume is None else (resume,) * samples,
            state=self.state,
        )
        # Prose has no final answers: then the surest reply is chosen.
        control.sums_up = True
        alike = same or (same_answer if shape is None else shape.same)
        if resume is not None and samples_stop == "likely":
            # Somebody wants to see where it goes from there.
            samples_stop = "settled"
        tally = Tally(samples, alike, samples_stop)
        poll = Poll(tally)
        # Where those of a tree begin, the first of them decides, and all of them begin at once.
        group = ControlGroup(control, samples, None if tree else poll)
        made = origin(request, self._engine.info)

        def record_of(number: int, request: Request) -> _Record:
            control = group.parts[number]
            return self._record(question, request, attached, control, parent, made)

        # Where the others of a tree begin nobody knows yet.
        records = [record_of(each, request.of(each)) for each in range(1 if tree else samples)]

        put: Callable[[Request], Iterator[Event]] = partial(self._engine.stream_many, group=group)
        if tree:
            put = partial(self._branching, group, tally, records, record_of)
        try:
            if control.budget.agree is not None:
                yield Notice(_NO_LOOKS)
            answered = self._answered(put, request, parent, control, full_context, choose)
            with closing(answered) as events:
                for event in events:
                    if not isinstance(event, Sampled):
                        yield event
                        continue
                    yield from _told(event, records[event.sample], poll)
                    if poll.decided is not None:
                        group.stop()
        except Cancelled:
            # While the prompt was read: no sample has begun, but the question was asked.
            why: EndedBy = "cancelled" if control.cancelled else "time"
            records[0].take(unbegun(why, samples=samples))
        finally:
            winner = poll.chosen([record.reply for record in records])
            self._keep(records, parent, winner)
        replies = tuple(record.reply or unbegun(samples=samples) for record in records)
        yield replace(replies[winner], samples=replies, votes=poll.votes)

    def _branching(
        self,
        group: ControlGroup,
        tally: Tally,
        records: list[_Record],
        record_of: Callable[[int, Request], _Record],
        request: Request,
    ) -> Generator[Event, None, None]:
        """Draws samples that branch off from the first, and makes ready for each of them.

        Args:
            group: Steers them.
            tally: Is told how many there are.
            records: The first one's; gets those of the others.
            record_of: Makes one: by the number, and what the sample begins with.
            request: The question.

        Yields:
            Their events.
        """
        with closing(stream_tree(self._engine, request, group)) as events:
            for event in events:
                if isinstance(event, Drawing):
                    tally.samples = event.samples
                elif isinstance(event, Sampled) and isinstance(event.event, Forked):
                    at, entropy = event.event.at, event.event.entropy
                    fork = Fork(at, 0, entropy)
                    resume = Continuation(records[0].turn.reply, at, fork=fork)
                    records.append(record_of(event.sample, replace(request, resume=resume)))
                yield event

    def _answered(
        self,
        put: Callable[[Request], Iterator[Event]],
        request: Request,
        parent: Node,
        control: Control,
        way: FullContext,
        choose: Choose | None,
    ) -> Generator[Event, None, None]:
        """Puts a question, and makes room first where that must be."""
        self._way = way
        return self._room.answered(put, request, parent, control, way=way, choose=choose)

    def summarise(
        self,
        *,
        control: Control,
        sampling: Sampling | None = None,
        timeout: float | None = None,
    ) -> Generator[Event, None, None]:
        """Has the turns summed up that the context had no room for; else all but the last.

        Args:
            control: Stops it.
            sampling: How tokens are chosen.
            timeout: Seconds that it may take.

        Yields:
            Events; the last is a `Summarised`.

        Raises:
            NotSummarisedError: If there is no summary.
        """
        request = Request((), sampling=sampling or Sampling(), timeout=timeout)
        yield from self._room.summarise(self.conversation.last(), request, control)

    @property
    def turns_read(self) -> int:
        """How many turns the model reads, those not counted that a summary stands for."""
        return len(self._room.said(self.conversation.last()))

    @property
    def left_out(self) -> int:
        """How many of them there was no room for in the last prompt."""
        return self._room.left_out

    def keep_summary(self, node: Node, summary: TurnsSummary | None) -> None:
        """Has a summary stand for a turn and all before it; None has the turns read again."""
        self._room.keep(node, summary)

    def _keep(self, records: Sequence[_Record], parent: Node, winner: int) -> None:
        """Keeps the samples that ended as versions of a turn, and chooses one of them."""
        best = records[winner]
        for record in records:
            # Stopped samples say nothing, unless there is no other.
            ended = record.reply is not None and not is_cut(record.reply)
            if record.begun and (ended or record is best):
                record.end()
                self.conversation.add(record.turn, parent, record.node)
            elif record.recording is not None:
                record.recording.discard()
        node = next((each for each in parent.children if each.id == best.node), None)
        if node is not None:
            self.conversation.choose(node)
            if best.recording is not None:
                best.recording.choose()
            self._read_ahead(best.turn)

    def _request(  # noqa: PLR0913  (each is a field of the request)
        self,
        question: str,
        control: Control,
        *,
        sampling: Sampling | None,
        max_answer: int | None,
        timeout: float | None,
        attachments: tuple[Attachment, ...],
        parent: Node,
        think: Think = "auto",
        language: LanguageCode | None = None,
        raw: bool = False,
        reuse: bool = True,
        resume: Continuation | None = None,
        forks: tuple[Continuation, ...] = (),
        shape: Shape | None = None,
        state: str,
        check_sums: CheckSums = "off",
    ) -> Request:
        if not question.strip() and not attachments:
            message = "the question is empty"
            raise UsageError(message)
        if think == "off":
            control.budget = replace(control.budget, tokens=0, seconds=None, minimum=0, agree=None)
        asked = Message("user", with_attachments(question, attachments, raw=raw))
        return Request(
            messages=(asked,) if raw else (*self.messages(parent), asked),
            budget=control.budget,
            think=think,
            language=language,
            sampling=sampling or Sampling(),
            max_answer=max_answer,
            timeout=timeout,
            raw=raw,
            reuse=reuse,
            resume=resume,
            forks=forks,
            state="" if raw else state,
            check_sums=check_sums,
            shape=shape,
        )

    def _record(
        self,
        question: str,
        request: Request,
        attachments: tuple[Attachment, ...],
        control: Control,
        parent: Node,
        made: Origin | None = None,
        *,
        beside: str | None = None,
    ) -> _Record:
        made = made or origin(request, self._engine.info)
        record = _Record(question, request, attachments, control, made, beside)
        if self._recorder is not None:
            record.recording = self._recorder.begin(self._asked(record, request, parent))
        return record

    def _asked(self, record: _Record, request: Request, parent: Node) -> Asked:
        return Asked(
            conversation=self.conversation.id,
            node=record.node,
            parent=parent.id if parent.parent is not None else None,
            turn=record.turn,
            request=request,
            model=self._engine.info,
            system=self._system,
            beside=record.beside is not None,
            once=self._once,
        )

    def _add(self, record: _Record, parent: Node) -> Turn:
        turn, alone = record.turn, record.beside is None
        if not alone:
            # Another model may go on from it, to which its tokens mean something else.
            turn = replace(turn, reply=replace(turn.reply, answer_ids=(), ids=()))
        self.conversation.add(turn, parent, record.node, choose=alone)
        return turn

    def _end(self, record: _Record, parent: Node) -> None:
        turn = self._add(record, parent)
        if record.beside is None:
            self._read_ahead(turn)

    def _read_ahead(self, turn: Turn) -> None:
        if self._prepare and not turn.raw and turn.reply.receipt.ended_by != "error":
            # What was stopped can be continued: its state is worth more than that of a next turn.
            state = "" if turn.reply.receipt.answer_ended_by in _STOPPED else self.state
            drops = self._room.drops(self._way)
            self._engine.prepare(self.messages(), state=state, drops=drops)


def _learn(model: ModelInfo, receipt: Receipt) -> None:
    """Records how fast a model wrote, for estimates."""
    if model.host or model.gpu_layers or model.mixture:
        return
    from r1chat.hub import speeds

    written = receipt.thought_tokens + receipt.answer_tokens
    speeds.learn(model.size, written, receipt.tokens_per_s, model.threads)


def _told(event: Sampled, record: _Record, poll: Poll) -> Iterator[Event]:
    """What is told of what happened in a sample: how the votes stand, too, once it has ended."""
    happened, tallied = event.event, None
    if isinstance(happened, Reply):
        happened, tallied = poll.noted(event.sample, happened)
    happened = record.take(happened)
    yield from (Sampled(event.sample, each) for each in record.wrong_sums())
    yield Sampled(event.sample, happened)
    if tallied is not None:
        yield tallied


class _Record:
    """Keeps what came of a reply, for the case that its end never comes, and for the history."""

    def __init__(
        self,
        question: str,
        request: Request,
        attachments: tuple[Attachment, ...],
        control: Control,
        made: Origin,
        beside: str | None = None,
    ) -> None:
        so_far = kept(request)
        self._sums = SumCheck(so_far) if request.check_sums != "off" else None
        self.node = new_id()
        self.beside = beside
        """Which settings are others than the conversation's; None where it is no comparison."""
        self.begun = False
        self.written = False
        """Whether there is anything new of the reply: what it continues does not count."""
        self.reply: Reply | None = None
        self.recording: Recording | None = None
        self._watch = Watch(control)
        self._acts: list[Act] = []
        self._thought = [so_far.thought] if so_far else []
        self._answer = [so_far.answer] if so_far else []
        self._injected = list(so_far.injected) if so_far else []
        self._question = question
        self._attachments = attachments
        self._raw = request.raw
        self._origin = made
        self._note(self._watch.resumed(request))

    def take(self, event: Event) -> Event:
        """Takes what the engine says; returns it with what the engine does not know."""
        self.begun = True
        if self._sums is not None:
            event = self._sums.take(event)
        if isinstance(event, Reply) and self.beside:
            event = replace(event, receipt=replace(event.receipt, asked_with=self.beside))
        self._note(self._watch.look())
        if isinstance(event, (ThoughtText, InjectedText)):
            self.written = True
            self._thought.append(event.text)
            if isinstance(event, InjectedText):
                self._injected.append(Injection(event.at, event.text))
        elif isinstance(event, AnswerText):
            self.written = True
            self._answer.append(event.text)
        elif isinstance(event, Reply):
            self.reply = event
        if self.recording is not None:
            self.recording.take(event)
        return event

    def wrong_sums(self) -> list[WrongSum]:
        """The wrong sums that were found since this was asked last."""
        return [] if self._sums is None else self._sums.found()

    def end(self) -> None:
        """Ends a reply that the engine did not end."""
        if self.recording is not None and self.reply is None:
            self.recording.take(self.turn.reply)

    @property
    def turn(self) -> Turn:
        """The turn so far."""
        reply = self.reply or Reply(
            thought="".join(self._thought),
            answer="".join(self._answer),
            receipt=Receipt(
                ended_by="cancelled", answer_ended_by="cancelled", asked_with=self.beside or None
            ),
            injected=tuple(self._injected),
        )
        made = replace(self._origin, acts=tuple(self._acts))
        return Turn(self._question, reply, self._attachments, self._raw, made)

    def _note(self, acts: list[Act]) -> None:
        self._acts += acts
        if self.recording is not None:
            for act in acts:
                self.recording.act(act)
