"""A key that must not come out."""

from __future__ import annotations

from pathlib import Path

KEY = "sk-THE-SECRET-0123456789"


def nowhere(folder: Path, *texts: str) -> bool:
    """Whether the key stands neither in some texts nor in any file of a folder."""
    found = [
        file for file in folder.rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()
    ]
    return not found and not any(KEY in text for text in texts)
