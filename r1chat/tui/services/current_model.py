"""The model in use and the one on its way: loaded, exchanged once a reply has ended, freed."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from r1chat.models import TINY
from r1chat.sanitize import line
from r1chat.tui.host import Host
from r1chat.tui.services.model_loader import Loader
from r1chat.wording import model_name

if TYPE_CHECKING:
    from r1chat.engine.base import Engine

_REST_S = 0.1
"""How often it is looked whether a reply has ended, where another model waits for that."""
_LOOKING = ""
"""What is on its way while it is looked which model to take."""
_CLOSE_S = 0.3
"""How long the end waits for the engine; what needs longer is left to the system."""


class Display(Protocol):
    """What shows the model, and asks it."""

    @property
    def running(self) -> bool:
        """Whether a reply is under way, which goes on to its end."""

    def show_progress(self, fraction: float | None) -> None:
        """Shows how much of a model is loaded; None where none is on its way."""

    def looking(self) -> None:
        """It is being looked which model there is to take."""

    def unloaded(self, label: str) -> None:
        """There is no model now, and one is on its way."""

    def model_coming(self, label: str) -> None:
        """Another model is on its way."""

    def loaded(self, engine: Engine) -> None:
        """A model is there."""

    def not_loaded(self, missing: str = "") -> None:
        """There is no model, and none on its way."""


class CurrentModel:
    """Owns the engine that answers, and what is to take its place.

    Args:
        host: The app.
        loader: Loads models; what it tells is given to `take`.
        first: The model to begin with; None takes the built-in one.
        display: Tells who shows it; None where the app has ended.
        options: Tells how to load models.
        later: Calls a function after some seconds.
        settled: Called when a model is there, or has failed.
    """

    def __init__(
        self,
        host: Host,
        loader: Loader,
        first: str | None,
        *,
        display: Callable[[], Display | None],
        options: Callable[[], dict[str, Any]],
        later: Callable[[float, Callable[[], None]], object],
        settled: Callable[[], None],
    ) -> None:
        self.engine: Engine | None = None
        self.ref = first or TINY
        """The model that is in use; where there is none, the one that is wished for."""
        self.coming: str | None = None
        """The model that is being loaded."""
        self.arrived: Engine | None = None
        """It, while a reply of the one in use goes on."""
        self._host = host
        self.loader = loader
        self._is_first = first is None
        self._display = display
        self._options = options
        self._later = later
        self._settled = settled
        self._before: str | None = None
        """The model that made room for it, to be loaded again where it fails."""
        self._is_choice = False
        """Whether it is to be remembered once it is loaded."""
        self._was_chosen = False
        """Whether the user has picked one since."""
        self._closing: threading.Thread | None = None

    async def begin(self, find: Callable[[], Awaitable[str | None]]) -> None:
        """Loads the first model.

        Args:
            find: Looks for the one to take where nobody has chosen one; None is the built-in one.
        """
        if not self._is_first:
            self.load(self.ref)
            return
        self.coming = _LOOKING
        display = self._display()
        if display is not None:
            display.looking()
        found = await find()
        # The user may have picked one meanwhile.
        if self.coming == _LOOKING:
            self.load(found or TINY)

    @property
    def found(self) -> str:
        """The model in use, if nobody chose it and it was found on this machine; else empty."""
        is_real = self._is_first and not self._was_chosen and self.ref != TINY
        return self.ref if is_real and self.engine is not None else ""

    @property
    def unset(self) -> bool:
        """Whether the built-in model is there because nobody ever chose one."""
        return self._is_first and self.ref == TINY and self.engine is not None

    def load(self, ref: str) -> None:
        """Loads a model in the background; the one there is stays in use until it is loaded."""
        display = self._display()
        if display is None:
            return
        self._is_choice = False
        self.coming = ref
        if self.engine is None:
            self.ref = ref
            display.unloaded(ref)
        else:
            display.model_coming(ref)
        self.loader.begin(ref, beside=self.engine is not None, **self._options())

    def use(self, ref: str) -> None:
        """Takes a model from now on, once it is loaded."""
        if ref != self.ref or self.engine is None:
            self.load(ref)
            self._is_choice = True
        elif self.coming is not None:
            # The one in use was picked again, while another was on its way.
            self.coming = None
            self.loader.drop()
            display = self._display()
            if display is not None:
                display.show_progress(None)

    def give_up(self, label: str) -> Engine | None:
        """Gives the model away, to be closed; `load` has it back.

        Args:
            label: What takes its place meanwhile.
        """
        old, self.engine = self.engine, None
        display = self._display()
        if display is not None:
            display.unloaded(label)
            display.show_progress(None)
        return old

    # -- what the loader tells --

    def take(self, news: Loader.News) -> None:
        """Does what follows from something that the loader tells."""
        display = self._display()
        match news:
            case Loader.Told(text=text):
                self._host.notify(line(text, 300), severity="warning", markup=False, timeout=10)
            case Loader.Progress(fraction=fraction) if self.coming is not None and display:
                display.show_progress(fraction)
            case Loader.Crowded() if news.ref == self.coming and display:
                self._make_room(news, display)
            case Loader.Failed() if news.ref == self.coming and display:
                self._fail(news, display)
            case Loader.Loaded():
                self._take_loaded(news, display)
            case _:
                pass

    def _make_room(self, news: Loader.Crowded, display: Display) -> None:
        """Gives up the model in use for one that has no room beside it, once it is at rest."""
        if self.engine is None:
            return
        if display.running:
            self._later(_REST_S, partial(self.take, news))
            return
        old, self.engine = self.engine, None
        self._before, self.ref = self.ref, news.ref
        display.unloaded(news.ref)
        self.loader.begin(news.ref, after=old, **self._options())

    def _fail(self, news: Loader.Failed, display: Display) -> None:
        self.coming = None
        self._host.offered = news.missing or ""
        before, self._before = self._before, None
        reason = line(news.reason, 400)
        if self.engine is not None:
            display.show_progress(None)
            reason += f" · {model_name(self.ref, 60)} stays in use."
            self._host.refresh_bindings()
        elif self._is_first and not self._is_choice and news.ref != TINY:
            reason += " · The built-in model takes its place."
            self.load(TINY)
        elif before is not None:
            reason += f" · {model_name(before, 60)} is loaded again."
            self.load(before)
        else:
            display.not_loaded(self._host.offered)
        self._host.notify(reason, severity="error", markup=False, timeout=15)
        self._settled()

    def _take_loaded(self, news: Loader.Loaded, display: Display | None) -> None:
        self.arrived = None
        if news.ref != self.coming or display is None:
            # Another one was wished for meanwhile, or the app is ending.
            news.engine.close()
            return
        if display.running:
            # The one in use writes its reply to the end.
            self.arrived = news.engine
            self._later(_REST_S, partial(self.take, news))
            return
        old, self.engine = self.engine, news.engine
        self.coming = self._before = None
        self.ref = news.ref
        if old is not None and old is not self.engine:
            threading.Thread(target=old.close, name="r1chat-close", daemon=True).start()
        if self._is_choice:
            self._was_chosen = True
            self._host.remember(model=news.ref)
        display.loaded(news.engine)
        self._settled()

    # -- the end --

    def close(self) -> None:
        """Frees the models, and waits a moment for that; what is being written is broken off."""
        engine, self.engine = self.engine, None
        if engine is not None:
            engines = [each for each in (engine, self.arrived) if each is not None]
            self._closing = threading.Thread(target=_close, args=(engines,), daemon=True)
            self._closing.start()
            self._closing.join(_CLOSE_S)

    @property
    def freed(self) -> bool:
        """Whether nothing is loaded or freed any more; else only the end of the process ends it."""
        closing = self._closing is not None and self._closing.is_alive()
        return not closing and not self.loader.busy


def _close(engines: Iterable[Engine]) -> None:
    for engine in engines:
        engine.close()
