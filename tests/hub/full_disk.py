"""Downloads onto a disk of 20 MB that gets full, then onto one with room again.

`python -m tests.hub.full_disk FOLDER before|during` mounts the disk on the folder, so it has to run
in a name space of its own. Prints what it found as JSON.
"""

# ruff: noqa: T201 - a program for a test

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

from r1chat.errors import NetworkError
from r1chat.hub.download import Progress
from r1chat.hub.reference import parse
from r1chat.hub.remote import Remote
from r1chat.hub.variants import find
from tests.hub.pulling import REF, cached_files, leftovers, pull

ROOM = 10_000_000
"""Bytes that are left free where the disk is full from the beginning."""


def main() -> None:
    """Fails once, and then does it."""
    folder, how = Path(sys.argv[1]), sys.argv[2]
    mount = shutil.which("mount")
    assert mount
    subprocess.run([mount, "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(folder)], check=True)
    ballast = folder / "ballast"
    meant = parse(REF)
    assert meant is not None
    file = find(Remote(), meant).files[0]

    def fill(leave: int = 0) -> None:
        ballast.write_bytes(b"\0" * max(shutil.disk_usage(folder).free - leave, 0))

    def fill_soon(progress: Progress) -> None:
        if progress.done > file.size / 2 and not ballast.exists():
            fill()

    if how == "before":
        fill(ROOM)
    error = ""
    try:
        pull(on_progress=fill_soon if how == "during" else None)
    except NetworkError as caught:
        error = str(caught)
    kept = sum(cached_files().values())
    ballast.unlink()
    path = pull()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    found = {
        "error": error,
        "kept": kept,
        "whole": digest == file.sha256,
        "leftovers": leftovers(),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
