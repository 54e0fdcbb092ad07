"""How scripts/r1chat makes its environment: where llama.cpp comes from, and what is said meanwhile.

The environment's Python is a script in its place, which writes down what it is asked for.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.test_package import ROOT

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a POSIX shell's script")

_PYTHON = """#!/bin/sh
[ "$1" = -c ] && exec "$REAL" "$@"
printf '%s | %s\\n' "$*" "$CMAKE_ARGS" >>"$ASKED"
report=
while [ $# -gt 0 ]; do
    [ "$1" = --report ] && report=$2
    [ "$1" = r1chat.doctor.trial ] && exit "$TRIAL"
    shift
done
[ -z "$report" ] && exit 0
[ "$WHEEL" = none ] && exit 1
printf '{"install": [%s]}' "$WHEEL" >"$report"
"""
BEGUN = "  Building wheel for llama-cpp-python (pyproject.toml): started\n"
WHEEL = json.dumps({"download_info": {"url": "https://wheels.invalid/llama.whl"}})


class Checkout:
    """What scripts/r1chat runs in."""

    def __init__(self, folder: Path) -> None:
        self.venv = folder / "it's an environment"
        self.asked = folder / "asked"
        programs = self.venv / "bin"
        programs.mkdir(parents=True)
        (programs / "python").write_text(_PYTHON)
        (programs / "r1chat").write_text("#!/bin/sh\necho the app\n")
        # Nobody has to wait for a pip that does nothing.
        (programs / "sleep").write_text("#!/bin/sh\n")
        for file in programs.iterdir():
            file.chmod(0o755)

    def run(self, *, wheel: str = WHEEL, trial: int = 0, **more: str) -> tuple[list[str], str]:
        """Runs it; returns what was asked of the environment's Python, and what was said."""
        environment = {
            "R1CHAT_VENV": str(self.venv),
            "PYTHON": sys.executable,
            "REAL": sys.executable,
            "ASKED": str(self.asked),
            "WHEEL": wheel,
            "TRIAL": str(trial),
            "CMAKE_ARGS": "",
            "PATH": f"{self.venv / 'bin'}{os.pathsep}{os.environ['PATH']}",
        }
        command = ["sh", str(ROOT / "scripts" / "r1chat")]
        done = subprocess.run(
            command, env=environment | more, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (0, "the app\n"), done.stderr
        return self.asked.read_text().splitlines(), done.stderr


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path)


def installs(asked, name):
    return [line for line in asked if " install " in line and name in line]


def test_a_compiled_engine_is_asked_for_in_our_range_and_tried(checkout):
    asked, said = checkout.run()
    (wheel,) = installs(asked, "--report")
    assert "--only-binary :all:" in wheel
    assert "--no-deps" in wheel
    assert "--timeout 4 --retries 0" in wheel
    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    wanted = next(word for word in wheel.split() if word.startswith("llama-cpp-python"))
    assert f'    "{wanted}",\n' in pyproject
    assert "comes compiled, from https://wheels.invalid/llama.whl" in said
    assert [line for line in asked if "r1chat.doctor.trial" in line]
    assert not installs(asked, "--no-binary")


def test_without_one_it_is_compiled_at_once_and_that_is_said(checkout):
    asked, said = checkout.run(wheel="none", R1CHAT_WHEELS="https://wheels.invalid/cpu")
    assert "none in https://wheels.invalid/cpu for this machine; it is compiled here." in said
    assert not [line for line in asked if "r1chat.doctor.trial" in line]
    (install,) = installs(asked, "--editable")
    assert "-DCMAKE_PROJECT_llama.cpp_INCLUDE=" in install
    assert "only_llama.cmake" in install


def test_a_folder_of_wheels_needs_no_network_and_an_empty_name_asks_nobody(checkout, tmp_path):
    asked, _ = checkout.run(R1CHAT_WHEELS=str(tmp_path))
    (wheel,) = installs(asked, "--report")
    assert f"--no-index --find-links {tmp_path}" in wheel
    for mark in checkout.venv.glob(".r1chat*"):
        mark.unlink()
    checkout.asked.unlink()
    asked, said = checkout.run(R1CHAT_WHEELS="")
    assert not installs(asked, "--report")
    assert "comes compiled" not in said


def test_one_that_crashes_here_is_compiled_after_all(checkout):
    asked, said = checkout.run(trial=132, CMAKE_ARGS="-DGGML_CUDA=on")
    (again,) = installs(asked, "--force-reinstall")
    assert "--no-binary llama-cpp-python" in again
    assert again.endswith("only_llama.cmake -DGGML_CUDA=on")
    assert "does not run on this machine; it is compiled here." in said


def test_nothing_is_said_of_an_engine_that_was_there(checkout):
    asked, said = checkout.run(wheel="")
    assert "comes compiled" not in said
    assert not [line for line in asked if "r1chat.doctor.trial" in line]


_MAKING = """here=$1
. "$here/lib/environment.sh"
attempt() { mkdir -p "$venv/bin" && ln -s "$python" "$venv/bin/python"; }
ready_made() { :; }
pip() { :; }
prepare run && printf '%s' "$PYTHONPYCACHEPREFIX"
"""


def test_where_python_is_to_write_no_compiled_modules_they_lie_in_an_environment_that_is_made(
    tmp_path,
):
    # It is made where nothing lies; Python runs before that.
    venv = tmp_path / "new"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHON": sys.executable,
        "PYTHONDONTWRITEBYTECODE": "1",
        "R1CHAT_VENV": str(venv),
    }
    command = ["sh", "-c", _MAKING, "sh", str(ROOT / "scripts")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, str(venv / "bytecode")), done.stderr


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("", "installing"),
        (BEGUN, "compiling llama.cpp (processors: 2): r1chat is ready in about 2 minutes"),
        (
            f"{BEGUN}  [1/78] cc a.c\n  [26/78] cc b.c\n",
            "compiling llama.cpp (processors: 2), step 26/78: r1chat is ready in about 10 minutes",
        ),
        (f"{BEGUN}  [78/78] ld\n{BEGUN.replace('started', 'finished')}", "installing"),
    ],
)
def test_one_line_says_what_is_ready_when(tmp_path, log, said):
    (tmp_path / "log").write_text(log)
    code = f"""
here={ROOT}/scripts
. "$here/lib/environment.sh"
log={tmp_path}/log
cores() {{ echo 2; }}
compiling_since=$(($(date +%s) - 300))
phase installing
"""
    done = subprocess.run(["/bin/sh", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == said
