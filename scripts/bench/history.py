"""What a large history costs: to open, to read, to search, on the disk; and who waits for whom."""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from history_texts import RARE, Texts, size_of
from history_writers import a_long_reply, kills, two_writers
from report import machine, middle, table, verdict

from r1chat.store import Store

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / ".cache" / "bench-history"
SEARCHES = (
    ("a rare word", RARE, False),
    ("a rare word, thoughts too", RARE, True),
    ("a common word", "value ", False),
    ("a common word, thoughts too", "value ", True),
    ("a word of thoughts only", "hmm ", False),
    ("two common words", "value called ", True),
    ("the beginning of a word", "exc", False),
    ("the same, thoughts too", "exc", True),
    ("two letters", "co", True),
    ("a figure", "73429 ", True),
    ("nothing to be found", "nowhereatall ", True),
)


def build(place: Path, conversations: int, turns: int) -> Path:
    """Makes the history, unless it is there from the last time."""
    path = place / f"history-{conversations}x{turns}.db"
    size = path.with_suffix(".json")
    if size.is_file():
        return path
    place.mkdir(parents=True, exist_ok=True)
    for old in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        old.unlink(missing_ok=True)
    store = Store.open(path)
    texts = 0
    began = time.monotonic()
    for number, loaded in enumerate(Texts().conversations(conversations, turns), 1):
        texts += sum(size_of(node.turn) for node in loaded.conversation.nodes() if node.turn)
        store.add(loaded)
        if number % 100 == 0:
            store.flush()
            print(f"\r{number} conversations, {time.monotonic() - began:.0f} s", end="", flush=True)
    store.flush()
    while not store.indexed:
        time.sleep(0.5)
    store.close()
    print(f"\rbuilt in {time.monotonic() - began:.0f} s" + " " * 20)
    size.write_text(json.dumps({"text": texts}), "utf-8")
    return path


def in_fresh_process(code: str, path: Path) -> list[float]:
    """Runs code that prints milliseconds as JSON."""
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True, env=env
    )
    found: list[float] = json.loads(done.stdout)
    return found


_START = """
import json, sys, time
from pathlib import Path
from r1chat.store import Store
began = time.perf_counter()
store = Store.open(Path(sys.argv[1]))
page = store.conversations(50)
listed = time.perf_counter()
store.load(page[len(page) // 2].id) if page else None
print(json.dumps([1000 * (listed - began), 1000 * (time.perf_counter() - listed)]))
store.close()
"""


def starts(path: Path, rounds: int) -> list[list[str]]:
    """From opening to the first page of the list, and to a conversation."""
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "history.db"
        Store.open(empty).close()
        both = [
            (in_fresh_process(_START, path), in_fresh_process(_START, empty)) for _ in range(rounds)
        ]
    lists = [large[0] for large, _ in both]
    loads = [large[1] for large, _ in both]
    nothing = [small[0] for _, small in both]
    return [
        [
            "start: open it, list 50",
            f"{middle(lists, '.1f')} ms",
            f"{middle(nothing, '.1f')} ms empty",
        ],
        ["the first conversation", f"{middle(loads, '.1f')} ms", verdict(max(loads), 150)],
    ]


def timed(work: Callable[[], object]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def reads(path: Path, rounds: int) -> list[list[str]]:
    """Conversations at random, and searches."""
    store = Store.open(path)
    rng = random.Random(7)
    ids = [each.id for each in store.conversations(10_000)]
    loads = [timed(lambda: store.load(rng.choice(ids))) for _ in range(10 * rounds)]
    rows = [["a conversation at random", f"{middle(loads, '.1f')} ms", verdict(max(loads), 150)]]
    page = [timed(lambda: store.conversations(50, 5000)) for _ in range(rounds)]
    rows.append(["page 100 of the list", f"{middle(page, '.1f')} ms", ""])
    for name, text, thoughts in SEARCHES:
        hits = len(store.search(text, thoughts=thoughts))
        took = [timed(lambda: store.search(text, thoughts=thoughts)) for _ in range(rounds)]  # noqa: B023  (called at once)
        rows.append(
            [f"search: {name} ({hits} hits)", f"{middle(took, '.1f')} ms", verdict(max(took), 200)]
        )
    store.close()
    return rows


def damaged(path: Path) -> list[list[str]]:
    """The start with a large file whose first page is gone, and what comes back."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        copy = Path(shutil.copy(path, folder))
        with copy.open("r+b") as file:
            file.write(bytes(4096))
        start = in_fresh_process(_START, copy)[0]
        began = time.perf_counter()
        store = Store.open(copy)
        while not (notices := store.take_notices()):
            time.sleep(0.1)
        took = time.perf_counter() - began
        store.close()
    return [
        ["start without the file's first page", f"{start:.0f} ms", verdict(start, 2000)],
        [
            f"all rows are back ({notices[0].split(':')[1].split(' rec')[0].strip()})",
            f"{took:.0f} s",
            "",
        ],
    ]


_SEARCH = """
import json, sys, time
from pathlib import Path
from r1chat.store import Store
store = Store.open(Path(sys.argv[1]))
store.conversations(50)
began = time.perf_counter()
store.search("value ", thoughts=True)
print(json.dumps([1000 * (time.perf_counter() - began)]))
store.close()
"""


def main() -> None:
    """Prints tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=10_000)
    parser.add_argument("--turns", type=int, default=10, help="of each")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--place", type=Path, default=PLACE, help="where the history is kept")
    parser.add_argument("--writes", type=int, default=1000, help="of each of two processes")
    parser.add_argument("--kills", type=int, default=100, help="of a process that streams")
    args = parser.parse_args()
    print(machine())
    path = build(args.place, args.conversations, args.turns)
    text = json.loads(path.with_suffix(".json").read_text("utf-8"))["text"]
    size = path.stat().st_size
    rows = [
        [
            "file ÷ text",
            f"{size / 1e6:.0f} ÷ {text / 1e6:.0f} MB = {size / text:.2f}",
            verdict(size / text, 1.6),
        ],
        *starts(path, args.rounds),
        *reads(path, args.rounds),
    ]
    cold = [in_fresh_process(_SEARCH, path)[0] for _ in range(args.rounds)]
    rows.append(
        ["the first search of a process", f"{middle(cold, '.1f')} ms", verdict(max(cold), 200)]
    )
    rows += damaged(path)
    rows += two_writers(args.writes)
    rows += kills(args.kills)
    rows += a_long_reply(20_000)
    replies = args.conversations * args.turns
    print(f"\n{args.conversations} conversations, {replies} replies of some 2,000 tokens\n")
    print(table(["what", "median (range)", "bar"], rows))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
