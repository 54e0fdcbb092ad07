"""A list of options that may change between what is seen of it and a click."""

from __future__ import annotations

import contextlib

from textual import events
from textual.widgets import OptionList


class Options(OptionList):
    """Textual's own, which raises where the option that was clicked is there no longer.

    Its border for the focus would come with the press of a click and have the release meet another.
    """

    DEFAULT_CSS = """
    Options, Options:focus { border: none; }
    """

    def clicked(self, event: events.Click) -> int | None:
        """The number of the option that was clicked, if it is there and can be chosen."""
        number: int | None = event.style.meta.get("option")
        if number is None or not 0 <= number < self.option_count:
            return None
        return None if self.options[number].disabled else number

    def action_page_down(self) -> None:
        """Goes down a page; nowhere until Textual knows in which lines the options stand."""
        with contextlib.suppress(KeyError):
            super().action_page_down()  # type: ignore[no-untyped-call]

    def action_page_up(self) -> None:
        """Goes up a page; nowhere until Textual knows in which lines the options stand."""
        with contextlib.suppress(KeyError):
            super().action_page_up()  # type: ignore[no-untyped-call]

    async def _on_click(self, event: events.Click) -> None:
        if self.clicked(event) is None:
            event.prevent_default()


class Rows(Options):
    """Options of which a click moves the cursor, and a second one on the same chooses it."""

    async def _on_click(self, event: events.Click) -> None:
        clicked = self.clicked(event)
        event.prevent_default()
        if clicked is None:
            return
        if clicked == self.highlighted:
            self.action_select()
        else:
            self.highlighted = clicked
