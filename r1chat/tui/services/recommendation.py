"""After the start: names the model to begin with, and the downloads that were not finished."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from r1chat import paths
from r1chat.errors import R1ChatError
from r1chat.formatting import counted, format_bytes
from r1chat.tui.threads import on_thread
from r1chat.wording import model_name

if TYPE_CHECKING:
    from r1chat.hub.inventory import Survey
    from r1chat.hub.machine import Machine
    from r1chat.tui.host import Host
    from r1chat.tui.services.downloads import Downloads
    from r1chat.tui.services.known_models import KnownModels

log = logging.getLogger(__name__)

_TOAST_S = 10.0
_FOUND = (
    "\n\n{name} was found on this machine. F3 shows what else there is, and what to download."
    "\n{machine}"
)
_MACHINE = "This machine: {free} of {total} memory free, {threads}."


class Recommendation:
    """Recommends a model to a user who has chosen none.

    Args:
        host: Shows it.
        known: What is known of models.
        downloads: The app's downloads.
    """

    def __init__(self, host: Host, known: KnownModels, downloads: Downloads) -> None:
        self.row = ""
        """The row of the models screen that has the model to begin with."""
        self._host = host
        self._known = known
        self._downloads = downloads

    async def make(self) -> None:
        """Looks around, and recommends the best of what is here, else what to download."""
        unset, unfinished = self._host.unset, paths.downloads_file().is_file()
        if not (unset or unfinished or self._host.found):
            # Whoever has chosen a model may never look for another.
            return
        try:
            survey = await self._known.look_around()
            if unfinished:
                await on_thread(self._downloads.open)
        except R1ChatError as error:
            log.warning("%s", error)
            return
        if self._host.found:
            name = model_name(self._host.found, 60)
            self._host.recommend(_FOUND.format(name=name, machine=_words(survey.machine)))
        elif unset:
            self._offer(survey)
        for each in (each for each in self._downloads.pending if each.paused):
            if each.ref == self._host.offered:
                continue
            text = f"{each.name} is not downloaded to its end ({each.percent}): F3 resumes it."
            self._host.notify(text, markup=False, timeout=_TOAST_S)

    def _offer(self, survey: Survey) -> None:
        from r1chat.tui.welcome import Welcome

        offer = survey.recommended
        self.row = f"offer {offer.entry.name if offer.entry else offer.ref}"
        self._host.offered = offer.ref
        begun = next((each for each in self._downloads.pending if each.ref == offer.ref), None)
        own_folders = bool(self._host.settings.folders)
        self._host.welcome(Welcome.of(survey, begun=begun, own_folders=own_folders))
        self._host.refresh_bindings()


def _words(machine: Machine) -> str:
    """The machine in a line; nothing where its memory is unknown."""
    if not machine.ram_total:
        return ""
    return _MACHINE.format(
        free=format_bytes(machine.ram_free),
        total=format_bytes(machine.ram_total),
        threads=counted(machine.threads, "thread"),
    )
