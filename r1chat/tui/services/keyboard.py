"""Sends keys, pastes and the mouse to the screen in front, in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from textual import events
from textual.app import App
from textual.dom import DOMNode, NoScreen
from textual.errors import NoWidget
from textual.message_pump import MessagePump
from textual.widgets import Input, OptionList, TextArea

from r1chat.sanitize import line_breaks, sanitize
from r1chat.tui import typed

_NOT_YET_S = 0.01
"""How soon it is tried again where a screen is not ready for what is typed."""
_LONG_S = 1.0
"""After so long a wait for what a key led to, keys that interrupt overtake the others."""
_LONGEST_S = 10.0
"""After so long a wait nothing waits any more: whatever hangs must not take the keyboard along."""
_INTERRUPTS = frozenset({"ctrl+c", "ctrl+q", "escape"})


class Consequences:
    """Follows a key through the message queues, and says when all that it leads to is done.

    A key goes from the widget with the focus up to the app, which does what is bound to it; a
    message that a widget sends because of that goes up again. A callback in each of these queues is
    run once what stands before it is done; that may put more into the same queue, so there are two.

    Args:
        start: Where the key is sent.
        over: Called once, when all is done.
    """

    def __init__(self, start: DOMNode, over: Callable[[], object]) -> None:
        way = [pump for pump in start.ancestors_with_self for _ in range(2)]
        self._way: deque[MessagePump] = deque([*way, *way])
        self._over = over

    def follow(self) -> None:
        """Goes on to the next queue; one that is closed leads to nothing more."""
        while self._way:
            if self._way.popleft().call_later(self.follow):
                return
        self._over()


class Keyboard:
    """Owns the input that no screen has been given yet.

    Enter may close a dialog, and the letters behind it are meant for what is in front then: input
    waits until all is done that a key before it leads to, and until an opened screen has its field.

    Args:
        app: The app.
        forward: Does with an event what Textual does.
    """

    def __init__(self, app: App[Any], forward: Callable[[events.Event], Awaitable[None]]) -> None:
        self._app = app
        self._forward = forward
        self._early: deque[events.Event] = deque()
        self._followed: Consequences | None = None
        """What the last key has led to, until all of it is done."""
        self._since = 0.0
        """When that began."""
        self._written: DOMNode | None = None
        """Where letters were sent that were not followed yet."""

    @property
    def idle(self) -> bool:
        """Whether nothing waits, and nothing is awaited."""
        return not self._early and self._followed is None

    async def take(self, event: events.Event) -> None:
        """Takes any event of the app's; letters go to the text, whatever has the focus."""
        is_input = isinstance(event, (events.InputEvent, events.Paste))
        if not is_input or event.is_forwarded or self._overtakes(event):
            await self._forward(event)
            return
        self._early.append(event)
        if monotonic() > self._since + _LONGEST_S:
            self._followed = None
        await self._send()

    def _overtakes(self, event: events.Event) -> bool:
        interrupts = isinstance(event, events.Key) and event.key in _INTERRUPTS
        return interrupts and self._followed is not None and monotonic() > self._since + _LONG_S

    def _is_stray(self, event: events.MouseEvent) -> bool:
        """Whether the mouse hit what has been taken off the screen and is still to be seen.

        Textual looks for what it stands in, or for an option of its number, and raises.
        """
        if event.is_forwarded or not self._app.screen_stack:
            return False
        try:
            widget, _ = self._app.get_widget_at(event.x, event.y)
        except (NoWidget, NoScreen):
            return False
        if not widget.is_attached:
            return True
        option = self._app.screen.get_style_at(event.x, event.y).meta.get("option", 0)
        return isinstance(widget, OptionList) and option >= widget.option_count > 0

    async def _send(self) -> None:
        while self._early and self._followed is None:
            event = self._early[0]
            writes = self._writes(event)
            if self._written is not None and not writes:
                self._follow(self._written)
                return
            if self._app.screen_stack and isinstance(event, (events.Key, events.Paste)):
                # Textual gives the focus back where the terminal had lost it, but too late.
                self._app.app_focus = True
                if not typed.aim(self._app.screen, event):
                    self._app.set_timer(_NOT_YET_S, self._send)
                    return
            if isinstance(event, events.Paste):
                self._clean(event)
            self._early.popleft()
            if isinstance(event, events.MouseEvent) and self._is_stray(event):
                continue
            start = self._start(event)
            await self._forward(event)
            if writes:
                self._written = start
            elif start is not None:
                self._follow(start)

    def _writes(self, event: events.Event) -> bool:
        """Whether an event writes into a text, which closes and opens nothing."""
        return (
            isinstance(event, events.Key)
            and typed.is_text(event)
            and bool(self._app.screen_stack)
            and isinstance(self._app.focused, TextArea)
        )

    def _start(self, event: events.Event) -> DOMNode | None:
        """Where an event is sent; None where it leads to nothing that has to be awaited."""
        app = self._app
        if not app.screen_stack:
            return None
        if isinstance(event, (events.Key, events.Paste)):
            return app.focused or app.screen
        if isinstance(event, (events.MouseDown, events.MouseUp)):
            try:
                return app.get_widget_at(event.x, event.y)[0]
            except (NoWidget, NoScreen):
                return app.screen
        return None

    def _follow(self, start: DOMNode) -> None:
        def over() -> None:
            if self._followed is followed:
                self._followed = None
                self._app.call_later(self._send)

        self._written = None
        self._since = monotonic()
        self._followed = followed = Consequences(start, over)
        followed.follow()

    def _clean(self, paste: events.Paste) -> None:
        """Cleans what is pasted, for the field that has the focus by now."""
        text = sanitize(line_breaks(paste.text))
        # Textual's own field for one line takes the first and drops the others.
        one_line = isinstance(self._app.focused, Input)
        paste.text = text.rstrip("\n").replace("\n", " ") if one_line else text
