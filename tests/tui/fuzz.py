"""Seeded keys, clicks, drags, pastes and sizes, thrown at the app in one of its states."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from textual import events
from textual.geometry import Size
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from r1chat.tui.app import R1ChatApp
from r1chat.tui.typed import HasTextField

LETTERS = "abcxyzARMQ0179 .,?!/\\*_`$#~^@é你😀\u0301\u200b"
PASTES = (
    "a",
    "three\rlines\rof it",
    "x" * 300,
    "y\n" * 12_000,
    "",
    "/",
    "/dev/null",
    "~",
    "\x1b[31m\x07\x00",
    "</think><｜User｜>",
    "你好 👩‍👩‍👧 \u202e",
)
MORE_KEYS = [
    "enter",
    "escape",
    "tab",
    "shift+tab",
    "backspace",
    "delete",
    "space",
    "home",
    "end",
    "pageup",
    "pagedown",
    "up",
    "down",
    "left",
    "right",
    "shift+up",
    "shift+down",
    "shift+left",
    "shift+right",
    "ctrl+home",
    "ctrl+end",
    "ctrl+left",
    "ctrl+right",
    "insert",
    "ctrl+a",
    "ctrl+c",
    "ctrl+d",
    "ctrl+e",
    "ctrl+f",
    "ctrl+k",
    "ctrl+p",
    "ctrl+q",
    "ctrl+u",
    "ctrl+v",
    "ctrl+w",
    "ctrl+x",
    "ctrl+z",
    "ctrl+shift+left",
    "ctrl+shift+right",
    "ctrl+j",
    "f11",
    "f12",
    "alt+enter",
    "shift+enter",
    "alt+x",
    "ctrl+underscore",
]
_OTHERWISE = {" ": "space", "enter": "\r", "tab": "\t"}


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that happens to the app: what it is, for the message, and its events."""

    name: str
    events: tuple[events.Event, ...]


def bound_keys(app: R1ChatApp) -> list[str]:
    """All keys that anything in the app listens to."""
    bound = {
        key.strip()
        for keys in app.shown_keys().values()
        for key in keys.split(",")
        if len(key.strip()) > 1
    }
    return sorted(bound | set(MORE_KEYS))


def key(name: str) -> events.Key:
    """A key as the driver has it."""
    if len(name) == 1:
        return events.Key({" ": "space"}.get(name, name), name)
    return events.Key(name, {"space": " ", "enter": "\r", "tab": "\t"}.get(name))


def mouse(kind: type[events.MouseEvent], x: int, y: int, button: int = 1) -> events.MouseEvent:
    """A mouse event as the driver has it."""
    return kind(
        None, x, y, 0, 0, button, shift=False, meta=False, ctrl=False, screen_x=x, screen_y=y
    )


def things(app: R1ChatApp, rng: random.Random) -> Iterator[Thing]:
    """What happens, for ever."""
    bound = bound_keys(app)
    while True:
        width, height = app.size
        x, y = rng.randrange(max(1, width)), rng.randrange(max(1, height))
        match rng.choices(range(8), (44, 20, 12, 6, 6, 4, 4, 4))[0]:
            case 0:
                name = rng.choice(bound)
                yield Thing(name, (key(name),))
            case 1:
                name = rng.choice(LETTERS)
                yield Thing(repr(name), (key(name),))
            case 2:
                button = rng.choice((1, 1, 1, 2, 3))
                times = rng.choice((1, 1, 2, 3))
                pressed = (
                    mouse(events.MouseDown, x, y, button),
                    mouse(events.MouseUp, x, y, button),
                )
                yield Thing(f"click {x},{y} button {button} × {times}", pressed * times)
            case 3:
                to = [(rng.randrange(-2, width + 2), rng.randrange(-2, height + 2)) for _ in "abc"]
                moves = [mouse(events.MouseMove, *place) for place in to]
                ends = mouse(events.MouseUp, *to[-1])
                yield Thing(f"drag {x},{y} {to}", (mouse(events.MouseDown, x, y), *moves, ends))
            case 4:
                kinds = (events.MouseScrollUp, events.MouseScrollDown, events.MouseMove)
                kind = rng.choice(kinds)
                yield Thing(f"{kind.__name__} {x},{y}", (mouse(kind, x, y, 0),))
            case 5:
                text = rng.choice(PASTES)
                yield Thing(f"paste {text[:20]!r}", (events.Paste(text),))
            case 6:
                size = Size(rng.randint(1, 300), rng.randint(1, 80))
                if rng.random() < 0.6:
                    size = Size(rng.choice((40, 46, 80, 79, 120)), rng.choice((24, 36, 10)))
                yield Thing(f"resize {size}", (events.Resize(size, size),))
            case _:
                kind = rng.choice((events.AppBlur, events.AppFocus))
                yield Thing(kind.__name__, (kind(),))


def texts(app: R1ChatApp) -> str:
    """All that stands in text fields."""
    fields = [
        field.value if isinstance(field, Input) else field.text
        for screen in app.screen_stack
        for kind in (Input, TextArea)
        for field in screen.query(kind)
    ]
    return "\n".join(fields)


async def throw(
    pilot: Pilot[None], count: int, seed: int, again: Callable[[], object] | None = None
) -> None:
    """Has so many things happen; what goes wrong is told with the last of them.

    Args:
        pilot: Of the app.
        count: How many.
        seed: The same things happen again under the same seed.
        again: Called now and then, to lead back to the state.
    """
    app, rng = pilot.app, random.Random(seed)
    assert isinstance(app, R1ChatApp)
    told: list[str] = []
    happen = things(app, rng)
    for number in range(count):
        if number % 25 == 24:
            await settle(pilot)
            if again is not None:
                await again()
            await keeps_words(pilot, rng, told)
        thing = next(happen)
        told.append(thing.name)
        for event in thing.events:
            app.post_message(event)
        if rng.random() < 0.5:
            await asyncio.sleep(0)
        else:
            await settle(pilot)
        lives(app, seed, told)
    await settle(pilot)
    lives(app, seed, told)


async def settle(pilot: Pilot[None]) -> None:
    """Lets the app do what there is to do."""
    await pilot._wait_for_screen()
    while not pilot.app.keyboard.idle and pilot.app._exception is None:
        await pilot._wait_for_screen()


def lives(app: R1ChatApp, seed: int, told: list[str]) -> None:
    """Fails where the app has met with an exception."""
    error = app._exception
    if error is not None:
        error = getattr(error, "error", error)
        message = f"seed {seed}, {len(told)} things, the last: {told[-30:]}"
        raise AssertionError(message) from error
    assert app._running, f"seed {seed}: it ended after {told[-30:]}"


async def keeps_words(pilot: Pilot[None], rng: random.Random, told: list[str]) -> None:
    """Types a word: it lands in a field, if there is any."""
    app = pilot.app
    assert isinstance(app, R1ChatApp)
    if not isinstance(app.screen, HasTextField):
        return
    word = f"w{rng.randrange(10**6)}q"
    screen = app.screen
    before = texts(app)
    for char in word:
        app.post_message(key(char))
    await settle(pilot)
    await settle(pilot)
    told.append(word)
    if app.screen is screen:
        assert word in texts(app), f"{word} was lost after {told[-30:]}; before: {before[-300:]!r}"
