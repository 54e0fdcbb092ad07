"""Chat with distilled R1 models on your own machine; watch, measure and steer their thinking."""

from __future__ import annotations

from r1chat.version import __version__

# As type checkers know it; importing `typing` for it would double the time of `--version`.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from r1chat.compose import load
    from r1chat.reasoning.budget import Budget
    from r1chat.reasoning.control import Control
    from r1chat.reasoning.formats import Format
    from r1chat.reasoning.splitter import Piece, Splitter, split
    from r1chat.sanitize import Sanitizer, sanitize
    from r1chat.session import Session

_HOMES = {
    "Budget": "r1chat.reasoning.budget",
    "Control": "r1chat.reasoning.control",
    "Format": "r1chat.reasoning.formats",
    "Piece": "r1chat.reasoning.splitter",
    "Sanitizer": "r1chat.sanitize",
    "Session": "r1chat.session",
    "Splitter": "r1chat.reasoning.splitter",
    "load": "r1chat.compose",
    "sanitize": "r1chat.sanitize",
    "split": "r1chat.reasoning.splitter",
}

__all__ = [
    "Budget",
    "Control",
    "Format",
    "Piece",
    "Sanitizer",
    "Session",
    "Splitter",
    "__version__",
    "load",
    "sanitize",
    "split",
]


def __getattr__(name: str) -> object:
    """Imports a public name when it is first used, so that `import r1chat` stays cheap."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    import importlib

    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
