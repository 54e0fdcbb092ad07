"""What this machine has for models."""

from __future__ import annotations

import json
import os
import sys

import pytest

from r1chat import paths
from r1chat.hub import bandwidth, machine
from r1chat.hub.machine import Gpu, Machine

posix_only = pytest.mark.skipif(sys.platform != "linux", reason="nvidia-smi is a shell script here")

MIB = 1 << 20
GIB = 1 << 30


@pytest.fixture
def nvidia(monkeypatch, tmp_path):
    """Puts an nvidia-smi on the path that says what it is given."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(machine, "_CARDS", tmp_path / "drm")

    def write(says: str) -> None:
        (tmp_path / "says").write_text(says)
        program = folder / "nvidia-smi"
        program.write_text(f"#!/bin/sh\ncat '{tmp_path}/says'\n")
        program.chmod(0o755)

    return write


@posix_only
def test_gpus_are_listed_with_their_memory(nvidia, tmp_path):
    nvidia("NVIDIA GeForce RTX 4090, 24564, 23000\nTesla, the first, 15360, 15360\n")
    found = machine.this_machine(tmp_path, backends={"cuda"}, measure=False)
    assert found.gpus == (
        Gpu("NVIDIA GeForce RTX 4090", 24564 * MIB, 23000 * MIB),
        Gpu("Tesla, the first", 15360 * MIB, 15360 * MIB),
    )
    assert found.gpu_free == 38360 * MIB


@posix_only
@pytest.mark.parametrize("says", ["", "no devices were found", "A, [N/A], [N/A]\n", "A, 1\n", ",,"])
def test_a_gpu_that_tells_no_sizes_is_left_out(nvidia, says):
    nvidia(says)
    assert list(machine._gpus({"vulkan"})) == []


@posix_only
def test_a_gpus_name_can_do_nothing_to_the_terminal(nvidia):
    nvidia("RTX\x1b]52;c;x\x07 \u202e4090, 1024, 2048\n")
    assert list(machine._gpus({"vulkan"})) == [Gpu("RTX 4090", GIB, GIB)]


@posix_only
@pytest.mark.parametrize(
    ("visible", "names"), [("", []), ("-1", []), ("1", ["B"]), ("0, 1", ["A", "B"])]
)
def test_a_gpu_that_is_hidden_from_us_does_not_count(nvidia, monkeypatch, visible, names):
    nvidia("A, 1024, 1024\nB, 1024, 1024\n")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [gpu.name for gpu in machine._gpus({"vulkan"})] == names


@posix_only
def test_without_a_build_for_gpus_none_is_even_asked_for(nvidia, tmp_path):
    nvidia("A, 1024, 1024\n")
    assert machine.this_machine(tmp_path, backends=(), measure=False).gpus == ()


@posix_only
def test_amds_cards_are_found_where_the_kernel_shows_them(monkeypatch, tmp_path):
    for card, files in {
        "card0": {"mem_info_vram_total": 8 * GIB, "mem_info_vram_used": GIB},
        "card1": {"mem_info_vram_total": GIB // 2, "mem_info_vram_used": 0},
        "card2": {"mem_info_vram_total": 4 * GIB},
        "card0-DP-1": {},
    }.items():
        folder = tmp_path / card / "device"
        folder.mkdir(parents=True)
        for name, size in files.items():
            (folder / name).write_text(f"{size}\n")
    monkeypatch.setattr(machine, "_CARDS", tmp_path)
    assert list(machine._amd()) == [Gpu("AMD GPU", 8 * GIB, 7 * GIB)]


def test_the_disk_of_a_folder_that_is_not_there_yet_is_known(tmp_path):
    free = machine.disk_free(tmp_path / "not" / "there" / "yet")
    assert free > 0
    assert free == pytest.approx(machine.disk_free(tmp_path), rel=0.05)


def test_this_machine_is_known(tmp_path):
    found = machine.this_machine()
    assert isinstance(found, Machine)
    assert found.threads >= 1
    assert found.disk_free > 0
    assert 0 <= found.ram_free <= found.ram_total
    if sys.platform == "linux":
        assert found.ram_free > 0
        assert found.bandwidth > 1e8


def test_the_bandwidth_is_measured_once(monkeypatch):
    first = bandwidth.bandwidth()
    assert first > 1e8
    monkeypatch.setattr(bandwidth, "measured_now", lambda _: pytest.fail("measured again"))
    assert bandwidth.bandwidth() == first
    file = paths.cache_dir() / "bandwidth.json"
    assert list(json.loads(file.read_text()).values()) == [first]
    if os.name == "posix":
        assert file.stat().st_mode & 0o777 == 0o600


def test_what_another_machine_measured_is_not_believed(monkeypatch):
    monkeypatch.setattr(bandwidth, "measured_now", lambda _: 1e9)
    assert bandwidth.bandwidth() == 1e9
    monkeypatch.setattr(bandwidth.platform, "node", lambda: "another")
    assert bandwidth.bandwidth(measure=False) is None
    monkeypatch.setattr(bandwidth, "measured_now", lambda _: 2e9)
    assert bandwidth.bandwidth() == 2e9
    monkeypatch.undo()


@pytest.mark.parametrize(
    "text", ["", "[1]", "{", '{"x": -1}', '{"x": NaN}', '{"x": "1"}', "\0\xff"]
)
def test_a_damaged_file_is_as_good_as_none(monkeypatch, text):
    monkeypatch.setattr(bandwidth, "_name", lambda: "x")
    file = paths.made(paths.cache_dir()) / "bandwidth.json"
    file.write_text(text, "latin-1")
    assert bandwidth.bandwidth(measure=False) is None
    monkeypatch.setattr(bandwidth, "measured_now", lambda _: 3e9)
    assert bandwidth.bandwidth() == 3e9
    assert bandwidth.bandwidth(measure=False) == 3e9


def test_a_figure_that_cannot_be_kept_is_a_figure_all_the_same(home, monkeypatch):
    (home / "cache").write_text("a file, where a folder should be")
    monkeypatch.setattr(bandwidth, "measured_now", lambda _: 4e9)
    assert bandwidth.bandwidth() == 4e9


def test_without_free_memory_nothing_is_measured(monkeypatch):
    monkeypatch.setattr(bandwidth, "available_memory", lambda: 4 * MIB)
    assert bandwidth.bandwidth() is None
    assert not (paths.cache_dir() / "bandwidth.json").exists()
