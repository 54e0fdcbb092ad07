"""Waits for work on threads that the end of the app need not wait for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import TypeVar

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

    def tell(result: Result | None, error: R1ChatError | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  (None where it returns None)

    def run() -> None:
        result: Result | None = None
        error: R1ChatError | None = None
        try:
            result = work()
        except R1ChatError as raised:
            error = raised
        except Exception as raised:
            log.exception("%s failed", name)
            kind = type(raised).__name__
            error = R1ChatError(f"something went wrong ({kind}); the log has the details")
        # The loop is closed where the app has ended meanwhile.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(tell, result, error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await future
