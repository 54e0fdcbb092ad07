"""The app with an engine that plays scripts, for tests."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence

from textual import events
from textual.pilot import Pilot

from r1chat.engine.base import Engine
from r1chat.engine.fake import FakeEngine, Pause, Step
from r1chat.history import History
from r1chat.hub.inventory import Inventory
from r1chat.settings import Settings
from r1chat.tui.app import R1ChatApp
from r1chat.tui.chat.screen import ChatScreen
from r1chat.tui.models.screen import ModelsScreen
from r1chat.tui.screens.one_line import OneLine
from r1chat.tui.services.known_models import NamedServers
from tests.tui import stylesheets
from tests.tui.shelves import StillHub

stylesheets.share()

HANGS_S = 30.0
REPLY: tuple[Step, ...] = (
    "First ",
    "a look.\n",
    "Wait, ",
    "again.\n",
    "</think>",
    "It is ",
    "**4**.",
)
ENDLESS: tuple[Step, ...] = (
    *(step for i in range(3000) for step in (f"thought {i}.\n", Pause(0.05))),
    "</think>",
    "The end.",
)


class Gate:
    """A script stands still at a `Pause` until the gate is opened."""

    def __init__(self) -> None:
        self._open = threading.Event()

    def __call__(self, seconds: float) -> None:  # noqa: ARG002  (as `time.sleep` has it)
        self._open.wait(HANGS_S)

    def open(self) -> None:
        """Lets the script go on, for good."""
        self._open.set()


class Steps:
    """A script stands still at each `Pause` until it is told to go on."""

    def __init__(self) -> None:
        self._open = threading.Semaphore(0)

    def __call__(self, seconds: float) -> None:  # noqa: ARG002  (as `time.sleep` has it)
        self._open.acquire(timeout=HANGS_S)

    def go_on(self, steps: int = 1) -> None:
        """Lets the script go on to its next pause, or to one further on."""
        self._open.release(steps)


def loading(engine: Engine) -> Callable[..., Engine]:
    """A loader that always gives the same engine."""

    def load(ref: str, **options: object) -> Engine:
        return engine

    return load


def an_app(  # noqa: PLR0913  (all that differs among the tests)
    *scripts: Sequence[Step],
    settings: Settings | None = None,
    load: Callable[..., Engine] | None = None,
    sleep: Callable[[float], None] = time.sleep,
    hub: Inventory | None = None,
    servers: NamedServers | None = None,
    clock: Callable[[], float] = time.time,
    lanes: int = 1,
    model_clock: Callable[[], float] = time.monotonic,
    fits: Callable[..., bool] = lambda *_, **__: True,
) -> R1ChatApp:
    """The app as it starts, with a fake engine; its settings are not saved."""
    engine = FakeEngine(*(scripts or (REPLY,)), sleep=sleep, lanes=lanes, clock=model_clock)
    chosen = settings or Settings(pace=0)
    return R1ChatApp(
        given=chosen,
        load=load or loading(engine),
        fits=fits,
        inventory=hub or StillHub(),
        servers=servers,
        history=History(clock=clock),
    )


def engine_of(app: R1ChatApp) -> FakeEngine:
    """The engine that an app has loaded."""
    assert isinstance(app.engine, FakeEngine)
    return app.engine


async def until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    """Waits until something is so."""
    end = time.monotonic() + HANGS_S
    while not condition():
        assert time.monotonic() < end, "it never came to be"
        await asyncio.sleep(0.005)
        await pilot.pause()


async def ready(pilot: Pilot[None]) -> ChatScreen:
    """Waits until the model is loaded."""
    app = pilot.app
    assert isinstance(app, R1ChatApp)
    await until(pilot, lambda: app.is_running and app.engine is not None and app.chat.ready)
    return app.chat


async def open_models(pilot: Pilot[None]) -> ModelsScreen:
    """Opens the models screen and waits until it has looked what there is, and stands still."""
    app = pilot.app
    await ready(pilot)
    await pilot.press("f3")
    await until(pilot, lambda: isinstance(app.screen, ModelsScreen) and app.screen.is_mounted)
    await until(pilot, lambda: not any(worker.group == "look" for worker in app.workers))
    assert isinstance(app.screen, ModelsScreen)
    return app.screen


async def write(pilot: Pilot[None], text: str, *then: str) -> None:
    """Types a text, letter by letter but without a wait between them, and then keys."""
    names = {" ": "space", "\n": "ctrl+j", ".": "full_stop", "?": "question_mark"}
    for char in text[:-1]:
        pilot.app.post_message(events.Key(names.get(char, char), char if char != "\n" else None))
    await pilot.press(*(names.get(char, char) for char in text[-1:]), *then)


async def type_figure(pilot: Pilot[None], figure: str) -> None:
    """Types a figure in the field that Enter opens on the slider."""
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, OneLine))
    await pilot.press("ctrl+u")
    await write(pilot, figure, "enter")
    await until(pilot, lambda: not isinstance(pilot.app.screen, OneLine))


async def ask(pilot: Pilot[None], question: str = "two and two?") -> ChatScreen:
    """Asks a question and waits for the end of the reply."""
    chat = await begin(pilot, question)
    await rest(pilot)
    return chat


async def begin(pilot: Pilot[None], question: str = "two and two?") -> ChatScreen:
    """Asks a question and waits until the reply has begun to be shown."""
    chat = await ready(pilot)
    chat.composer.load_text(question)
    await pilot.press("enter")
    await until(pilot, lambda: chat.last is not None and chat.last.question == question)
    return chat


async def rest(pilot: Pilot[None]) -> None:
    """Waits until no reply is being written."""
    app = pilot.app
    assert isinstance(app, R1ChatApp)
    await until(pilot, lambda: not app.chat.running)
    await pilot.pause()


async def thought(pilot: Pilot[None], words: str = "") -> None:
    """Waits until the thought shows some words."""
    app = pilot.app
    assert isinstance(app, R1ChatApp)

    def shown() -> bool:
        last = app.chat.last
        return last is not None and app.chat.thinking and words in last.thinking.view.text

    await until(pilot, lambda: shown() and app.chat.last.thinking.view.text)


def toasts(app: R1ChatApp) -> str:
    """All notifications there are, as one text."""
    return "\n".join(note.message for note in app._notifications)


def screen_text(app: R1ChatApp) -> str:
    """What stands on the screen now, row by row."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)
