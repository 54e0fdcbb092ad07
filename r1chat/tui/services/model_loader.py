"""Loads models on threads of their own; what was wished for last is what counts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from textual.app import App
from textual.message import Message

from r1chat.errors import MissingModel, R1ChatError
from r1chat.offload import GpuLayers

if TYPE_CHECKING:
    from r1chat.engine.base import Engine

log = logging.getLogger(__name__)


class Load(Protocol):
    """What loads a model: `r1chat.compose.load`, or a test's own."""

    def __call__(
        self,
        ref: str,
        *,
        ctx: int | None = None,
        threads: int | None = None,
        gpu_layers: GpuLayers | None = None,
        tensor_split: str | None = None,
        samples: int = 1,
        on_progress: Callable[[float], None] | None = None,
        on_notice: Callable[[str], None] | None = None,
    ) -> Engine:
        """Loads a model."""


def load_model(ref: str, **options: Any) -> Engine:  # noqa: ANN401  (as `compose.load` has them)
    """Loads a model; llama.cpp is imported here, on the loader's thread, and not before."""
    import r1chat.tui.widgets.sampled  # noqa: F401  (the first question will need it)
    from r1chat.compose import load

    return load(ref, **options)


class Fits(Protocol):
    """What says whether there is room for a model beside the one that is loaded."""

    def __call__(self, ref: str, **options: Any) -> bool:  # noqa: ANN401  (as `Load` has them)
        """Whether there is."""


def fits_beside(ref: str, **options: Any) -> bool:  # noqa: ANN401  (as `compose` has them)
    """Asks the engine's own arithmetic."""
    from r1chat.compose import fits_beside

    return fits_beside(ref, **options)


class Loader:
    """Loads models for an app and tells it by messages.

    Args:
        app: Gets the messages.
        load: Loads a model.
        fits: Says whether there is room for one beside another.
    """

    class News(Message):
        """Something about the model that is being loaded."""

    class Progress(News):
        """More of a model is loaded."""

        def __init__(self, fraction: float) -> None:
            super().__init__()
            self.fraction = fraction
            """0 to 1."""

    class Told(News):
        """Something that the user should know meanwhile."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text
            """One line."""

    class Loaded(News):
        """A model is there."""

        def __init__(self, ref: str, engine: Engine) -> None:
            super().__init__()
            self.ref = ref
            self.engine = engine

    class Failed(News):
        """A model could not be loaded."""

        def __init__(self, ref: str, reason: str, missing: str | None = None) -> None:
            super().__init__()
            self.ref = ref
            self.reason = reason
            """One line."""
            self.missing = missing
            """What could be downloaded to mend it."""

    class Crowded(News):
        """There is no room for a model as long as the other one is loaded."""

        def __init__(self, ref: str) -> None:
            super().__init__()
            self.ref = ref

    def __init__(self, app: App[Any], load: Load, fits: Fits = fits_beside) -> None:
        self._app = app
        self._load = load
        self._fits = fits
        self._lock = threading.Lock()
        self._number = 0
        self._threads: list[threading.Thread] = []

    @property
    def busy(self) -> bool:
        """Whether a model is being loaded or freed. It cannot be waited for at the end."""
        return any(thread.is_alive() for thread in self._threads)

    def drop(self) -> None:
        """Drops what is being loaded."""
        self._number += 1

    def begin(
        self,
        ref: str,
        *,
        beside: bool = False,
        after: Engine | None = None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        """Loads a model in the background; what was being loaded before is dropped.

        Args:
            ref: The model.
            beside: Whether another one is loaded and stays so; where there is no room for two,
                `Crowded` says so, and nothing is loaded.
            after: Is closed first.
            **options: More for the function that loads.
        """
        self._number += 1
        arguments = (self._number, ref, beside, after, options)
        thread = threading.Thread(
            target=self._work, args=arguments, name="r1chat-load", daemon=True
        )
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()

    def _work(
        self,
        number: int,
        ref: str,
        beside: bool,  # noqa: FBT001  (from `begin` alone)
        after: Engine | None,
        options: dict[str, Any],
    ) -> None:
        def progress(fraction: float) -> None:
            if number == self._number:
                self._app.post_message(self.Progress(fraction))

        def notice(text: str) -> None:
            self._tell(number, self.Told(text))

        if after is not None:
            after.close()
        # One at a time: a dropped one must be gone before the next takes its memory.
        with self._lock:
            if number != self._number:
                return
            try:
                if beside and not self._fits(ref, **options):
                    self._tell(number, self.Crowded(ref))
                    return
                engine = self._load(ref, on_progress=progress, on_notice=notice, **options)
            except R1ChatError as error:
                missing = error.ref if isinstance(error, MissingModel) else None
                self._tell(number, self.Failed(ref, str(error), missing))
                return
            except Exception as error:
                log.exception("a model could not be loaded")
                reason = f"something went wrong ({type(error).__name__}); the log has the details"
                self._tell(number, self.Failed(ref, reason))
                return
            if not self._tell(number, self.Loaded(ref, engine)):
                engine.close()

    def _tell(self, number: int, message: Message) -> bool:
        return number == self._number and self._app.post_message(message)
