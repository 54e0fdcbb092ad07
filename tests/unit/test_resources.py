"""What this process may take of its machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from r1chat import resources
from r1chat.resources import Memory

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="programs are shell scripts")

GIB = 1 << 30
MEMINFO = (
    f"MemTotal: {16 * GIB // 1024} kB\nMemAvailable: {12 * GIB // 1024} kB\nHugePages_Total: 0\n"
)
NO_LIMIT_V1 = "9223372036854771712\n"


@pytest.fixture
def system(monkeypatch, tmp_path):
    """Puts files in the places of /proc and /sys/fs/cgroup."""
    monkeypatch.setattr(resources, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(resources, "_GROUPS", tmp_path / "groups")

    def write(files: dict[str, str]) -> None:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


@pytest.fixture
def program(monkeypatch, tmp_path):
    """Puts programs on the path, before all others."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def write(name: str, script: str) -> None:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return write


@linux_only
def test_this_machines_memory_is_known():
    found = resources.memory()
    assert found is not None
    assert 0 < found.free <= found.total
    assert resources.available_memory() <= found.total


@linux_only
@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, Memory(16 * GIB, 12 * GIB)),
        # A container that sees its own group at the top; what it has read is given up again.
        (
            {
                "proc/self/cgroup": "0::/\n",
                "groups/memory.max": f"{8 * GIB}\n",
                "groups/memory.current": f"{5 * GIB}\n",
                "groups/memory.stat": f"anon 7\ninactive_file {GIB}\nactive_file {2 * GIB}\n",
            },
            Memory(8 * GIB, 6 * GIB),
        ),
        # A group below another one, of which the upper is the tighter.
        (
            {
                "proc/self/cgroup": "0::/user.slice/app\n",
                "groups/user.slice/memory.max": f"{4 * GIB}\n",
                "groups/user.slice/memory.current": f"{GIB}\n",
                "groups/user.slice/app/memory.max": f"{6 * GIB}\n",
                "groups/user.slice/app/memory.current": "0\n",
            },
            Memory(4 * GIB, 3 * GIB),
        ),
        # The soft limit slows down whoever passes it so much that it may as well be a hard one.
        (
            {
                "proc/self/cgroup": "0::/app\n",
                "groups/app/memory.max": "max\n",
                "groups/app/memory.high": f"{2 * GIB}\n",
                "groups/app/memory.current": f"{GIB}\n",
            },
            Memory(2 * GIB, GIB),
        ),
        # Version 1, with the host's path, which is not there in the container.
        (
            {
                "proc/self/cgroup": "5:cpu,cpuacct:/\n4:memory:/docker/4711\n0::/\n",
                "groups/memory/memory.limit_in_bytes": f"{8 * GIB}\n",
                "groups/memory/memory.usage_in_bytes": f"{4 * GIB}\n",
                "groups/memory/memory.stat": f"inactive_file 1\ntotal_inactive_file {GIB}\n",
            },
            Memory(8 * GIB, 5 * GIB),
        ),
        (
            {
                "proc/self/cgroup": "4:memory:/\n",
                "groups/memory/memory.limit_in_bytes": NO_LIMIT_V1,
                "groups/memory/memory.usage_in_bytes": f"{4 * GIB}\n",
            },
            Memory(16 * GIB, 12 * GIB),
        ),
        # More is used than is allowed: nothing is free.
        (
            {
                "proc/self/cgroup": "0::/\n",
                "groups/memory.max": f"{GIB}\n",
                "groups/memory.current": f"{2 * GIB}\n",
            },
            Memory(GIB, 0),
        ),
        ({"proc/self/cgroup": "nonsense\n::\n0::\n\n"}, Memory(16 * GIB, 12 * GIB)),
        (
            {
                "proc/self/cgroup": "0::/../other\n",
                "groups/memory.max": "-5\n",
                "groups/memory.current": "lots\n",
            },
            Memory(16 * GIB, 12 * GIB),
        ),
    ],
)
def test_the_tightest_limit_of_all_control_groups_holds(system, files, expected):
    system({"proc/meminfo": MEMINFO} | files)
    assert resources._linux() == expected


@linux_only
@pytest.mark.parametrize("text", ["", "MemTotal: 5 kB\n", "MemTotal\nMemAvailable: x kB\n", "\0"])
def test_what_cannot_be_read_is_unknown(system, text):
    system({"proc/meminfo": text})
    assert resources._linux() is None


@linux_only
def test_a_limit_of_the_address_space_counts(run_python):
    done = run_python(
        "-c",
        "import resource\n"
        "from r1chat import resources\n"
        "resource.setrlimit(resource.RLIMIT_AS, (3 << 29, -1))\n"
        "print(resources.available_memory())",
    )
    assert done.returncode == 0, done.stderr
    assert 0 < int(done.stdout) < GIB


@posix_only
def test_a_mac_is_asked_by_its_programs(program):
    program("sysctl", 'test "$*" = "-n hw.memsize" && echo 17179869184')
    program(
        "vm_stat",
        "cat <<END\n"
        "Mach Virtual Memory Statistics: (page size of 16384 bytes)\n"
        "Pages free:                               10000.\n"
        "Pages active:                            300000.\n"
        "Pages inactive:                          200000.\n"
        "Pages speculative:                         5000.\n"
        "Pages wired down:                        100000.\n"
        'Pages purgeable:                           1000.\n"Translation faults":    99.\n'
        "END",
    )
    assert resources._mac() == Memory(16 * GIB, 215000 * 16384)


@posix_only
@pytest.mark.parametrize(
    "script", ["exit 1", "echo", "printf '\\377\\376 of 16 bytes'", "kill -9 $$"]
)
def test_a_program_that_fails_tells_nothing(program, script):
    program("sysctl", script)
    program("vm_stat", script)
    assert resources._mac() is None


@posix_only
def test_a_program_that_hangs_is_given_up(program):
    program("nvidia-smi", "exec sleep 600")  # longer than a test may take
    assert resources.output("nvidia-smi") == ""


def test_a_number_is_read_only_where_there_is_one(tmp_path: Path):
    path = tmp_path / "number"
    assert resources.number(path) is None
    for text, expected in (("12\n", 12), ("", None), ("max\n", None), ("-1", None), ("²", None)):
        path.write_text(text, "utf-8")
        assert resources.number(path) == expected
