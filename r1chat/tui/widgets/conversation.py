"""The turns on the screen, a bounded window on the conversation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Static

from r1chat.tui.keys import bindings

if TYPE_CHECKING:
    from textual.visual import VisualType

    from r1chat.conversation import Conversation, Node
    from r1chat.tui.samples import Draw
    from r1chat.tui.widgets.turn import TurnView

MOUNTED = 20
"""Turns that are mounted at most; the older ones come back when they are asked for."""


class ConversationView(VerticalScroll, can_focus=True):
    """Shows the last turns, and follows the newest text until the user scrolls away.

    Keys, clicks and workers run in tasks of their own, and mounting waits: whoever changes which
    turns there are, or looks at one and goes on from it after a wait, holds `lock` meanwhile. It is
    Textual's own for a widget, and can be taken again by the task that holds it.
    """

    DEFAULT_CSS = """
    ConversationView {
        height: 1fr;
        padding: 1 1 0 1;
        scrollbar-size-vertical: 1;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
        scrollbar-color: $foreground 20%;
        .conversation--earlier, .conversation--later {
            color: $text-muted;
            height: auto;
            margin: 0 0 1 1;
        }
        .conversation--empty { color: $text-muted; height: auto; margin: 1 2; }
    }
    """

    FOCUS_ON_CLICK = False
    BINDINGS: ClassVar[list[BindingType]] = bindings("conversation")

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  (Textual's own name)
        super().__init__(id=id)
        self._hidden: list[Node] = []
        self._later: list[Node] = []
        self._height = 0
        """How many rows it had when it was last looked at."""
        self.drawn: Draw | None = None
        """The samples that were drawn last, those too that were not kept."""

    shaded: reactive[bool] = reactive(default=False, repaint=False, init=False)
    """Whether turns show how sure the model was."""
    news: reactive[bool] = reactive(default=False, repaint=False)
    """Whether there is text below what is in sight that came after one had scrolled away."""

    def watch_shaded(self) -> None:
        """Has all turns show how sure the model was, or not."""
        for turn in self.turns:
            turn.shaded = self.shaded

    def watch_virtual_size(self, size: Size) -> None:
        """Takes note of new text below what is in sight."""
        grown, self._height = size.height > self._height, size.height
        # Only then is it known how much of it is in sight.
        self.call_after_refresh(self._look_below, grown=grown)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Takes note of the end of the text having been reached."""
        super().watch_scroll_y(old_value, new_value)
        if new_value >= self.max_scroll_y:
            self.news = False

    def _look_below(self, *, grown: bool) -> None:
        if self._follows or self.scroll_y >= self.max_scroll_y:
            self.news = False
        elif grown:
            self.news = True

    @property
    def _follows(self) -> bool:
        return self.is_anchored and not self._anchor_released

    @property
    def turns(self) -> list[TurnView]:
        """The turns that are mounted, with all their parts, the oldest first."""
        from r1chat.tui.widgets.turn import TurnView

        return [turn for turn in self.query_children(TurnView) if turn.is_mounted]

    @property
    def last(self) -> TurnView | None:
        """The last turn that is mounted."""
        return next(reversed(self.turns), None)

    @property
    def current(self) -> TurnView | None:
        """The turn that keys mean: the one with the focus in it, else the last."""
        return next((turn for turn in self.turns if turn.has_focus_within), self.last)

    async def meant(self) -> TurnView | None:
        """The same, once all turns are there that are being mounted."""
        async with self.lock:
            return self.current

    @property
    def at_end(self) -> bool:
        """Whether the last turn of the conversation is mounted."""
        return not self._later

    async def show_hint(self, text: VisualType) -> None:
        """Says something where there is no turn yet; it is read from its beginning."""
        self.anchor(False)  # noqa: FBT003  (Textual's own signature)
        # Textual scrolls above the top what is anchored and has few lines.
        self.scroll_y = self.scroll_target_y = 0
        await self.mount(Static(text, classes="conversation--empty", markup=False))

    def change_hint(self, text: VisualType) -> None:
        """Says something else there, as long as there is no turn."""
        for hint in self.query(".conversation--empty").results(Static):
            hint.update(text)

    async def clear(self) -> None:
        """Takes everything off the screen."""
        async with self.lock:
            self._hidden.clear()
            self._later.clear()
            await self.remove_children()

    def page(self, step: int) -> None:
        """Scrolls a page up (-1) or down (1)."""
        further = self.action_further if step > 0 else self.action_earlier
        # Not exclusive: one that was cut short would leave a turn out.
        self.run_worker(further(), group="scroll")

    async def add(self, view: TurnView) -> None:
        """Mounts a new turn at the end and unmounts what is too far up."""
        async with self.lock:
            if self._later:
                await self.show_until(self._later[-1], collapsed=True)
            await self.query(".conversation--empty").remove()
            await self.mount(view)
            view.shaded = self.shaded
            self.anchor()
            extra = self.turns[:-MOUNTED]
            for old in extra:
                if old.node is not None:
                    self._hidden.append(old.node)
                await _unmount(old)
            await self._tell_hidden()

    async def show(self, conversation: Conversation, *, collapsed: bool) -> None:
        """Shows a conversation as it stands, in place of what was shown."""
        await self.show_until(conversation.last(), collapsed=collapsed)

    async def show_until(
        self, node: Node | None, *, collapsed: bool, place: Node | None = None
    ) -> None:
        """Shows the way to a turn, in place of what was shown.

        Args:
            node: The turn.
            collapsed: Whether thoughts begin closed.
            place: A turn on the way that is to be mounted, however far up it is.
        """
        nodes: list[Node] = []
        while node is not None and node.turn is not None:
            nodes.insert(0, node)
            node = node.parent
        start = max(0, len(nodes) - MOUNTED)
        if place in nodes:
            start = min(start, max(0, nodes.index(place) - 1))
        end = start + MOUNTED
        async with self.lock:
            self._hidden, self._later = nodes[:start], nodes[end:]
            async with self.batch():
                await self.remove_children("TurnView")
                for node in nodes[start:end]:
                    await self._mount_node(node, collapsed=collapsed)
            await self._tell_hidden()
            self.anchor()

    def go_to(self, node: Node, *, open_thought: bool = False) -> None:
        """Scrolls to a turn that is mounted, and stays there.

        Args:
            node: The turn.
            open_thought: Whether its thought is to be seen.
        """
        view = next((turn for turn in self.turns if turn.node is node), None)
        if view is None:
            return
        if open_thought:
            view.thinking.collapsed = False
        self.anchor(False)  # noqa: FBT003  (Textual's own signature)
        self.call_after_refresh(self.scroll_to_widget, view, top=True, animate=False)

    async def drop_from(self, view: TurnView) -> None:
        """Takes a turn and all after it off the screen, unless it is gone already."""
        async with self.lock:
            turns = self.turns
            if view not in turns:
                return
            self._later.clear()
            for old in turns[turns.index(view) :]:
                await _unmount(old)

    async def _mount_node(self, node: Node, *, collapsed: bool, first: bool = False) -> None:
        turn = node.turn
        if turn is None:
            return
        from r1chat.tui.widgets.sampled import view_of

        view = view_of(node, self.drawn)
        view.collapsed_at_start = collapsed
        await self.mount(view, before=0 if first else None)
        view.shaded = self.shaded
        view.show_turn(turn)
        view.place(node)

    async def _tell_hidden(self) -> None:
        await self.query(".conversation--earlier, .conversation--later").remove()
        if self._later:
            count = len(self._later)
            text = f"↓ {count} later {'turn' if count == 1 else 'turns'} (End goes there)"
            await self.mount(Static(text, classes="conversation--later"))
        if self._hidden:
            count = len(self._hidden)
            text = f"↑ {count} earlier {'turn' if count == 1 else 'turns'} (Page Up at the top)"
            note = Static(text, classes="conversation--earlier")
            await self.mount(note, before=0)

    async def action_earlier(self) -> None:
        """Scrolls up; at the top it mounts the turn before."""
        async with self.lock:
            if self.scroll_y > 0 or not self._hidden:
                self._scroll_page(self.scroll_page_up)
                return
            node = self._hidden.pop()
            await self._mount_node(node, collapsed=True, first=True)
            await self._tell_hidden()

    async def action_further(self) -> None:
        """Scrolls down; at the bottom it mounts the turn after."""
        async with self.lock:
            if self.scroll_y < self.max_scroll_y or not self._later:
                self._scroll_page(self.scroll_page_down)
                return
            await self._mount_node(self._later.pop(0), collapsed=True)
            await self._tell_hidden()

    def _scroll_page(self, scroll: Callable[[], None]) -> None:
        # Where all of it is in sight Textual's own action raises, and its method stops following.
        if self.max_scroll_y:
            scroll()

    async def action_tail(self) -> None:
        """Goes to the end and follows the newest text again."""
        async with self.lock:
            if self._later:
                await self.show_until(self._later[-1], collapsed=True)
            self.anchor()
            self.news = False
            self.scroll_end(animate=False)


async def _unmount(view: TurnView) -> None:
    """Takes a turn off the screen, with all that was drawn of it."""
    widgets = [view, *view.walk_children(Widget)]
    await view.remove()
    for widget in widgets:
        # Textual remembers the last thousand of these for good, each with its lines.
        widget._styles_cache.clear()  # noqa: SLF001
