"""Waits for work on threads that the end of the app need not wait for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from textual.css.query import NoMatches
from textual.screen import Screen

from r1chat.errors import R1ChatError

log = logging.getLogger(__name__)

Result = TypeVar("Result")


async def on_thread(work: Callable[[], Result], name: str = "r1chat-work") -> Result:
    """Does something slow, such as asking the Hub, and waits for it without holding up the screen.

    asyncio's own threads would hold up the end of the app until the network has answered.

    Args:
        work: What to do. It goes on to its end even where nobody waits for it any more.
        name: The thread's.

    Returns:
        What it returns.

    Raises:
        R1ChatError: What it raises; in the place of anything unexpected one that says so.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def give(result: Result) -> None:
        if not future.done():
            future.set_result(result)

    def fail(error: R1ChatError) -> None:
        if not future.done():
            future.set_exception(error)

    def run() -> None:
        # The loop is closed where the app has ended meanwhile.
        with contextlib.suppress(RuntimeError):
            try:
                result = work()
            except R1ChatError as error:
                loop.call_soon_threadsafe(fail, error)
            except Exception as error:
                log.exception("%s failed", name)
                kind = type(error).__name__
                reason = f"something went wrong ({kind}); the log has the details"
                loop.call_soon_threadsafe(fail, R1ChatError(reason))
            else:
                loop.call_soon_threadsafe(give, result)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await future


async def while_shown(screen: Screen[Any], work: Awaitable[None]) -> None:
    """Does a screen's work, and ignores widgets that are gone once the screen is closed.

    Textual stops such work only after the screen's widgets are gone.

    Args:
        screen: Whose widgets are looked for.
        work: The work.
    """
    try:
        await work
    except NoMatches:
        if screen.is_running and screen in screen.app.screen_stack:
            raise
