"""`r1chat doctor` on this machine, and on machines that are broken in earnest."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import re
import shlex
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from r1chat import doctor, gpu, install, paths
from r1chat.doctor import child, examination, machine
from r1chat.doctor.findings import Finding, Section, as_json, as_text, healthy
from r1chat.errors import R1ChatError

posix_only = pytest.mark.skipif(os.name != "posix", reason="provoked with POSIX's means")
linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@pytest.fixture
def fake_llama(tmp_path, monkeypatch):
    """Puts another llama_cpp in the way of the child's."""

    def put(code):
        package = tmp_path / "fake" / "llama_cpp"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "llama_cpp.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(package.parent))

    return put


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Puts a command on the path that prints a text."""

    def put(name, text, code=0):
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "text").write_text(text)
        file = folder / name
        file.write_text(f"#!/bin/sh\ncat {shlex.quote(str(folder))}/{name}.text\nexit {code}\n")
        (folder / f"{name}.text").write_text(text)
        file.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")

    return put


def found(sections, title, name):
    (section,) = [each for each in sections if each.title == title]
    return next(each for each in section.findings if each.name == name)


@pytest.mark.engine
def test_this_machine_is_healthy(capsys):
    assert doctor.main(Namespace(format="text")) == 0
    text = capsys.readouterr().out
    assert "44 + 41 + 25 = " in text
    assert str(paths.log_file()) in text
    assert re.search(r"speed +[0-9.,]+ tokens/s", text)


@pytest.mark.engine
def test_it_tells_programs_the_same(capsys):
    assert doctor.main(Namespace(format="json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["healthy"] is True
    assert {"Versions", "Machine", "llama.cpp", "Built-in model", "Files"} == set(told["sections"])


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_path_that_the_terminal_lacks_letters_for_is_no_failure(monkeypatch, form):
    sections = [Section("Files", [Finding("log", "/home/jörg/r1chat.log")])]
    monkeypatch.setattr(examination, "examine", lambda: sections)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert doctor.main(Namespace(format=form)) == 0
    assert b"/home/j" in sys.stdout.buffer.getvalue()


def test_a_full_disk_is_named_instead_of_the_findings(monkeypatch):
    monkeypatch.setattr(examination, "examine", lambda: [Section("S", [Finding("a", "b")])])
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(R1ChatError, match="No space left"):
            doctor.main(Namespace(format="text"))
        monkeypatch.undo()
        with contextlib.suppress(OSError):
            full.close()


def test_it_leaves_no_files_behind(home):
    examination.examine()
    assert [path for path in home.rglob("*") if path.is_file()] == []


@posix_only
@pytest.mark.parametrize(
    ("code", "said", "advised"),
    [
        ("import os; os.kill(os.getpid(), 4)", "it crashed: SIGILL", "for another processor"),
        ("import os; os.kill(os.getpid(), 11)", "it crashed: SIGSEGV", "Reinstall it"),
        (
            "raise OSError('libgomp.so.1: cannot open shared object file: No such file')",
            "libgomp.so.1",
            "Debian's libgomp1",
        ),
        ("raise SystemExit(3)", "it ended with 3", "Reinstall it"),
        ("import os; os._exit(0)", "something else", "Reinstall it"),
    ],
)
def test_a_broken_build_is_named_and_not_fatal(fake_llama, capsys, code, said, advised):
    fake_llama(code)
    assert doctor.main(Namespace(format="text")) == 1
    text = capsys.readouterr().out
    assert re.search(rf"^X loads +no: .*{re.escape(said)}", text, re.MULTILINE)
    assert advised in text
    assert "pip install " in text
    assert "--force-reinstall" in text
    assert "Built-in model" not in text


@pytest.mark.engine
def test_libraries_of_another_folder_are_found_and_named(monkeypatch, tmp_path):
    own = importlib.util.find_spec("llama_cpp").submodule_search_locations[0]
    (tmp_path / "lib").symlink_to(Path(own, "lib"))
    monkeypatch.chdir(tmp_path)
    # The child works in another folder.
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", "lib")
    build = child.run("r1chat.engine.about", 60)
    assert build.result["folder"] == str(tmp_path / "lib")
    loads, ggml, *_ = examination._build(build, processor("AVX"))
    assert loads.value.endswith(f"{tmp_path}/lib, which LLAMA_CPP_LIB_PATH names")
    assert re.match(r"\d+\.\d+", ggml.value)
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", "")
    assert child.run("r1chat.engine.about", 60).result["folder"] == str(Path(own, "lib"))


def test_a_folder_without_the_libraries_is_named_with_the_way_back(monkeypatch, tmp_path):
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(tmp_path))
    (loads,) = examination._build(child.Outcome(failure="not found"), processor())
    assert loads.level == "broken"
    assert f"LLAMA_CPP_LIB_PATH is {tmp_path}" in loads.advice[0]
    assert "LLAMA_CPP_LIB_PATH" in loads.advice[1]
    assert "pip install" in loads.advice[1]


@posix_only
def test_a_build_that_hangs_is_given_up(fake_llama, monkeypatch):
    fake_llama("import time; time.sleep(60)")
    monkeypatch.setattr(examination, "_BUILD_TIMEOUT_S", 0.5)
    assert found(examination.examine(), "llama.cpp", "loads").value == "no: it hung for 0.5 s"


def build(features, *, gpu_offload=False, gpus=()):
    result = {
        "seconds": 0.1,
        "features": features,
        "gpu_offload": gpu_offload,
        "gpus": list(gpus),
        "ggml_version": "1.2.3",
        "ggml_commit": None,
        "folder": "/lib",
    }
    return child.Outcome(result=result)


def processor(*features):
    return machine.Processor("a processor", frozenset(features), 4, 8, None)


def levels(findings):
    return {finding.name: finding.level for finding in findings}


def test_a_build_that_wastes_the_processor_is_odd():
    findings = examination._build(build("CPU : AVX = 1 | AVX2 = 0 |"), processor("AVX", "AVX2"))
    (lost,) = [finding for finding in findings if finding.name == "not used"]
    assert (lost.value, lost.level) == ("AVX2", "odd")
    assert any("pip install" in advice for advice in lost.advice)


def test_a_build_for_more_than_the_processor_is_odd():
    findings = examination._build(
        build("CPU : AVX = 1 | AVX512 = 1 | OPENMP = 1"), processor("AVX")
    )
    (foreign,) = [finding for finding in findings if finding.name == "not on this machine"]
    assert (foreign.value, foreign.level) == ("AVX512", "odd")


def test_a_fitting_build_is_fine():
    findings = examination._build(build("CPU : AVX = 1 | OPENMP = 1"), processor("AVX", "SSE3"))
    assert set(levels(findings).values()) == {"fine"}


@posix_only
def test_a_gpu_that_lies_idle_comes_with_its_command(command):
    command("nvidia-smi", "NVIDIA H100, 81559 MiB\n")
    (offload,) = [
        finding
        for finding in examination._offload([], offloads=False)
        if finding.name == "GPU offload"
    ]
    assert offload.level == "odd"
    assert offload.advice[1].startswith('CMAKE_ARGS="-DGGML_CUDA=on" ')
    assert "'llama-cpp-python" in offload.advice[1]


def test_the_gpus_that_llama_cpp_sees_are_listed_in_the_order_of_a_split():
    card = {"name": "CUDA0", "description": "NVIDIA H100", "total": 80 << 30, "free": 79 << 30}
    graphics = {"name": "X1", "description": "Graphics", "total": 0, "free": 0, "shared": True}
    findings = examination._build(
        build("OPENMP = 1", gpu_offload=True, gpus=[card | {"shared": False}, graphics]),
        processor("AVX"),
    )
    assert [each.value for each in findings if each.name == "GPU offload"] == [
        "NVIDIA H100 (CUDA0): 84.8 GB of 85.9 GB free",
        "Graphics (X1), shared with the processor",
    ]


@posix_only
def test_a_build_that_sees_no_gpu_though_there_is_one_is_odd(command):
    command("nvidia-smi", "NVIDIA H100, 81559 MiB\n")
    findings = examination._build(build("OPENMP = 1", gpu_offload=True), processor("AVX"))
    (offload,) = [each for each in findings if each.name == "GPU offload"]
    assert (offload.level, "driver" in offload.advice[0]) == ("odd", True)


@posix_only
def test_a_driver_that_fails_is_no_gpu(command):
    command("nvidia-smi", "NVIDIA-SMI has failed", code=9)
    assert gpu.found() == []


@posix_only
def test_the_other_kinds_are_told_apart(command):
    command(
        "rocminfo",
        "*******\nAgent 1\n  Name: AMD Ryzen\n  Marketing Name: AMD Ryzen\n"
        "*******\nAgent 2\n  Name: gfx1100\n  Marketing Name: Radeon RX 7900\n",
    )
    command("vulkaninfo", "deviceName = llvmpipe (LLVM)\n\tdeviceName   = Radeon RX 7900\n")
    assert [(each.kind, each.names) for each in gpu.found()] == [
        ("ROCm", ("Radeon RX 7900",)),
        ("Vulkan", ("Radeon RX 7900",)),
    ]


def test_the_command_is_for_this_environment(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    if os.name == "posix":
        with_pip, with_uv = [sys.executable, "-m", "pip"], ["uv", "pip", "install"]
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
        assert shlex.split(install.reinstall())[:3] == with_pip
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
        assert shlex.split(install.reinstall())[:5] == [*with_uv, "--python", sys.executable]
    (tmp_path / "pipx_metadata.json").write_text("{}")
    assert f"pipx runpip {tmp_path.name} install" in install.reinstall()


@posix_only
def test_the_command_survives_spaces(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/my home/python")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    assert shlex.split(install.reinstall("-DGGML_CUDA=on"))[:3] == [
        "CMAKE_ARGS=-DGGML_CUDA=on",
        "/my home/python",
        "-m",
    ]


@linux_only
@pytest.mark.parametrize(
    ("files", "allowance"),
    [
        ({"fs/cpu.max": "150000 100000\n"}, 1.5),
        ({"fs/cpu.max": "max 100000\n"}, None),
        ({"fs/box/cpu.max": "200000 100000\n"}, 2.0),
        (
            {
                "fs/cpu/cpu.cfs_quota_us": "50000\n",
                "fs/cpu/cpu.cfs_period_us": "100000\n",
            },
            0.5,
        ),
        ({}, None),
    ],
)
def test_the_time_that_a_container_may_use_is_read(monkeypatch, tmp_path, files, allowance):
    files |= {"proc/self/cgroup": "3:cpu,cpuacct:/\n2:memory:/\n0::/box\n"}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(machine, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(machine, "_GROUPS", tmp_path / "fs")
    assert machine.processor().allowance == allowance


@linux_only
def test_a_processor_that_tells_nothing_is_unknown(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "_PROC", tmp_path)
    nothing = machine.processor()
    assert (nothing.features, nothing.physical) == (None, None)
    assert found(examination.examine(), "Machine", "its features").value == "unknown"


def test_a_folder_that_cannot_be_written_is_odd(home):
    (home / "data").write_text("a file, where a folder should be")
    found_so = levels(examination._folders())
    assert {name for name, level in found_so.items() if level == "odd"} == {"models", "history"}


def test_faults_in_files_are_odd():
    paths.made(paths.user_themes())
    (paths.user_themes() / "mine.toml").write_text("name = 7")
    paths.settings_file().write_text('{"modle": "tiny"}')
    files = {finding.name: finding for finding in examination._files()}
    assert files["theme"].level == files["settings"].level == "odd"
    assert "modle" in files["settings"].value


def test_what_is_shown_cannot_steer_the_terminal():
    sections = [Section("S", [Finding("a", "x\x1b]0;y\x07\nz", "odd", ("\x1b[2Jgo",))])]
    text = as_text(sections)
    assert "\x1b" not in text
    assert "x z" in text


def test_only_what_is_broken_is_unhealthy():
    odd = [Section("S", [Finding("a", "b", "odd")])]
    broken = [Section("S", [Finding("a", "b", "broken", ("do this",))])]
    assert healthy(odd)
    assert not healthy(broken)
    assert as_json(broken)["sections"]["S"][0]["advice"] == ("do this",)
    assert "Broken: 1" in as_text(broken)
