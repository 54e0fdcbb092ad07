"""Leaves the app; while a reply is being written, asks once what is to become of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from r1chat import keymap
from r1chat.tui.chat.conversation_state import OpenConversation
from r1chat.tui.chat.reply_runner import ReplyRunner
from r1chat.tui.host import Host

if TYPE_CHECKING:
    # A reply has to run before any of it is needed.
    from r1chat.jobs import Order
    from r1chat.tui.screens.question import Question

_TITLE = "A reply is being written"
_BACKGROUND = ("background", "Leave it running in the background, and quit")
_STOP = ("stop", "Stop it, and quit: what there is of it is kept")
_STAY = ("stay", "Stay")
_CAN = "In the background it goes on where it is, and ends in this conversation."
_AGAIN = "{key} again stops it and quits."
_ENDED = "The reply has ended meanwhile, and is kept: {key} quits."
_ENDED_UNSAVED = "The reply has ended meanwhile: {key} quits."
_HELD = ("temperature", "top_p", "top_k", "min_p", "max_answer", "think_language", "check_sums")
_LOADING = ("ctx", "threads", "gpu_layers", "tensor_split")


class Leaving:
    """Owns the question, and what is to be done once the app has ended.

    Args:
        host: The app.
        state: The conversation on the screen.
        runner: The reply under way.
        leave: Ends the app.
        asks: Whether there is anybody to be asked.
    """

    def __init__(
        self,
        host: Host,
        state: OpenConversation,
        runner: ReplyRunner,
        *,
        leave: Callable[[], object],
        asks: Callable[[], bool],
    ) -> None:
        self.order: Order | None = None
        """What is to go on in the background; None where nothing is."""
        self._host = host
        self._state = state
        self._runner = runner
        self._leave = leave
        self._asks = asks
        self._question: Question | None = None
        runner.over = self._ended

    @property
    def asking(self) -> bool:
        """Whether the question is in front."""
        return self._question is not None and self._question is self._host.screen_stack[-1]

    def quit(self) -> None:
        """Ends the app, or asks first; where it was asked already, it ends at once."""
        if self.asking or not self._runner.writing or not self._asks():
            self._leave()
            return
        from r1chat.tui.screens.question import Question

        obstacle = self._obstacle()
        text = f"It cannot go on in the background: {obstacle}." if obstacle else _CAN
        key = keymap.written(self._host.shown_keys()["app.quit"])
        # The cursor begins on what loses nothing.
        answers = [_STAY, _STOP] if obstacle else [_BACKGROUND, _STOP, _STAY]
        self._question = Question(_TITLE, f"{text} {_AGAIN.format(key=key)}", answers)
        self._host.push_screen(self._question, self._answered)

    def _ended(self) -> None:
        """Takes the question back, which is about a reply that is no longer being written."""
        if self._question is None or not self.asking:
            return
        self._question.dismiss(None)
        saved = self._host.settings.save is not False and self._host.history.saves
        key = keymap.written(self._host.shown_keys()["app.quit"])
        text = (_ENDED if saved else _ENDED_UNSAVED).format(key=key)
        self._host.notify(text, markup=False, timeout=8)

    def _answered(self, answer: str | None) -> None:
        if answer == "background" and self._runner.writing and not self._obstacle():
            self.order = self._made()
        if answer in {"background", "stop"}:
            self._leave()

    def _obstacle(self) -> str:
        """Why the reply cannot go on without the app, in a few words; empty where it can."""
        engine = self._host.engine
        if engine is None or self._runner.think is None:
            return "there is no model"
        if self._runner.beside:
            return "it is only asked for once, with another model or other settings"
        if self._runner.drawing:
            return "several samples are being drawn"
        if self._host.settings.save is False or not self._host.history.saves:
            return "the conversation is not saved"
        if not self._runner.heard:
            return "nothing of it is written yet"
        return engine.info.steering_with(self._runner.think).go_on

    def _made(self) -> Order | None:
        """What the process in the background is to do: continue the reply as it was asked for."""
        from r1chat.jobs import Order, options_of

        engine, control, view = self._host.engine, self._runner.control, self._runner.view
        if engine is None or control is None or view is None:
            return None
        settings, loading = self._host.settings, self._host.loading_options()
        given = {
            **{name: getattr(settings, name) for name in _HELD},
            **{name: loading[name] for name in _LOADING},
            "budget": str(control.budget),
            "min_think": control.budget.minimum or None,
            "think": self._runner.think,
            "resume": True,
        }
        return Order(
            model=engine.info.ref,
            question=view.question,
            options=options_of(given),
            conversation=self._state.id,
            continues=True,
        )
