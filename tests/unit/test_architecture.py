"""The arrows of docs/architecture.md, tried on fresh interpreters."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

import pytest

import r1chat
from tests.sources import tree

PACKAGE = Path(r1chat.__file__).parent
HEAVY = (
    "textual",
    "rich",
    "llama_cpp",
    "llama_cpp.llama_cpp",
    "huggingface_hub",
    "pydantic",
    "numpy",
    "jinja2",
    "aiohttp",
    "httpx2",
)
SCREEN_AND_ENGINE = ("textual", "rich", "llama_cpp", "llama_cpp.llama_cpp", "huggingface_hub")


def imported(run_python, statements, heavy):
    """The heavy packages that are in a fresh interpreter after some statements."""
    code = f"""
import json, sys
{statements}
print(json.dumps([name for name in {heavy!r} if name in sys.modules]))
"""
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "statements",
    [
        "import r1chat",
        "import r1chat.__main__",
        "sys.argv = ['r1chat', '--version']; from r1chat.__main__ import main; main()",
        "from r1chat import Budget, split, Splitter, Control, sanitize, Sanitizer",
        "import r1chat.paths; r1chat.paths.everything()",
        "import r1chat.settings; r1chat.settings.load()",
    ],
)
def test_what_is_light_imports_nothing_heavy(run_python, statements):
    assert imported(run_python, statements, HEAVY) == []


@pytest.mark.parametrize(
    "module",
    [
        "cli",
        "session",
        "compose",
        "engine.base",
        "engine.fake",
        "output",
        "console",
        "prompt",
        "themes",
        "doctor",
    ],
)
def test_the_core_reaches_neither_the_screen_nor_llama(run_python, module):
    assert imported(run_python, f"import r1chat.{module}", SCREEN_AND_ENGINE) == []


@pytest.mark.engine
def test_the_engine_needs_no_screen_and_no_hub(run_python):
    statement = "import r1chat.engine.llama"
    assert imported(run_python, statement, ("textual", "rich", "huggingface_hub")) == []


def test_the_remote_engine_needs_neither_llama_nor_http_to_be_imported(run_python):
    heavy = ("textual", "rich", "llama_cpp", "huggingface_hub", "httpx2", "pydantic")
    assert imported(run_python, "import r1chat.engine.remote", heavy) == []


@pytest.mark.parametrize("file", sorted((PACKAGE / "reasoning").glob("*.py")), ids=lambda f: f.stem)
def test_reasoning_imports_nothing_but_the_standard_library(file):
    foreign = [
        name
        for name in run_time_imports(tree(file.read_text("utf-8")))
        if name.split(".")[0] not in sys.stdlib_module_names
        and not name.startswith("r1chat.reasoning")
    ]
    assert foreign == []


def run_time_imports(tree):
    """Names of the modules that a file imports, those for annotations alone left out."""
    names = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module)
        waiting += ast.iter_child_nodes(node)
    return names


def test_every_public_name_is_there():
    for name in r1chat.__all__:
        assert getattr(r1chat, name) is not None
    assert dir(r1chat) == sorted(r1chat.__all__)


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'frobnicate'"):
        _ = r1chat.frobnicate


def test_the_first_frame_of_the_app_needs_no_hub_and_no_engine(run_python):
    heavy = ("llama_cpp", "huggingface_hub", "pydantic", "httpx2", "r1chat.hub")
    # What turns are made of: the first frame has none.
    heavy = (*heavy, "r1chat.conversation", "r1chat.tui.widgets.turn")
    code = f"""
import asyncio, sys
from r1chat.settings import Settings
from r1chat.tui.app import R1ChatApp

class Probe(R1ChatApp):
    def _begin(self):
        print([name for name in {heavy!r} if name in sys.modules])
        self.exit()

async def start():
    async with Probe(given=Settings()).run_test() as pilot:
        await pilot.pause(0.1)

asyncio.run(start())
"""
    done = run_python("-c", code)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr
