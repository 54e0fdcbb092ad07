"""The error of a Hub that asks to be tried again later."""

from __future__ import annotations

from r1chat.errors import NetworkError


class Busy(NetworkError):  # noqa: N818  (a state that passes)
    """The Hub cannot be reached or does not keep up; it may later.

    Attributes:
        wait_s: How long it asked to be left alone, in seconds; None if it did not say.
    """

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s
