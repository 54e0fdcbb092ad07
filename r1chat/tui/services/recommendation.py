"""After the start: names the model to begin with, and the downloads that were not finished."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from r1chat import keymap, paths
from r1chat.errors import R1ChatError
from r1chat.formatting import format_bytes, format_speed
from r1chat.tui.threads import on_thread

if TYPE_CHECKING:
    from r1chat.hub.inventory import Survey
    from r1chat.hub.local import LocalModel
    from r1chat.tui.host import Host
    from r1chat.tui.services.downloads import Downloads
    from r1chat.tui.services.known_models import KnownModels

log = logging.getLogger(__name__)

_TOAST_S = 10.0
_TOY = "\n\nThe built-in model is a toy for arithmetic. "
_OFFER = (
    _TOY + "{name} ({quant}, {size}) {well}{pace}:\n"
    "{key} downloads it, F3 shows what else there is."
)
_HERE = _TOY + "{name} ({quant}) is on this machine: F3 uses it."


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
        if not (unset or unfinished):
            # Whoever has a model may never look for another.
            return
        try:
            survey = await self._known.look_around()
            if unfinished:
                await on_thread(self._downloads.open)
        except R1ChatError as error:
            log.warning("%s", error)
            return
        if unset:
            self._recommend(survey)
        for each in (each for each in self._downloads.pending if each.paused):
            text = f"{each.name} is not downloaded to its end ({each.percent}): F3 resumes it."
            self._host.notify(text, markup=False, timeout=_TOAST_S)

    def _recommend(self, survey: Survey) -> None:
        here = [
            (entry.scores.aime_pass1 or 0.0, model, entry)
            for model in survey.local
            if (entry := survey.entries.get(model.ref)) and _is_usable(survey, model)
        ]
        if here:
            _, model, entry = max(here, key=lambda each: each[0])
            self.row = f"here {model.ref}"
            self._host.recommend(_HERE.format(name=entry.name, quant=model.quant))
            return
        offer, fit = survey.recommended, survey.recommended.fit
        name = offer.entry.name if offer.entry else offer.ref
        pace = fit.tokens_per_s if fit else None
        fits_well = fit is not None and fit.mark == "fits"
        self.row = f"offer {name}"
        self._host.offered = offer.ref
        self._host.recommend(
            _OFFER.format(
                name=name,
                quant=offer.quant,
                size=format_bytes(offer.size),
                well="would run well here" if fits_well else "is the smallest one",
                pace=f", at about {format_speed(pace, estimated=True)}" if pace else "",
                key=keymap.shown(self._host.shown_keys()["app.fetch"]),
            )
        )
        self._host.refresh_bindings()


def _is_usable(survey: Survey, model: LocalModel) -> bool:
    fit = survey.fits.get(model.ref)
    return not model.problem and (fit is None or fit.mark != "no")
