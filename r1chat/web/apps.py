"""The running apps: which page each is shown on, which conversation it has, and when it ends.

An app outlives its page for a moment, so that a page that is loaded again finds it, and as long as
it has work that would be lost: for a time that is set.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Callable

from aiohttp import web

from r1chat.web.child import Child

KEEP_S = 600.0
"""How long an app that is at work lives on without a page."""
MOST = 8
"""Each of them is a process, and may have a model of its own in memory."""
_RELOAD_S = 5.0
"""How long an idle app waits for its page to be loaded again."""
_ROOM_S = 3.0
"""How long a page waits for another one's app to end."""
_LOOK_S = 0.1
_ID = re.compile(r"[a-z0-9]{1,64}")


def is_id(text: str) -> bool:
    """Whether a text can be the id of a conversation."""
    return _ID.fullmatch(text) is not None


class App:
    """A running app and the page that shows it.

    Args:
        child: Its process.
        conversation: The conversation that it is to open; empty for a new one.
    """

    def __init__(self, child: Child, conversation: str) -> None:
        self.child = child
        self.conversation = conversation
        """The id of the conversation that it has open."""
        self.busy = False
        """Whether its end would lose something: a reply under way, or one that nobody saves."""
        self.page: web.WebSocketResponse | None = None
        self.visitors = 0
        """Pages that have it, are about to have it, or do not know yet that another has it."""
        self.gone_at = time.monotonic()
        """Since when it has none."""
        self.changed = asyncio.Event()
        """Whether something about it has changed that its end depends on."""
        self.started = False
        self._doorway = asyncio.Lock()
        self._leaving: asyncio.Task[None] | None = None
        child.told = self._take
        child.over = self.changed.set

    async def show_on(self, page: web.WebSocketResponse, width: int, height: int) -> None:
        """Shows it on a page, in place of the one that had it; starts it where it is new.

        Args:
            page: The page.
            width: Columns of its terminal.
            height: Rows of its terminal.
        """
        async with self._doorway:
            former, self.page = self.page, page
            self.child.show_on(page)
            self.changed.set()
            if former is not None:
                # It may be the same tab before it was loaded again, and never answer.
                self._leaving = asyncio.create_task(_take_leave(former))
            if not self.started:
                await self.child.start(width, height)
                self.started = True
                return
            # The page's terminal is empty, whatever the app thinks to have drawn.
            await self.child.set_terminal_size(width, height)
            await self.child.send_meta({"type": "redraw"})
            await self._name()

    def leave(self, page: web.WebSocketResponse) -> None:
        """Notes that a page is gone, whether it had the app or not."""
        self.visitors -= 1
        if self.page is page:
            self.page = None
            self.child.show_on(None)
        self.gone_at = time.monotonic()
        self.changed.set()

    def ends_in(self, keep: float) -> float | None:
        """Seconds until it has to end; None as long as a page has it.

        Args:
            keep: How long one that is at work lives on without a page.
        """
        if self.visitors:
            return None
        patience = keep if self.busy else min(keep, _RELOAD_S)
        return max(0.0, self.gone_at + patience - time.monotonic())

    async def _take(self, message: dict[str, object]) -> None:
        """Takes what the app says of itself."""
        conversation = message.get("conversation")
        if isinstance(conversation, str) and (not conversation or is_id(conversation)):
            self.conversation = conversation
        self.busy = message.get("busy") is True
        self.changed.set()
        await self._name()

    async def _name(self) -> None:
        """Tells the page the address of the conversation."""
        if self.conversation:
            await self.child.remote_write_str(json.dumps(["conversation", self.conversation]))


async def _take_leave(page: web.WebSocketResponse) -> None:
    """Tells a page that another one has taken its app over."""
    with contextlib.suppress(ConnectionError, RuntimeError):
        await page.send_str('["elsewhere", null]')
        await page.close()


class Apps:
    """All running apps.

    Args:
        start: Makes the process of an app that opens a conversation, or begins a new one.
        most: How many may run at once.
        keep: Seconds for which one that is at work lives on without a page.
    """

    def __init__(self, start: Callable[[str], Child], *, most: int, keep: float) -> None:
        self._start = start
        self._most = most
        self._keep = keep
        self._running: list[App] = []
        self._keepers: set[asyncio.Task[None]] = set()

    def find(self, conversation: str) -> App | None:
        """The app that has a conversation open; one without a page before others."""
        having = [each for each in self._running if each.conversation == conversation]
        having.sort(key=lambda each: each.page is not None)
        return having[0] if conversation and having else None

    async def has_room(self, conversation: str) -> bool:
        """Whether a page gets an app; waits a moment for one that is just ending.

        Args:
            conversation: The conversation that it asks for; empty for a new one.
        """
        end = time.monotonic() + _ROOM_S
        while self.find(conversation) is None and len(self._running) >= self._most:
            idle = [each for each in self._running if not (each.visitors or each.busy)]
            if idle:
                # It waits for its page to be loaded again, which somebody else does not.
                idle[0].gone_at = float("-inf")
                idle[0].changed.set()
            elif time.monotonic() > end:
                return False
            await asyncio.sleep(_LOOK_S)
        return True

    def take(self, conversation: str) -> App:
        """The app that has a conversation open; a new one, not started yet, where there is none.

        Whoever takes it tells it when its page is gone. Nothing may be awaited since `has_room` has
        said that there is room.

        Args:
            conversation: The id; empty for a new conversation.
        """
        app = self.find(conversation)
        if app is None:
            app = App(self._start(conversation), conversation)
            self._running.append(app)
            keeper = asyncio.create_task(self._look_after(app))
            self._keepers.add(keeper)
            keeper.add_done_callback(self._keepers.discard)
        app.visitors += 1
        return app

    async def end_all(self) -> None:
        """Ends them all in order."""
        await asyncio.gather(*(app.child.stop() for app in self._running), return_exceptions=True)
        await asyncio.gather(*self._keepers, return_exceptions=True)

    def kill(self) -> None:
        """Ends them all at once."""
        for app in self._running:
            app.child.kill()

    async def _look_after(self, app: App) -> None:
        """Ends an app when it is time, and forgets it once it has ended."""
        try:
            while not app.child.ended:
                left = app.ends_in(self._keep)
                if left is not None and left <= 0:
                    break
                app.changed.clear()
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(app.changed.wait(), left)
            # Whoever asks for the conversation from now on gets an app of its own.
            app.conversation = ""
            await app.child.stop()
        finally:
            self._running.remove(app)
            if app.page is not None:
                with contextlib.suppress(ConnectionError, RuntimeError):
                    await app.page.close()
