from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from r1chat.tui.clipboard import Outcome, desktop_tools
from tests.tui.chat import HANGS_S

ROOT = Path(__file__).parents[2]
TMUX = shutil.which("tmux") or ""
TEXT = "我们 — 3*4*5 = 60\nécole 👩\u200d💻\n" * 3
TOOLS = ("pbcopy", "clip.exe", "termux-clipboard-set", "wl-copy", "xclip", "xsel", "tmux")
SEATS = {
    "nothing": ({}, "linux", []),
    "mac": ({}, "darwin", ["pbcopy"]),
    "mac over ssh": ({"SSH_CONNECTION": "a b c d"}, "darwin", []),
    "windows": ({}, "win32", ["clip.exe"]),
    "wsl": ({"WSL_DISTRO_NAME": "Debian"}, "linux", ["clip.exe"]),
    "wsl with a display": (
        {"WSL_DISTRO_NAME": "Debian", "DISPLAY": ":0"}, "linux", ["clip.exe", "xclip", "xsel"],
    ),
    "wayland": ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", ["wl-copy"]),
    "wayland with x11": (
        {"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, "linux", ["wl-copy", "xclip", "xsel"],
    ),
    "x11": ({"DISPLAY": ":0"}, "linux", ["xclip", "xsel"]),
    "x11 over ssh": ({"SSH_TTY": "/dev/pts/0", "DISPLAY": "localhost:10.0"}, "linux",
                     ["xclip", "xsel"]),
    "a far desktop": ({"SSH_CLIENT": "a b c", "DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"},
                      "linux", []),
    "termux": ({"TERMUX_VERSION": "0.118"}, "linux", ["termux-clipboard-set"]),
}  # fmt: skip


@pytest.mark.parametrize("seat", SEATS)
def test_the_tools_are_those_of_the_desktop_where_the_user_sits(seat):
    environ, platform, names = SEATS[seat]
    assert [tool.command[0] for tool in desktop_tools(environ, platform)] == names


class Desk:
    """A folder with tools that keep what they are given, and a program that copies by them."""

    def __init__(self, folder: Path) -> None:
        self.tools = folder / "tools"
        self.kept = folder / "kept"
        self.tools.mkdir()
        self.kept.mkdir()

    def add(self, name: str, script: str = 'cat >"$KEPT/{name}"') -> None:
        tool = self.tools / name
        tool.write_text("#!/bin/sh\n" + script.replace("{name}", name) + "\n")
        tool.chmod(0o755)

    def copy(self, text: str = TEXT, **environ: str) -> str:
        """Copies a text in a process of its own, and returns what it says."""
        clean = {"HOME": os.environ["HOME"], "KEPT": str(self.kept), "PYTHONPATH": str(ROOT)}
        clean["PATH"] = f"{self.tools}{os.pathsep}/usr/bin{os.pathsep}/bin"
        program = (
            "import os, sys; from r1chat.tui import clipboard; clipboard.TIMEOUT_S = 2.0;"
            "print(clipboard.copy(sys.stdin.buffer.read().decode(), os.environ).said('answer'))"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            input=text.encode(), env=clean | environ, capture_output=True, check=True,
        )  # fmt: skip
        return done.stdout.decode().strip()

    def texts(self) -> dict[str, bytes]:
        """What the tools were given."""
        return {each.name: each.read_bytes() for each in self.kept.iterdir()}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="the tools of other systems are made up")
@pytest.mark.parametrize(
    ("environ", "taken", "said"),
    [
        ({}, set(), "Sent to the terminal (OSC 52): answer. Some terminals ignore it."),
        ({"WAYLAND_DISPLAY": "w"}, {"wl-copy"}, "Copied: answer"),
        ({"DISPLAY": ":0"}, {"xclip"}, "Copied: answer"),
        ({"WSL_DISTRO_NAME": "Debian"}, {"clip.exe"}, "Copied: answer"),
        ({"TMUX": "x,1,0", "DISPLAY": ":0"}, {"xclip", "tmux"}, "Copied: answer"),
        (
            {"TMUX": "x,1,0", "SSH_TTY": "/dev/pts/1", "WAYLAND_DISPLAY": "w"},
            {"tmux"},
            "Copied to tmux's buffer: answer. Sent on to the terminal; some ignore it.",
        ),
        (
            {"SSH_TTY": "/dev/pts/1", "DISPLAY": ":0"},
            set(),
            "Sent to the terminal (OSC 52): answer. Some terminals ignore it.",
        ),
    ],
)
def test_the_text_goes_to_the_right_tools_and_it_is_said(desk, environ, taken, said):
    for name in TOOLS:
        desk.add(name)
    assert desk.copy(**environ) == said
    texts = desk.texts()
    assert set(texts) == taken
    for name, text in texts.items():
        assert text.decode("utf-16" if name == "clip.exe" else "utf-8") == TEXT


BROKEN = {
    "fails": "exit 1",
    "hangs": "exec sleep 60",
    "reads nothing": "exit 1",
    "closes its input and hangs": "exec sleep 60 <&-",
    "is killed": "kill -9 $$",
}


@pytest.mark.parametrize("how", BROKEN)
def test_where_a_tool_does_not_work_the_next_one_does(desk, how):
    desk.add("wl-copy", BROKEN[how])
    desk.add("xclip")
    long = TEXT * 2000
    assert desk.copy(long, WAYLAND_DISPLAY="w", DISPLAY=":0") == "Copied: answer"
    assert desk.texts() == {"xclip": long.encode()}


def test_a_tool_that_stays_behind_is_not_waited_for(desk):
    desk.add("xclip", 'cat >"$KEPT/xclip"; sleep 60 & exit 0')
    assert desk.copy(DISPLAY=":0") == "Copied: answer"


def test_an_old_tmux_is_given_the_text_all_the_same(desk):
    desk.add("tmux", '[ "$2" = -w ] && exit 1; cat >"$KEPT/tmux"')
    assert desk.copy(TMUX="x,1,0").startswith("Copied to tmux's buffer")
    assert desk.texts() == {"tmux": TEXT.encode()}


def test_words_for_a_page():
    assert Outcome(page=True).said() == "Sent to the browser. Some browsers ignore it."


APP = """
import os
from r1chat.engine.fake import Pause
from tests.tui.chat import an_app
an_app(("Thinking", "</think>", os.environ["ANSWER"])).run()
"""


class Tmux:
    """The app in a real tmux."""

    def __init__(self, folder: Path, answer: str, **variables: str) -> None:
        self._socket = folder / "tmux"
        environ = os.environ | {
            "ANSWER": answer,
            "PYTHONPATH": str(ROOT),
            "R1CHAT_HOME": str(folder / "home"),
            "TERM": "xterm-256color",
        }
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "TMUX", "WSL_DISTRO_NAME"):
            environ.pop(name, None)
        self._environ = environ | variables
        self("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24",
             sys.executable, "-c", APP)  # fmt: skip

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(
            [TMUX, "-S", str(self._socket), *arguments],
            env=self._environ, capture_output=True, check=False,
        )  # fmt: skip
        return done.stdout.decode()

    def wait(self, condition: Callable[[str], bool]) -> str:
        """Waits until the screen is so."""
        end = time.monotonic() + HANGS_S
        while not condition(screen := self("capture-pane", "-p")):
            assert time.monotonic() < end, screen
            time.sleep(0.05)
        return screen


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Callable[..., Tmux]]:
    started: list[Tmux] = []

    def start(answer: str, **variables: str) -> Tmux:
        started.append(Tmux(tmp_path, answer, **variables))
        return started[-1]

    yield start
    for each in started:
        each("kill-server")


@pytest.mark.skipif(not TMUX, reason="there is no tmux")
def test_in_tmux_the_answer_is_in_its_buffer(tmux):
    answer = "The answer is **我们** 3*4*5 = 60."
    screen = tmux(answer)
    screen.wait(lambda text: "Ask" in text or "question" in text)
    screen("send-keys", "hi", "Enter")
    screen.wait(lambda text: "3*4*5" in text)
    screen("send-keys", "M-y")
    screen.wait(lambda text: "tmux's buffer" in text)
    assert screen("show-buffer") == answer


@pytest.mark.skipif(not TMUX, reason="there is no tmux")
def test_what_is_copied_in_the_app_goes_to_the_desktop(tmux, desk):
    desk.add("xclip")
    screen = tmux(
        "The answer is **42**, surely.",
        DISPLAY=":0",
        KEPT=str(desk.kept),
        PATH=f"{desk.tools}{os.pathsep}{os.environ['PATH']}",
    )

    def copied(text: str) -> None:
        end = time.monotonic() + HANGS_S
        while desk.texts().get("xclip") != text.encode():
            assert time.monotonic() < end, (desk.texts(), screen("capture-pane", "-p"))
            time.sleep(0.05)

    screen.wait(lambda text: "Ask" in text)
    screen("send-keys", "question", "Enter")
    screen.wait(lambda text: "surely" in text)
    screen("send-keys", "M-y")
    copied("The answer is **42**, surely.")
    screen.wait(lambda text: "Copied: answer" in text)
