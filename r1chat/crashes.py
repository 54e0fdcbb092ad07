"""Ends the process in one line when native code has crashed.

Python's own signal handlers run when the interpreter comes round again, and a thread that has just
crashed in native code never lets it: it would meet the same fault over and over. So the handlers
here are C functions, made by ctypes, that say what happened and leave at once. They run while the
interpreter works as usual: native code is called without its lock.

Nothing is caught unless a program asks for it: whoever uses r1chat as a library has handlers of
its own.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

_FAILED, _NO_MODEL = 1, 3
_REASONS = {
    "SIGBUS": (
        _NO_MODEL,
        "the model's file was cut or cannot be read any more: download or copy it again",
    ),
    "SIGILL": (
        _FAILED,
        "llama.cpp was built for another processor; `r1chat doctor` says what to install",
    ),
    "SIGABRT": (_FAILED, "llama.cpp has given up on this model; the log has the details"),
    "SIGSEGV": (_FAILED, "llama.cpp has crashed (SIGSEGV); the log has the details"),
    "SIGFPE": (_FAILED, "llama.cpp has crashed (SIGFPE); the log has the details"),
}

Report = Callable[[str, int], None]
"""Tells the user what happened, without locks that another thread may hold: the message, and the
exit code that follows."""

_report: Report | None = None
_handlers: list[Any] = []


def tell_by(report: Report | None) -> None:
    """Says how the user learns of a crash; None leaves crashes to the system."""
    global _report  # noqa: PLW0603  (signals are the whole process's)
    _report = report


def catch() -> None:
    """Catches crashes from now on, if somebody wants to tell of them. Called by the engine."""
    if _report is None or _handlers:
        return
    import ctypes

    kind = ctypes.CFUNCTYPE(None, ctypes.c_int)
    handler = kind(_end)
    # Whatever is caught here must be kept: the system has its address.
    _handlers.append(handler)
    set_handler = getattr(ctypes.CDLL(None), "signal", None) if os.name == "posix" else None
    if set_handler is None:
        return
    set_handler.restype = ctypes.c_void_p
    set_handler.argtypes = (ctypes.c_int, kind)
    for name in _REASONS:
        set_handler(getattr(signal, name), handler)


def _end(number: int) -> None:
    code, message = _REASONS.get(signal.Signals(number).name, (_FAILED, "llama.cpp has crashed"))
    try:
        if _report is not None:
            _report(message, code)
    finally:
        os._exit(code)
