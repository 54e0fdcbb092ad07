"""Runs the test Hub by hand: `python tests/hub/server --help`."""

# ruff: noqa: T201 - a program for the terminal

from __future__ import annotations

import sys
from pathlib import Path

# Run as a folder, its own modules would stand before everybody's.
sys.path[0] = str(Path(__file__).resolve().parents[3])

import argparse  # noqa: E402
import dataclasses  # noqa: E402
import signal  # noqa: E402
import threading  # noqa: E402

from tests.hub.server import MEMBER, STRANGER, File, Generated, Hub, Repo, faults  # noqa: E402

ROUTES = ("file", "cdn", "info", "search", "tree", "paths", "whoami", "any")


def add_fault(found: faults.Faults, text: str) -> None:
    """Adds a fault written as `Name,field=value,…`; the fields of its rule may stand there, too.

    Raises:
        ValueError: There is no such fault, or it has no such field.
    """
    name, *pairs = text.split(",")
    kind = getattr(faults, name, None)
    if not (isinstance(kind, type) and issubclass(kind, faults.Fault)) or kind is faults.Fault:
        message = f"no such fault: {name}"
        raise ValueError(message)
    own = {field.name: "bytes" in str(field.type) for field in dataclasses.fields(kind)}
    values = dict(pair.partition("=")[::2] for pair in pairs)
    fields = {
        key: text.encode() if own[key] else value(text)
        for key, text in values.items()
        if key in own
    }
    rule = {key: value(text) for key, text in values.items() if key not in own}
    if unknown := rule.keys() - {"on", "method", "path", "times", "skip"}:
        message = f"{name} has no {', '.join(unknown)}"
        raise ValueError(message)
    found.add(kind(**fields), **rule)


def value(text: str) -> object:
    """A number, a truth, nothing, or the text itself."""
    known = {"true": True, "false": False, "none": None}
    if text.lower() in known:
        return known[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def sample(size: int) -> list[Repo]:
    """Something to look at where no files are given."""
    about = {"architecture": "qwen2", "total": 1_777_088_000, "context_length": 131072}
    readme = File("README.md", b"---\nlicense: mit\n---\n# Made up\n", lfs=False)
    return [
        Repo(
            "tester/Made-Up-1.5B-GGUF",
            [
                readme,
                File("Made-Up-1.5B-Q4_K_M.gguf", Generated(size, 1)),
                File("Made-Up-1.5B-Q8_0.gguf", Generated(size * 2, 2)),
            ],
            gguf=about,
        ),
        Repo("tester/Gated-GGUF", [File("Gated-Q4_K_M.gguf", Generated(size, 3))], gated="manual"),
    ]


def main() -> None:
    """Serves until it is interrupted, and prints each request then."""
    parser = argparse.ArgumentParser(prog="python tests/hub/server", description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="each becomes tester/NAME-GGUF")
    parser.add_argument("--size", type=int, default=50_000_000, help="bytes of a made-up file")
    parser.add_argument("--seed", type=int, default=0, help="of the faults")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME,KEY=VALUE,…",
        help="such as Cut,how=reset,times=5 or TooMany,wait=9,on=file,method=any",
    )
    args = parser.parse_args()
    repos = [folder_repo(folder) for folder in args.folders] or sample(args.size)
    hub = Hub(repos)
    hub.faults = faults.Faults(args.seed)
    for text in args.fault:
        try:
            add_fault(hub.faults, text)
        except (TypeError, ValueError) as error:
            parser.error(str(error))
    ended = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: ended.set())
    with hub:
        print(f"HF_ENDPOINT={hub.url}", flush=True)
        print(f"# tokens: {MEMBER}, {STRANGER}; large files at {hub.cdn_url}", flush=True)
        print(f"# {', '.join(hub.repos)}", flush=True)
        ended.wait()
    for request in hub.requests:
        spoilt = f" [{', '.join(request.faults)}]" if request.faults else ""
        asked = f" {request.range}" if request.range else ""
        line = f"{request.status} {request.method} {request.path}{asked} {request.sent}{spoilt}"
        print(line, file=sys.stderr)


def folder_repo(folder: Path) -> Repo:
    """A repository of the files in a folder; those below 1 MB are no large files."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    files = [
        File(path.relative_to(folder).as_posix(), path, lfs=path.stat().st_size >= 1_000_000)
        for path in found
    ]
    return Repo(f"tester/{folder.resolve().name}-GGUF", files, gguf={"architecture": "qwen2"})


if __name__ == "__main__":
    main()
