"""Another model for one reply: loaded beside the model in use, or for a while in its place."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from r1chat.errors import R1ChatError
from r1chat.tui.services.current_model import CurrentModel
from r1chat.tui.services.model_loader import Fits, Load
from r1chat.tui.threads import on_thread

if TYPE_CHECKING:
    # What a reply needs is imported with the first one: the first frame has none.
    from r1chat.engine.base import Engine
    from r1chat.events import Event
    from r1chat.reasoning.control import Control
    from r1chat.tui.services.known_models import KnownModels

_LOOK_S = 0.05
_STOPPED = "stopped before its model was loaded"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that could answer."""

    ref: str
    about: str


class GuestModel:
    """Has another model than the one in use answer once.

    Args:
        current: The model in use, which makes room where there is none for two.
        load: Loads a model.
        fits: Says whether there is room for one beside another.
        options: Tells how to load models.
        known: Tells what models there are.
    """

    def __init__(
        self,
        current: CurrentModel,
        load: Load,
        fits: Fits,
        *,
        options: Callable[[], dict[str, Any]],
        known: Callable[[], KnownModels],
    ) -> None:
        self._current = current
        self._load = load
        self._fits = fits
        self._options = options
        self._known = known
        self._away = ""
        """The model that made room, and comes back."""
        self._answering = False
        self._threads: list[threading.Thread] = []

    @property
    def busy(self) -> bool:
        """Whether there is one still, which the end of the app cannot wait for."""
        return self._answering or any(thread.is_alive() for thread in self._threads)

    async def candidates(self) -> list[Candidate]:
        """The models that could answer: those on this machine, and what named servers have said.

        Raises:
            ModelError: If the catalogue is damaged.
        """
        from r1chat.formatting import format_bytes

        known = self._known()
        survey = await known.look_around()
        found = [
            Candidate(each.ref, f"{each.quant} · {format_bytes(each.size)}")
            for each in survey.local
            if not each.problem
        ]
        for server in known.served.values():
            served = server.models or ()
            found += [Candidate(f"{server.name}#{each.id}", server.url) for each in served]
        engine = self._current.engine
        in_use = {self._current.ref, engine.info.ref if engine is not None else ""}
        # By their references, each once: another server's model may be called the same.
        several = {each.ref: each for each in found if each.ref not in in_use}
        return list(several.values())

    async def make_room(self, ref: str) -> Engine | None:
        """Looks whether a model fits beside the one in use, which is given up else.

        Args:
            ref: The model.

        Returns:
            The one that was given up, to be closed before the other is loaded.

        Raises:
            R1ChatError: If there is no such model.
        """
        options = self._loading()
        if await on_thread(lambda: self._fits(ref, **options), "r1chat-fits"):
            return None
        self._away = self._current.ref
        return self._current.give_up(ref)

    def is_back(self) -> None:
        """Loads the model again that made room, if one did."""
        away, self._away = self._away, ""
        if away:
            self._current.load(away)

    def _loading(self) -> dict[str, Any]:
        # A conversation's saved state is its own model's.
        return {**self._options(), "samples": 1, "states": None}

    def answers(
        self,
        ref: str,
        ask: Callable[[Engine], Iterator[Event]],
        control: Control,
        given_up: Engine | None = None,
    ) -> Iterator[Event]:
        """Loads a model, asks it, and frees it again. On the thread that reads the events.

        Args:
            ref: The model.
            ask: Asks it.
            control: Steers the reply.
            given_up: The model that made room.

        Yields:
            How much is loaded, then what comes of `ask`.

        Raises:
            R1ChatError: If it cannot be loaded, or the user does not want it any more.
        """
        self._answering = True
        try:
            if given_up is not None:
                given_up.close()
            engine = yield from self._loaded(ref, control)
            try:
                yield from ask(engine)
            finally:
                engine.close()
        finally:
            self._answering = False

    def _loaded(self, ref: str, control: Control) -> Generator[Event, None, Engine]:
        """Loads it on a thread of its own: what is loaded cannot be stopped, but left alone."""
        from r1chat.events import Loading, Notice

        load = _OneLoad(lambda **news: self._load(ref, **news, **self._loading()))
        self._threads = [each for each in self._threads if each.is_alive()] + [load.thread]
        shown = -1
        while True:
            match load.news():
                case float(fraction) if int(fraction * 100) != shown:
                    shown = int(fraction * 100)
                    yield Loading(fraction)
                case str(text):
                    yield Notice(text)
                case BaseException() as error:
                    raise error
                case None | float():
                    if control.cancelled:
                        load.abandon()
                        raise R1ChatError(_STOPPED)
                case engine:
                    return engine


class _OneLoad:
    """A model that is being loaded.

    Args:
        load: Loads it; takes what is called with its news.
    """

    def __init__(self, load: Callable[..., Engine]) -> None:
        self._load = load
        self._news: SimpleQueue[Engine | BaseException | float | str] = SimpleQueue()
        self._lock = threading.Lock()
        self._abandoned = False
        self.thread = threading.Thread(target=self._work, name="r1chat-guest", daemon=True)
        self.thread.start()

    def _work(self) -> None:
        try:
            engine = self._load(on_progress=self._news.put, on_notice=self._news.put)
        except Exception as error:  # noqa: BLE001  (raised where it is waited for)
            self._news.put(error)
            return
        with self._lock:
            if not self._abandoned:
                self._news.put(engine)
                return
        engine.close()

    def news(self) -> Engine | BaseException | float | str | None:
        """What has happened: a part is loaded, something is to be known, it is there, or failed."""
        try:
            return self._news.get(timeout=_LOOK_S)
        except Empty:
            return None

    def abandon(self) -> None:
        """Frees it as soon as it is there: nobody waits for it any more."""
        with self._lock:
            self._abandoned = True
        while (news := self.news()) is not None:
            if not isinstance(news, (BaseException, float, str)):
                news.close()
