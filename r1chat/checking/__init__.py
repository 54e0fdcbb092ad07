"""Whether two answers are the same: by arithmetic, and as mathematics where math-verify is."""

from __future__ import annotations

from r1chat.checking.mathematics import Checker, prepare, same

__all__ = ["Checker", "prepare", "same"]
