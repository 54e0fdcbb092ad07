"""Validates names of repositories, files, revisions and quants.

They become parts of addresses and of paths on this machine, so that nothing passes that has a
meaning of its own there.
"""

from __future__ import annotations

import re
from typing import TypeGuard

from r1chat.sanitize import sanitize

_REPO = re.compile(r"\w(?:[\w.-]*\w)?/\w(?:[\w.-]*\w)?", re.ASCII)
_LONGEST_REPO = 96
_REVISION = re.compile(r"[\w+-][\w.+-]*(?:/[\w+-][\w.+-]*)*", re.ASCII)
_LONGEST_REVISION = 200
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_QUANT = re.compile(r"[A-Z][A-Z0-9]*(?:[_-][A-Z0-9]+)*")
_LONGEST_QUANT = 32
_LONGEST_PATH = 512
# What Windows gives a meaning, and line breaks.
_BAD_IN_PATHS = re.compile(r'[\\<>:"|?*\n\t]')
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE | re.ASCII)


def good_repo(text: str) -> bool:
    """Whether a text is a repository's name by the Hub's rules: "owner/name"."""
    return (
        len(text) <= _LONGEST_REPO
        and bool(_REPO.fullmatch(text))
        and "--" not in text
        and ".." not in text
        and not text.endswith(".git")
    )


def same_repo(one: str, other: str) -> bool:
    """Whether two names mean the same repository: the Hub does not mind the case."""
    return one.lower() == other.lower()


def good_revision(text: str) -> bool:
    """Whether a text can be a branch, a tag or a commit."""
    return (
        len(text) <= _LONGEST_REVISION
        and bool(_REVISION.fullmatch(text))
        and ".." not in text
        and not text.endswith((".", ".lock"))
        and not text.startswith("-")
    )


def good_commit(text: object) -> TypeGuard[str]:
    """Whether a value is a whole commit id."""
    return isinstance(text, str) and bool(_COMMIT.fullmatch(text))


def good_sha256(text: object) -> TypeGuard[str]:
    """Whether a value is a SHA-256 in hex."""
    return isinstance(text, str) and bool(_SHA256.fullmatch(text))


def good_quant(text: str) -> bool:
    """Whether a text can be a quant's name: "Q4_K_M", "UD-IQ2_XXS"."""
    return len(text) <= _LONGEST_QUANT and bool(_QUANT.fullmatch(text))


def good_path(text: str) -> bool:
    """Whether a text is a file's path in a repository that leads nowhere else on any system."""
    return (
        0 < len(text) <= _LONGEST_PATH
        and not _BAD_IN_PATHS.search(text)
        and sanitize(text) == text
        and all(map(_good_part, text.split("/")))
    )


def _good_part(text: str) -> bool:
    # Windows drops dots and spaces at the end of a name.
    return bool(text) and text == text.strip().rstrip(".") and not _DEVICE.fullmatch(text)
