"""Times as people say them."""

from __future__ import annotations

_MINUTE = 60


def duration(seconds: float) -> str:
    """Seconds as people say them: "0.02 s", "0.4 s", "12 s", "2 min 05 s"."""
    if 0 < seconds < 0.095:  # noqa: PLR2004  (no time at all it never takes)
        return f"{max(seconds, 0.01):.2f} s"
    if seconds < 9.95:  # noqa: PLR2004  (below it the tenths tell something)
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
