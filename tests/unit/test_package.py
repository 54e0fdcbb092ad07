"""What is in the wheel, and what starts when it is installed."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import r1chat

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel of this checkout, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    done = subprocess.run([*command, str(ROOT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def contents(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {entry.filename: entry.file_size for entry in archive.infolist()}


def test_the_catalogue_of_models_is_inside(contents):
    assert contents["r1chat/hub/catalogue.json"] > 0


def test_the_built_in_model_and_its_card_are_inside(contents):
    assert 0 < contents["r1chat/models/tiny.gguf"] <= 5 * 1024 * 1024
    cards = [name for name in contents if name.startswith("r1chat/models/tiny") and ".md" in name]
    assert [contents[name] > 0 for name in cards] == [True]


def test_the_questions_for_the_built_in_model_are_inside(contents):
    assert contents["r1chat/evaluation/questions/tiny.jsonl"] > 0


def test_the_themes_are_inside(contents):
    shipped = {f"r1chat/themes/{file.name}" for file in (ROOT / "themes").glob("*.toml")}
    assert len(shipped) >= 6
    assert shipped <= set(contents)


def test_every_module_is_inside(contents):
    modules = {str(file.relative_to(ROOT)) for file in (ROOT / "r1chat").rglob("*.py")}
    assert modules <= set(contents)
    assert "r1chat/py.typed" in contents


def test_nothing_else_is_inside(contents):
    top = {name.split("/")[0] for name in contents}
    name = f"r1chat-{r1chat.__version__}"
    assert top == {"r1chat", f"{name}.dist-info", f"{name}.data"}
    data = {entry for entry in contents if entry.startswith(f"{name}.data/")}
    assert data == {f"{name}.data/data/share/man/man1/r1chat.1"}
    assert not [name for name in contents if "test" in name or "__pycache__" in name]


def test_it_is_called_r1chat_and_has_a_licence(wheel):
    info = f"r1chat-{r1chat.__version__}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        entries = archive.read(f"{info}/entry_points.txt").decode()
        metadata = archive.read(f"{info}/METADATA").decode()
        assert "MIT" in archive.read(f"{info}/licenses/LICENSE").decode()
    assert "r1chat = r1chat.__main__:main" in entries
    assert f"\nVersion: {r1chat.__version__}\n" in metadata
    assert "\nRequires-Python: >=3.10\n" in metadata


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_it_says_its_version(run_python, option):
    done = run_python("-m", "r1chat", option)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"r1chat {r1chat.__version__}\n"


def test_the_themes_are_found_from_inside_a_wheel(wheel, tmp_path, run_python):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from r1chat import themes
assert themes.__file__.startswith({str(tmp_path)!r}), themes.__file__
loaded, failures = themes.load()
assert not failures, failures
print(len(loaded))
"""
    done = run_python("-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(list((ROOT / "themes").glob("*.toml")))


@pytest.mark.long
def test_an_installed_wheel_starts(wheel, tmp_path):
    """As pipx does it, less what it depends on: the start must not need that."""
    environment = tmp_path / "its own environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    scripts = environment / ("Scripts" if sys.platform == "win32" else "bin")
    install = [scripts / "python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, wheel], check=True)
    done = subprocess.run(
        [scripts / "r1chat", "--version"], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout == f"r1chat {r1chat.__version__}\n"
