"""Looks at the test Hub through olah, a mirror of another make, with huggingface_hub.

See CONTRIBUTING.md. Prints what it finds and ends with an error where that is not what the Hub
holds. HF_ENDPOINT is olah's address, TEST_HUB the test Hub's own.
"""

# ruff: noqa: T201, S106 - a program for the terminal; the tokens are the test Hub's

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, RepositoryNotFoundError

REPO = "tester/Made-Up-1.5B-GGUF"
PATH = "Made-Up-1.5B-Q4_K_M.gguf"
GATED = ("tester/Gated-GGUF", "Gated-Q4_K_M.gguf")


def refused(call: Callable[[], object], kind: type[Exception]) -> bool:
    """Whether a call ends in exactly this error."""
    try:
        call()
    except kind as error:
        return type(error) is kind or kind is EntryNotFoundError
    return False


def main() -> None:
    """Compares what comes through olah with what comes straight from the Hub."""
    through, straight = HfApi(token=False), HfApi(os.environ["TEST_HUB"], token=False)
    files = {entry.path: entry for entry in straight.list_repo_tree(REPO, recursive=True)}
    assert {entry.path for entry in through.list_repo_tree(REPO, recursive=True)} == set(files)
    names = {sibling.rfilename for sibling in through.model_info(REPO).siblings or []}
    assert names == set(files)
    assert [entry.path for entry in through.get_paths_info(REPO, ["README.md"])] == ["README.md"]
    assert through.whoami(token="hf_token_of_a_member")["name"] == "member"
    print("listed:", ", ".join(files))
    with tempfile.TemporaryDirectory() as folder:
        data = Path(hf_hub_download(REPO, PATH, cache_dir=folder)).read_bytes()
        assert hashlib.sha256(data).hexdigest() == files[PATH].lfs.sha256
        url = f"{os.environ['HF_ENDPOINT']}/{REPO}/resolve/main/{PATH}"
        headers = {"Range": "bytes=1000000-1000015"}
        part = httpx2.get(url, headers=headers, follow_redirects=True)
        assert (part.status_code, part.content) == (206, data[1_000_000:1_000_016])
        print(f"downloaded: {len(data)} bytes, the sum is right, and so is a range")

        def fetch(repo: str, path: str, token: str | bool = False) -> str:
            return hf_hub_download(repo, path, cache_dir=folder, token=token)

        assert refused(lambda: fetch(REPO, "none"), EntryNotFoundError)
        assert refused(lambda: fetch("tester/None", "none"), RepositoryNotFoundError)
        assert refused(lambda: fetch(*GATED), GatedRepoError)
        assert refused(lambda: fetch(*GATED, "hf_token_of_a_stranger"), GatedRepoError)
        assert fetch(*GATED, "hf_token_of_a_member")
        print("refused: what is missing, and what is gated; open to a member")


if __name__ == "__main__":
    main()
