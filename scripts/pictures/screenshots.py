"""Makes pictures of the app's main states, each from a real run of the built-in model."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.pilot import Pilot

from r1chat.settings import Settings
from r1chat.tui.app import R1ChatApp
from r1chat.tui.models.screen import ModelsScreen
from r1chat.tui.settings.screen import SettingsScreen

ROOT = Path(__file__).parent.parent.parent
HANGS_S = 120.0
QUESTION = "What is 44 + 41 + 25?"

Scene = Callable[[R1ChatApp, "Pilot[None]"], Awaitable[None]]


async def until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    """Waits until something is so."""
    end = time.monotonic() + HANGS_S
    while not condition():
        assert time.monotonic() < end, "it never came to be"
        await asyncio.sleep(0.02)
        await pilot.pause()


async def ask(app: R1ChatApp, pilot: Pilot[None], question: str = QUESTION) -> None:
    """Asks a question."""
    await until(pilot, lambda: app.chat.ready)
    app.chat.composer.load_text(question)
    await pilot.press("enter")
    # The press itself may last until the reply is there.
    await until(pilot, lambda: app.chat.running or (app.chat.session and app.chat.session.turns))


async def rest(app: R1ChatApp, pilot: Pilot[None]) -> None:
    """Waits for the end of a reply."""
    await until(pilot, lambda: not app.chat.running)


async def thinking(app: R1ChatApp, pilot: Pilot[None]) -> None:
    """In the middle of a thought."""
    await ask(app, pilot)
    await until(pilot, lambda: app.chat.slider.used > 60)


async def looked_ahead(app: R1ChatApp, pilot: Pilot[None]) -> None:
    """In the middle of a thought, and what would be answered by then."""
    await thinking(app, pilot)
    await pilot.press("alt+p")
    said = re.compile(r"so far: \d")
    await until(pilot, lambda: app.chat.last and said.search(app.chat.last.thinking.header.text))


async def answered(app: R1ChatApp, pilot: Pilot[None]) -> None:
    """Two questions that were answered."""
    await ask(app, pilot)
    await rest(app, pilot)
    await ask(app, pilot, "What is 12 + 7?")
    await rest(app, pilot)


async def steering(app: R1ChatApp, pilot: Pilot[None]) -> None:
    """A paused thought, and words for it."""
    await thinking(app, pilot)
    await pilot.press("ctrl+s")
    await until(pilot, lambda: app.chat.composer.border_title)
    app.chat.composer.insert("Add the tens first.")


def versions_of(app: R1ChatApp) -> int:
    """How many versions the last turn has."""
    session = app.chat.session
    return len(session.conversation.last().siblings) if session else 0


async def versions(app: R1ChatApp, pilot: Pilot[None]) -> None:
    """A reply that was made again, with the thought of the first gone back into."""
    await ask(app, pilot)
    await rest(app, pilot)
    await pilot.press("ctrl+t")
    # The press itself may last until the reply is there.
    await until(pilot, lambda: not app.chat.running and versions_of(app) > 1)


async def samples(app: R1ChatApp, pilot: Pilot[None]) -> None:
    """Eight samples that have voted; cut short enough for some of them to err."""
    await ask(app, pilot)
    await rest(app, pilot)


async def slider(app: R1ChatApp, pilot: Pilot[None]) -> None:
    """The budget in seconds, with a minimum."""
    await answered(app, pilot)
    await pilot.press("f5", "left", "left", "left", "m", "right", "right", "right")


async def themes(app: R1ChatApp, pilot: Pilot[None]) -> None:
    """The picker of themes."""
    await answered(app, pilot)
    await pilot.press("f4", "down", "down")


async def keys(app: R1ChatApp, pilot: Pilot[None]) -> None:
    """The help."""
    await answered(app, pilot)
    await pilot.press("f1")


async def welcome(app: R1ChatApp, pilot: Pilot[None]) -> None:
    """The first start, where there is no real model."""
    await until(pilot, lambda: app.chat.model.welcoming)


async def models(app: R1ChatApp, pilot: Pilot[None]) -> None:
    """What there is, and what could be had."""
    await welcome(app, pilot)
    await pilot.press("f3")
    await until(pilot, lambda: isinstance(app.screen, ModelsScreen) and app.screen.row)
    await until(pilot, lambda: not any(worker.group == "look" for worker in app.workers))


async def paragraph(app: R1ChatApp, pilot: Pilot[None]) -> None:
    """What can be done from a paragraph of a thought."""
    await ask(app, pilot)
    await rest(app, pilot)
    await pilot.press("shift+tab", "shift+tab", "shift+tab", "alt+up", "alt+up", "enter")
    await until(pilot, lambda: app.screen is not app.chat)


async def files(app: R1ChatApp, pilot: Pilot[None]) -> None:
    """A file that goes along with a question."""
    await until(pilot, lambda: app.chat.ready)
    file = Path(os.environ["R1CHAT_HOME"], "fruit.txt")
    file.write_text("apples: 12\npears: 7\n", encoding="utf-8")  # noqa: ASYNC240  (a line)
    await app.chat.attach_picked(str(file))
    app.chat.composer.insert("What is 12 + 7?")


async def history(app: R1ChatApp, pilot: Pilot[None]) -> None:
    """Two conversations in the panel, and the search."""
    await answered(app, pilot)
    await pilot.press("f9")
    await until(pilot, lambda: not app.chat.conversation.turns)
    await ask(app, pilot, "Compare 57 and 75.")
    await rest(app, pilot)
    await pilot.press("f10")
    await until(pilot, lambda: app.chat.panel is not None)


async def settings(app: R1ChatApp, pilot: Pilot[None]) -> None:
    """All settings, with what is known of one."""
    await until(pilot, lambda: app.chat.ready)
    await pilot.press("alt+g")
    await until(pilot, lambda: isinstance(app.screen, SettingsScreen) and app.screen.is_mounted)
    await pilot.press("down", "down")


SCENES: dict[str, tuple[Scene, tuple[int, int], Settings]] = {
    "thinking": (looked_ahead, (100, 30), Settings(budget="256")),
    "answered": (answered, (100, 30), Settings(budget="256")),
    "steering": (steering, (100, 30), Settings()),
    "versions": (versions, (100, 30), Settings()),
    "samples": (samples, (100, 30), Settings(samples=8, budget="70")),
    "slider": (slider, (100, 30), Settings(theme="frost")),
    "welcome": (welcome, (80, 24), Settings()),
    "models": (models, (100, 30), Settings()),
    "paragraph": (paragraph, (100, 30), Settings(model="tiny")),
    "files": (files, (100, 20), Settings(model="tiny")),
    "history": (history, (100, 30), Settings(model="tiny")),
    "settings": (settings, (100, 24), Settings(model="tiny")),
    "themes": (themes, (100, 30), Settings(theme="ember")),
    "light": (answered, (100, 30), Settings(theme="paper")),
    "help": (keys, (100, 40), Settings()),
    "narrow": (answered, (40, 20), Settings(theme="moss")),
}


async def picture(name: str, folder: Path) -> Path:
    """Plays a scene and takes its picture."""
    scene, size, settings = SCENES[name]
    app = R1ChatApp(given=settings)
    async with app.run_test(size=size, notifications=True) as pilot:
        await scene(app, pilot)
        await pilot.pause(0.3)
        path = folder / f"{name}.svg"
        path.write_text(app.export_screenshot(title="r1chat"), encoding="utf-8")
        if app.chat.running:
            app.chat.action_stop()
            await rest(app, pilot)
    app.shut_down()
    return path


def main() -> None:
    """Makes all pictures, or those that are named."""
    parser = argparse.ArgumentParser(prog="scripts/screenshots", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(SCENES)}")
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "pictures", metavar="DIR")
    parser.add_argument("--png", action="store_true", help="PNG files too, by rsvg-convert")
    args = parser.parse_args()
    args.to.mkdir(parents=True, exist_ok=True)
    converter = shutil.which("rsvg-convert") if args.png else None
    with tempfile.TemporaryDirectory() as home:
        # Models that somebody has here would answer, and their paths be in the pictures.
        os.environ["HOME"] = os.environ["HF_HOME"] = home
        for name in args.names or SCENES:
            # What one has left in the history is not in the next.
            os.environ["R1CHAT_HOME"] = str(Path(home, name))
            Path(home, name).mkdir()
            path = asyncio.run(picture(name, args.to))
            print(path)
            if converter is not None:
                png = path.with_suffix(".png")
                subprocess.run([converter, "-w", "1200", "-o", png, path], check=True)


if __name__ == "__main__":
    main()
