"""A screen that is closed once, however often one asks for it."""

from __future__ import annotations

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import Screen

Result = TypeVar("Result")


class Once(Screen[Result]):
    """Stands behind Textual's own screens, whose `dismiss` closes whichever screen is in front.

    A second Enter or click, which comes before the screen is gone, would close the one below, and
    have done twice what is to be done with the result.
    """

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        """Closes the screen, unless it is closed already."""
        if self.app.screen is not self:
            return AwaitComplete()
        return super().dismiss(result)
