"""The log file.

It holds tracebacks and llama.cpp's own messages, never local variables and never chat text.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from r1chat import paths

_LIMIT = 4 * 1024 * 1024
_PRIVATE = 0o600
_FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"
_log = logging.getLogger("r1chat")


class _File(logging.Handler):
    """Writes to a file that this user alone may read; gives up in silence where it cannot."""

    def __init__(self) -> None:
        super().__init__()
        self._stream: TextIO | None = None
        self._failed = False

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a record; the first one creates the file."""
        if self._failed:
            return
        try:
            if self._stream is None:
                self._stream = _open(paths.log_file())
            self._stream.write(self.format(record) + "\n")
            self._stream.flush()
        except Exception:  # noqa: BLE001  (what cannot be logged must not break what logs it)
            self._failed = True

    def close(self) -> None:
        """Closes the file; what is logged later is lost."""
        self._failed = True
        if self._stream is not None:
            self._stream.close()
        super().close()


class _Call(logging.Handler):
    """Hands each record to a function."""

    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__()
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        """Formats a record and hands it on."""
        self._show(self.format(record) + "\n")


def start(show: Callable[[str], None] | None = None) -> None:
    """Sends what r1chat logs to the log file, which is created at the first record.

    Args:
        show: Gets each record as well, as text. Then those of little weight are logged too; without
            it only what went wrong is, so that a question costs no more than it must.
    """
    stop()
    _log.propagate = False
    _log.setLevel(logging.WARNING if show is None else logging.DEBUG)
    handlers: list[logging.Handler] = [_File()]
    if show is not None:
        handlers.append(_Call(show))
    for handler in handlers:
        handler.setFormatter(logging.Formatter(_FORMAT))
        _log.addHandler(handler)


def stop() -> None:
    """Ends what `start` began."""
    for handler in [each for each in _log.handlers if isinstance(each, (_File, _Call))]:
        _log.removeHandler(handler)
        handler.close()
    _log.propagate = True


def crash(error: BaseException) -> Path | None:
    """Writes down an exception that nobody expected.

    Returns:
        Where it stands; None if it could not be written.
    """
    try:
        _log.error("nobody expected this", exc_info=error)
        path = paths.log_file()
        return path if path.is_file() else None
    except Exception:  # noqa: BLE001  (a second failure must not hide the first)
        return None


def _open(path: Path) -> TextIO:
    paths.made(path.parent)
    if path.is_file() and path.stat().st_size > _LIMIT:
        path.replace(path.with_name(f"{path.name}.1"))
    # A pipe in its place that nobody reads must not keep r1chat waiting.
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags, _PRIVATE)
    return os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace")
