"""The model that is used where nobody has chosen one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from r1chat.commands.default_model import default_model
from r1chat.gguf.needs import Shape
from r1chat.hub import machine
from tests.hub.layouts import a_model, move_in
from tests.tui.shelves import DISTILL, GIB, MACHINE, TINY, StillHub


def local(name, size, **given):
    """A model as it may lie somewhere on this machine."""
    shape = Shape(28, 1536, 12, 2, 128, 32_768, 32_768)
    path = Path(f"/m/{name}.gguf")
    described = {"ref": str(path), "path": path, "size": size, "shape": shape, "thinks": False}
    return replace(DISTILL, **{**described, "repo": "", **given})


def test_the_best_real_model_is_the_one_that_fits_is_fast_enough_thinks_and_is_known(
    monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    small, large = local("small", 10**9), local("large", 3 * 10**9)
    huge, slow = local("huge", 100 * GIB), local("slow", 9 * 10**9)
    thinker = local("thinker", 2 * 10**9, thinks=True)
    broken = local("broken", 3 * 10**9, problem="is cut off")
    here = local("here", 3 * 10**9, path=tmp_path / "here.gguf")
    distill = local("r1", 10**9, thinks=True, repo=DISTILL.repo)
    for several, best in (
        ([], None),
        ([huge], None),
        ([broken, here], None),
        ([small], small),
        ([small, large, huge, broken, here], large),
        ([small, slow], small),
        ([large, thinker], thinker),
        ([thinker, distill, large], distill),
    ):
        found = StillHub([TINY, *several]).usual()
        assert (found and found.path) == (best and best.path)


def test_the_command_line_uses_what_another_program_has_downloaded_and_says_so(
    monkeypatch, tmp_path
):
    monkeypatch.setattr(machine, "this_machine", lambda *_, **__: MACHINE)
    home = move_in(monkeypatch, tmp_path / "user")
    ref, note = default_model(None)
    assert (ref, "built-in tiny model" in note) == ("tiny", True)
    path = a_model(home / ".lmstudio" / "models" / "someone" / "Good-GGUF" / "good.gguf")
    ref, note = default_model(None)
    assert ref == str(path)
    assert ref in note
