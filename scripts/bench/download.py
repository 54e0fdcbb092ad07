"""How fast r1chat downloads, what that costs, and how soon it stops.

The server is the test Hub in a process of its own, which sends the file from the disk by the
system's own call. curl and r1chat fetch the same file by turns, each onto the same disk; and the
file's SHA-256 is taken by itself, since no download that checks can be faster than that. Nor can
one that survives a crash be faster than the disk, which curl does not wait for.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import children
import download_cancel
import llama_source
import report

from r1chat.hub.download import Progress, download
from r1chat.hub.reference import parse
from r1chat.hub.remote import Remote
from r1chat.hub.variants import find
from tests.hub.server import Generated

REPO = "tester/speed-GGUF"
PATH = "Speed-Q4_K_M.gguf"
SERVER = llama_source.ROOT / "tests" / "hub" / "server"
STEP = 1 << 20


@dataclass(frozen=True)
class Pull:
    """A download by r1chat, as its own process saw it.

    Args:
        wall_s: From the call to its end, the interpreter's start not counted.
        cpu_s: Of the process, meanwhile.
        early_mib: Resident at a tenth of the file.
        late_mib: Resident at nine tenths.
        peak_mib: Most resident at any time.
        early_cpu_s: Spent on a gigabyte between the first tenth and the half.
        late_cpu_s: Spent on a gigabyte between the half and the last tenth.
    """

    wall_s: float
    cpu_s: float
    early_mib: float
    late_mib: float
    peak_mib: float
    early_cpu_s: float
    late_cpu_s: float


def child() -> None:
    """Downloads once and prints what it cost; runs in a process of its own."""
    marks: dict[float, tuple[float, float, int]] = {}
    peak = 0.0

    def look(progress: Progress) -> None:
        nonlocal peak
        resident = resident_mib()
        peak = max(peak, resident)
        for share in (0.1, 0.5, 0.9):
            if progress.done >= share * progress.total and progress.state == "downloading":
                marks.setdefault(share, (resident, time.process_time(), progress.done))

    remote = Remote()
    meant = parse(f"{REPO}:Q4_K_M")
    assert meant is not None
    variant = find(remote, meant)
    cpu, began = time.process_time(), time.perf_counter()
    download(variant, remote, on_progress=look)
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    # A fast download may be at its end before anybody looks.
    early, half, late = (marks.get(share, (peak, cpu, 1)) for share in (0.1, 0.5, 0.9))

    def per_gb(a: tuple[float, float, int], b: tuple[float, float, int]) -> float:
        return (b[1] - a[1]) / max(b[2] - a[2], 1) * 1e9

    pull = Pull(wall, cpu, early[0], late[0], peak, per_gb(early, half), per_gb(half, late))
    print(json.dumps(vars(pull)))


def resident_mib() -> float:
    """Memory of this process that is in use at the moment."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Runs the Hub with the files of a folder; its address."""
    with subprocess.Popen(
        [sys.executable, str(SERVER), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip().removeprefix("HF_ENDPOINT=")
        finally:
            server.terminate()


def make_file(size: int) -> Path:
    """Writes the file that is served, unless it is there; its folder."""
    folder = llama_source.CACHE / "speed"
    path = folder / PATH
    if not path.is_file() or path.stat().st_size != size:
        folder.mkdir(parents=True, exist_ok=True)
        content = Generated(size, seed=1, begin=b"GGUF")
        with path.open("wb") as file:
            for start in range(0, size, STEP):
                file.write(content.read(start, min(start + STEP, size)))
    return folder


def hash_s(path: Path) -> float:
    """Seconds that the file's SHA-256 takes by itself, the file being in memory already."""
    digest = hashlib.sha256()
    block = memoryview(bytearray(STEP))
    began = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(block):
            digest.update(block[:count])
    return time.perf_counter() - began


def disk_s(size: int, place: Path) -> float:
    """Seconds that a disk takes to have so many bytes for sure, as r1chat's journal asks of it."""
    block = os.urandom(STEP)
    began = time.perf_counter()
    with (place / "disk.gguf").open("wb", buffering=0) as file:
        for start in range(0, size, STEP):
            file.write(block[: min(STEP, size - start)])
        os.fsync(file.fileno())
    return time.perf_counter() - began


def curl_s(url: str, to: Path) -> float:
    """Seconds that curl takes."""
    curl = shutil.which("curl")
    if curl is None:
        message = "curl is needed to compare with"
        raise SystemExit(message)
    began = time.perf_counter()
    subprocess.run([curl, "-sfL", "-o", str(to / "curl.gguf"), url], check=True)
    return time.perf_counter() - began


def pull(url: str, cache: Path) -> Pull:
    """Downloads with r1chat in a process of its own."""
    env = children.environment() | {"HF_ENDPOINT": url, "HF_HUB_CACHE": str(cache)}
    command = [sys.executable, __file__, "--child"]
    done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
    return Pull(**json.loads(done.stdout))


def compare(size: int, pairs: int, to: Path) -> None:
    """Prints r1chat's speed against curl's, and what a download costs."""
    folder = make_file(size)
    curls: list[float] = []
    hashes: list[float] = []
    disks: list[float] = []
    pulls: list[Pull] = []
    with serving(folder) as url, tempfile.TemporaryDirectory(dir=to) as scratch:
        address = f"{url}/{REPO}/resolve/main/{PATH}"
        # The first to ask waits for the Hub to take the file's checksum.
        curl_s(address, Path(scratch))
        for number in range(pairs):
            for who in ("curl", "pull") if number % 2 else ("pull", "curl"):
                with tempfile.TemporaryDirectory(dir=scratch) as place:
                    if who == "curl":
                        curls.append(curl_s(address, Path(place)))
                    else:
                        pulls.append(pull(url, Path(place)))
                os.sync()
            hashes.append(hash_s(folder / PATH))
            with tempfile.TemporaryDirectory(dir=scratch) as place:
                disks.append(disk_s(size, Path(place)))
    print(f"{size / 1e9:g} GB, {pairs} times each; {report.machine()}\n")
    print(report.table(("what", "figure", "bar"), list(rows(size, curls, hashes, disks, pulls))))


def rows(
    size: int, curls: list[float], hashes: list[float], disks: list[float], pulls: list[Pull]
) -> Iterator[tuple[str, str, str]]:
    """The lines of the table."""
    walls = [each.wall_s for each in pulls]
    alone = {"curl": curls, "SHA-256 by itself": hashes, "the disk by itself": disks}
    for name, times in {"r1chat": walls, **alone}.items():
        yield f"{name}, MB/s", report.middle([size / 1e6 / each for each in times], ".0f"), ""
    for name, times, bar in (("curl", curls, 0.5), ("SHA-256 by itself", hashes, 0.9)):
        ratios = [a / b for a, b in zip(times, walls, strict=True)]
        kept = report.verdict(median(ratios), bar, at_least=True)
        yield f"r1chat ÷ {name}", report.middle(ratios), kept
    slowest = [max(times) for times in zip(*alone.values(), strict=True)]
    ratios = [a / b for a, b in zip(slowest, walls, strict=True)]
    yield "r1chat ÷ the slowest of the three", report.middle(ratios), ""
    seconds = [each.cpu_s / size * 1e9 for each in pulls]
    yield "processor time a GB, s", report.middle(seconds, ".2f"), ""
    growth = median(each.late_cpu_s / each.early_cpu_s for each in pulls if each.early_cpu_s > 0)
    yield "the same, second half ÷ first", f"{growth:.2f}", report.verdict(growth, 1.2)
    peaks = [each.peak_mib for each in pulls]
    yield "peak memory, MiB", report.middle(peaks, ".1f"), report.verdict(max(peaks), 100)
    grown = [each.late_mib - each.early_mib for each in pulls]
    yield "memory at 90 % less that at 10 %, MiB", report.middle(grown, ".1f"), ""


def main() -> None:
    """Prints tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("speed", "cancel"), help="one part (default: both)")
    parser.add_argument("--size", type=float, default=2e9, help="bytes of the file")
    parser.add_argument(
        "--to",
        type=Path,
        default=llama_source.CACHE,
        help="where downloads are written; a folder in memory leaves the disk out of it",
    )
    parser.add_argument("--pairs", type=int, default=5, help="downloads by each")
    parser.add_argument("--rounds", type=int, default=50, help="cancels in each state")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child()
        return
    if args.only != "cancel":
        compare(int(args.size), args.pairs, args.to)
    if args.only is None:
        print()
    if args.only != "speed":
        download_cancel.measure(args.rounds)


if __name__ == "__main__":
    main()
