"""The app's downloads: they go on whatever screen is shown, and end in a model that is used."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.message import Message

from r1chat import paths
from r1chat.errors import ModelError, R1ChatError
from r1chat.formatting import format_bytes, format_duration, format_speed
from r1chat.sanitize import line
from r1chat.tui import keys
from r1chat.tui.fetch import Fetch
from r1chat.tui.hub import Hub, Quant
from r1chat.tui.shelf import Served, Shelf
from r1chat.tui.threads import on_thread

if TYPE_CHECKING:
    from r1chat.hub.catalogue import Distill
    from r1chat.hub.fit import Fit
    from r1chat.hub.local import LocalModel
    from r1chat.hub.queue import Downloads, Job
    from r1chat.hub.variants import Variant
    from r1chat.tui.fetching_app import FetchingApp

log = logging.getLogger(__name__)

_TOAST_S = 10.0
_ANSWERS_S = 12.0
"""How long a server has to list its models, all that comes before it included."""
_TOY = "\n\nThe built-in model is a toy for arithmetic. "
_OFFER = (
    _TOY + "{name} ({quant}, {size}) {well}{pace}:\n{key} fetches it, F3 shows what else there is."
)
_HERE = _TOY + "{name} ({quant}) is on this machine: F3 uses it."


class Fetching:
    """What is known of models, and the downloads.

    Args:
        app: Is told what changes, and uses what is here.
        hub: Looks things up.
    """

    class Changed(Message):
        """A download has got on, or ended."""

    def __init__(self, app: FetchingApp, hub: Hub) -> None:
        self.hub = hub
        self.shelf: Shelf | None = None
        """What was seen last; None before anybody looked."""
        self.served: dict[str, Served] = {}
        """What named servers have said of themselves, by their names."""
        self.begin_with = ""
        """The row of the model to begin with, where nobody chose one yet."""
        self._app = app
        self._downloads: Downloads | None = None
        self._known: dict[str, tuple[str, Fit | None]] = {}
        """References and fits of downloads, by their keys."""
        self._chosen = ""
        """The download whose model is to be used when it is here."""
        self._ended: set[str] = set()
        self._told = False
        self._lock = threading.Lock()

    # -- looking --

    async def look_around(self) -> Shelf:
        """Looks what there is on this machine, on a thread.

        Raises:
            ModelError: If the catalogue is damaged.
        """
        self.shelf = await on_thread(self.hub.shelf, "r1chat-look")
        return self.shelf

    async def ask_servers(self, then: Callable[[], object], name: str | None = None) -> None:
        """Asks named servers what models they have, all at the same time.

        What one has said before stands until it says something else.

        Args:
            then: Is called whenever there is something new to show.
            name: The one to ask; by default all of them.
        """
        known = await on_thread(self.hub.servers, "r1chat-servers")
        self.served = {
            each: self.served.get(each) or Served(each, url) for each, url in sorted(known.items())
        }
        asked = [each for each in known if name in {None, each}]
        for each in asked:
            if not self.served[each].models or self.served[each].url != known[each]:
                self.served[each] = Served(each, known[each])
        then()

        async def ask(each: str) -> None:
            url = known[each]
            try:
                asking = on_thread(lambda: self.hub.served(each, url), f"r1chat-ask-{each}")
                said = Served(each, url, await asyncio.wait_for(asking, _ANSWERS_S))
            except asyncio.TimeoutError:
                # A name that is looked up for a minute, a keyring that asks something.
                problem = (
                    f"no answer within {format_duration(_ANSWERS_S, trim=True)}: is it running?"
                )
                said = Served(each, url, problem=problem)
            except R1ChatError as error:
                said = Served(each, url, problem=str(error))
            if each in self.served:
                self.served[each] = said
            then()

        await asyncio.gather(*map(ask, asked))

    async def greet(self) -> None:
        """After the start: offers the recommended distill, and what was not fetched to its end."""
        unset, unfinished = self._app.unset, paths.downloads_file().is_file()
        if not (unset or unfinished):
            # Whoever has a model may never look for another.
            return
        try:
            known = await self.look_around()
            if unfinished:
                await on_thread(self.begin)
        except R1ChatError as error:
            log.warning("%s", error)
            return
        if unset:
            self._recommend(known)
        for fetch in (each for each in self.fetches if each.paused):
            text = f"{fetch.name} was not fetched to its end ({fetch.percent}): F3 goes on with it."
            self._app.notify(text, markup=False, timeout=_TOAST_S)

    def _recommend(self, known: Shelf) -> None:
        """Names the model to begin with: the best of those that are here, or one to fetch."""
        here = [
            (distill.scores.aime_pass1 or 0.0, model, distill)
            for model in known.local
            if (distill := known.distills.get(model.ref)) and self._usable(known, model)
        ]
        if here:
            _, model, distill = max(here, key=lambda each: each[0])
            self.begin_with = f"here {model.ref}"
            self._app.chat.recommend(_HERE.format(name=distill.name, quant=model.quant))
            return
        offer = known.recommended
        pace = offer.fit.tokens_per_s
        self.begin_with = f"offer {offer.distill.name}"
        self._app.offered = offer.ref
        self._app.chat.recommend(
            _OFFER.format(
                name=offer.distill.name,
                quant=offer.quant,
                size=format_bytes(offer.size),
                well="would run well here" if offer.fit.mark == "fits" else "is the smallest one",
                pace=f", at about {format_speed(pace, estimated=True)}" if pace else "",
                key=keys.shown(self._app.shown_keys()["app.fetch"]),
            )
        )
        self._app.refresh_bindings()

    @staticmethod
    def _usable(known: Shelf, model: LocalModel) -> bool:
        fit = known.fits.get(model.ref)
        return not model.problem and (fit is None or fit.mark != "no")

    # -- downloads --

    @property
    def fetches(self) -> list[Fetch]:
        """The downloads that go on, wait, or failed."""
        return [self._fetch(job) for job in self._jobs() if job.phase != "done"]

    @property
    def current(self) -> Fetch | None:
        """The one to be shown where there is room for one."""
        fetches = self.fetches
        return next((each for each in fetches if each.active and each.progress), None) or next(
            iter(fetches), None
        )

    def _jobs(self) -> list[Job]:
        return [] if self._downloads is None else list(self._downloads.jobs)

    def _fetch(self, job: Job) -> Fetch:
        variant = job.variant
        key = _key(job)
        distill = self._distill(variant)
        if key not in self._known:
            self._known[key] = self._of_an_earlier_run(variant, distill)
        ref, fit = self._known[key]
        return Fetch(
            key=key,
            ref=ref,
            repo=variant.repo,
            name=distill.name if distill else line(variant.repo.rpartition("/")[2], 96),
            quant=line(variant.quant, 32),
            total=variant.size,
            job=job,
            progress=job.progress,
            failure=line(str(job.error), 300) if job.phase == "failed" else "",
            fit=fit,
        )

    def _distill(self, variant: Variant) -> Distill | None:
        offers = self.shelf.offers if self.shelf else ()
        repo = variant.repo.lower()
        return next((o.distill for o in offers if repo in map(str.lower, o.distill.repos)), None)

    def _of_an_earlier_run(
        self, variant: Variant, distill: Distill | None
    ) -> tuple[str, Fit | None]:
        """The reference of a download that was remembered, and how it fits."""
        if distill is None or self.shelf is None or not variant.quant or variant.shared:
            return variant.ref, None
        fit = self.hub.fit(distill, variant.size, self.shelf.machine)
        return f"{distill.name}-{variant.quant.lower()}", fit

    def begin(self) -> Downloads:
        """The queue, made when it is first needed; on any thread."""
        with self._lock:
            if self._downloads is None:
                from r1chat.hub.queue import Downloads

                self._downloads = Downloads(self.hub.remote(), self._tell)
            return self._downloads

    def _tell(self) -> None:
        """Called from the downloads' threads."""
        if not self._told:
            self._told = True
            self._app.post_message(self.Changed())

    async def fetch(self, ref: str, quant: Quant | None = None) -> bool:
        """Begins to fetch a model, which is used when it is here.

        Args:
            ref: What to fetch.
            quant: The same, where it has been looked up.

        Returns:
            False where it does not fit and the user leaves it.

        Raises:
            NetworkError: If the Hub cannot be reached.
            ModelError: If it has no such model.
            UsageError: If the reference is malformed.
        """
        from r1chat.hub.reference import parse

        known = self.shelf or await self.look_around()
        if quant is None or quant.variant is None:
            wanted = parse(ref)
            if wanted is None:
                message = f"{line(ref)} is nothing that the Hub has"
                raise ModelError(message)
            quant = await on_thread(lambda: self.hub.resolve(wanted, known.machine))
        variant = quant.variant
        if variant is None or not await self._wanted(quant):
            return False
        job = await on_thread(lambda: self.begin().add(variant))
        key = _key(job)
        self._known[key] = (quant.ref, quant.fit)
        self._chosen = key
        self._tell()
        return True

    async def _wanted(self, quant: Quant) -> bool:
        """Asks before something is fetched that cannot be used."""
        from r1chat.tui.screens.question import Question

        fit = quant.fit
        if fit is None or fit.mark != "no":
            return True
        answers = [("no", "Leave it")]
        shorter = self.hub.shorter(quant, self.shelf.machine) if self.shelf else None
        if shorter is not None:
            words = f"Fetch it, and take {shorter:,} tokens of context from now on"
            answers.append(("shorter", words))
        answers.append(("yes", f"Fetch the {format_bytes(quant.size)} all the same"))
        answer = await self._app.push_screen_wait(
            Question(
                f"{quant.ref} does not fit this machine",
                f"{fit.arithmetic}.\nIt would not be loaded here as things are.",
                answers,
            )
        )
        if answer == "shorter":
            self._app.remember(ctx=shorter)
        return answer in {"shorter", "yes"}

    def choose(self, fetch: Fetch) -> None:
        """Has a download's model used as soon as it is here."""
        self._chosen = fetch.key

    def forget_choice(self) -> None:
        """Another model was picked meanwhile: what is being fetched is only kept."""
        self._chosen = ""

    def pause(self, fetch: Fetch) -> None:
        """Pauses a download."""
        self.begin().pause(fetch.job)

    def resume(self, fetch: Fetch) -> None:
        """Goes on with a download that was paused or failed."""
        self.begin().resume(fetch.job)

    def cancel(self, fetch: Fetch, *, drop: bool) -> None:
        """Stops a download.

        Args:
            fetch: The download.
            drop: Whether what is here of it is deleted.
        """
        self.begin().cancel(fetch.job, drop=drop)

    def close(self) -> None:
        """Ends all downloads; what is here of them is kept."""
        if self._downloads is not None:
            self._downloads.close()

    # -- what changes --

    def look(self) -> None:
        """Shows how far the downloads are, and uses what has come."""
        self._told = False
        current = self.current
        self._app.chat.topbar.fetching = current.state if current else ""
        for job in self._jobs():
            key = _key(job)
            if job.phase not in {"done", "failed"}:
                self._ended.discard(key)
                continue
            if key in self._ended:
                continue
            self._ended.add(key)
            fetch = self._fetch(job)
            if fetch.failure:
                self._app.notify(fetch.line, severity="error", markup=False, timeout=_TOAST_S)
            else:
                self._came(fetch)
        self._show()

    def _came(self, fetch: Fetch) -> None:
        """Uses a model that is here now, if it was chosen and nobody is disturbed by it."""
        chosen, self._chosen = self._chosen == fetch.key, ""
        name = f"{fetch.name} {fetch.quant}"
        if chosen and not (self._app.chat.running or self._app.chat.steering):
            self._app.notify(f"{name} is here.", markup=False)
            self._app.use_model(fetch.ref)
        else:
            self._app.notify(f"{name} is here: F3 uses it.", markup=False, timeout=_TOAST_S)
        self._app.announce(f"{name} is here.")
        self._app.run_worker(self._look_again(), group="look-again", exclusive=True)

    async def _look_again(self) -> None:
        with contextlib.suppress(R1ChatError):
            await self.look_around()
        self._show()

    def _show(self) -> None:
        from r1chat.tui.screens.models_list import ModelsListScreen

        for screen in self._app.screen_stack:
            if isinstance(screen, ModelsListScreen) and screen.is_mounted:
                screen.show_rows()


def _key(job: Job) -> str:
    return f"{job.variant.repo} {job.variant.files[0].path} {job.variant.commit}"
