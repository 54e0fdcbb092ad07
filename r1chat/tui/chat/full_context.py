"""A full context in the app: asks what to do, shows what became of it, and keeps summaries."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from textual.message import Message
from textual.timer import Timer

from r1chat import keymap
from r1chat.formatting import counted, format_bytes, format_duration
from r1chat.sanitize import line, sanitize
from r1chat.tui.chat.conversation_state import OpenConversation
from r1chat.tui.host import Host
from r1chat.tui.widgets.conversation import ConversationView
from r1chat.tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    from r1chat.compaction import Choose
    from r1chat.conversation import Node, TurnsSummary
    from r1chat.errors import ContextFull
    from r1chat.events import Event, FullContext
    from r1chat.reasoning.control import Control
    from r1chat.tui.chat.run import Run
    from r1chat.tui.screens.pick import Choice
    from r1chat.tui.widgets.turn import TurnView

_DRAINS = 10
"""How often a second a summary that was asked for by a key is shown."""
_SUMMARISED = "Summarised: the model reads the summary in place of the turns above it."


class Asked(Message):
    """The user is to say what becomes of the oldest turns. Comes from the thread of a reply.

    Attributes:
        choices: What there is to choose from.
        answer: Takes what was chosen; None for nothing.
    """

    def __init__(self, turns: int, choices: list[Choice], answer: Future[str | None]) -> None:
        super().__init__()
        self.turns = turns
        self.choices = choices
        self.answer = answer


class ContextRoom:
    """Owns what is done about a full context beside the reply.

    Args:
        host: The app.
        turns: The turns on the screen.
        state: The conversation.
        topbar: Shows the context.
        every: Calls a function every so many seconds, as `set_interval` of a widget does.
        post: Sends the screen a message, from any thread.
        changed: Called when other keys apply.
        ended: Called when a summary that a key has asked for is over, come what may of it.
        typed: Takes what is typed while the choice, which opens by itself, is in front.
    """

    def __init__(  # noqa: PLR0913  (what the screen lends it)
        self,
        host: Host,
        *,
        turns: ConversationView,
        state: OpenConversation,
        topbar: TopBar,
        every: Callable[[float, Callable[[], None]], Timer],
        post: Callable[[Message], bool],
        changed: Callable[[], None],
        ended: Callable[[], object],
        typed: Callable[[str], object],
    ) -> None:
        self._host = host
        self._turns = turns
        self._state = state
        self._topbar = topbar
        self._every = every
        self._post = post
        self._changed = changed
        self._ended = ended
        self._typed = typed
        self._text = ""
        """The summary that is being written, so far."""
        self._run: Run | None = None
        self._view: TurnView | None = None
        self._timer: Timer | None = None

    # -- with a reply --

    @property
    def way(self) -> FullContext:
        """What becomes of the oldest turns."""
        return self._host.settings.full_context or "drop"

    def choose(self, control: Control) -> Choose:
        """What asks the user, on the thread of a reply.

        Args:
            control: Steers the reply; to stop it is an answer too.
        """

        def ask(full: ContextFull) -> FullContext:
            answer: Future[str | None] = Future()
            control.on_cancel(lambda: _settle(answer))
            self._post(Asked(full.turns, self._choices(full), answer))
            chosen = answer.result()
            control.on_cancel(None)
            return cast("FullContext", chosen or "drop")

        return ask

    def _choices(self, full: ContextFull) -> list[Choice]:
        from r1chat.compaction import most_tokens
        from r1chat.tui.screens.pick import Choice

        info = self._topbar.info
        most = most_tokens(info.context if info is not None else 0, full.tokens)
        speed = self._topbar.speed
        time_ = f", about {format_duration(most / speed)}" if speed else ""
        choices = [
            Choice("drop", "Drop", "no longer seen by the model; nothing to wait for"),
            Choice("summarise", "Summarise", f"up to {counted(most, 'token')} to write{time_}"),
        ]
        if full.larger:
            memory = format_bytes(full.memory)
            about = f"{counted(full.larger, 'token')}, {memory} of memory more"
            choices.append(Choice("grow", "Larger context", about))
        return choices

    def ask(self, asked: Asked) -> None:
        """Shows the choice for as long as there is one; Escape drops."""
        if asked.answer.done():
            return
        from r1chat.tui.screens.pick import Pick
        from r1chat.wording import oldest_turns

        title = f"The context is full: what becomes of the {oldest_turns(asked.turns)}?"
        pick = Pick(title, asked.choices, current="drop", typed=self._typed)

        def close() -> None:
            # Once it is closed, nothing happens.
            pick.dismiss(None)

        self._host.push_screen(pick, lambda value: _settle(asked.answer, value))
        # The reply may be stopped by something else than a key. This comes from its thread, too.
        asked.answer.add_done_callback(lambda _: self._turns.call_later(close))

    def take(self, view: TurnView, event: Event) -> None:
        """Shows at a turn what becomes of those before it.

        Args:
            view: The turn that is asked.
            event: What has happened.
        """
        from r1chat.events import LeftOut, Reply, Summarised, SummaryText
        from r1chat.wording import left_out, summarised, summarising

        match event:
            case LeftOut():
                key = keymap.written(self._host.shown_keys()["chat.summarise"])
                them = "it" if event.turns == 1 else "them"
                view.before = f"{_capital(left_out(event))} · {key} summarises {them}"
            case SummaryText(text=text, tokens=tokens):
                self._text = self._text + text if tokens else text
                # What was left unsaid of the time before would stand above the summary.
                view.status = ""
                view.before = f"{_capital(summarising(event))}\n{sanitize(self._text)}".rstrip()
            case Summarised():
                view.before = _capital(summarised(event))
                self._show(event.node)
            case Reply():
                engine, info = self._host.engine, self._topbar.info
                if engine is not None and info is not None and engine.info.ref == info.ref:
                    # It may have grown.
                    self._topbar.info = engine.info
            case _:
                pass

    # -- by a key --

    @property
    def busy(self) -> bool:
        """Whether a summary is being written that a key has asked for."""
        return self._run is not None

    @property
    def can_summarise(self) -> bool:
        """Whether there are turns that could be summed up."""
        session = self._state.session
        return session is not None and session.turns_read > 0

    def stop(self) -> bool:
        """Stops the summary; whether there was one."""
        if self._run is not None:
            self._run.cancel()
        return self._run is not None

    def summarise(self) -> None:
        """Has the turns summed up that the model does not see, or else all but the last."""
        session, view = self._state.session, self._turns.last
        if session is None or view is None or self.busy:
            return
        from r1chat.reasoning.control import Control
        from r1chat.tui.chat.run import Run

        control = Control()
        sampling = self._host.preferences.sampling(session.model)
        self._view = view
        self._run = Run(lambda: session.summarise(control=control, sampling=sampling), control)
        if self._timer is None:
            self._timer = self._every(1 / _DRAINS, self._drain)
        else:
            self._timer.resume()
        self._changed()

    def _drain(self) -> None:
        run, view = self._run, self._view
        if run is None or view is None:
            return
        for event in run.take():
            self.take(view, event)
        if run.finished:
            self._end(run, view)

    def _end(self, run: Run, view: TurnView) -> None:
        if self._timer is not None:
            self._timer.pause()
        self._run = self._view = None
        self._changed()
        session, engine = self._state.session, self._host.engine
        if run.error is None:
            self._host.notify(_SUMMARISED, timeout=5)
        else:
            view.before = ""
            text = f"Not summarised: {line(run.error, 300)}."
            self._host.notify(text, markup=False, timeout=5)
        if session is not None and engine is not None:
            # The next question should not wait for what was in the model's cache before.
            engine.prepare(session.messages(), state=session.state)
        self._ended()

    # -- what there is --

    @property
    def last(self) -> Node | None:
        """The turn with the summary that the model reads; None where it reads none."""
        tree = self._state.tree
        nodes = list(tree.path()) if tree is not None else []
        found = (node for node in reversed(nodes) if node.turn and node.turn.summary)
        return next(found, None)

    @property
    def has_summary(self) -> bool:
        """Whether the model reads a summary."""
        return self.last is not None

    def keep(self, node: Node, text: str) -> None:
        """Takes what a summary was made into.

        Args:
            node: The last turn that it stands for.
            text: What is to be read.
        """
        turn = node.turn
        if turn is None or turn.summary is None:
            return
        self._keep(node, replace(turn.summary, text=text.strip(), edited=True, tokens=0))

    def remove(self) -> None:
        """Has the turns read again that the last summary stands for."""
        node = self.last
        if node is not None:
            self._keep(node, None)

    def _keep(self, node: Node, summary: TurnsSummary | None) -> None:
        self._state.keep_summary(node, summary)
        self._show(node.id)
        self._changed()

    def _show(self, name: str) -> None:
        for view in self._turns.turns:
            if view.node is not None and view.node.id == name:
                view.show_summary()


def _settle(answer: Future[str | None], value: str | None = None) -> None:
    """Answers, unless that has been done."""
    with suppress(InvalidStateError):
        answer.set_result(value)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
