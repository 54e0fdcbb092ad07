"""The Hub's API: repositories, files, headers and download addresses."""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from urllib.parse import quote, urljoin

from r1chat.errors import ModelError, NetworkError, UsageError
from r1chat.gguf import Header
from r1chat.hub import answers
from r1chat.hub.beginning import read_header
from r1chat.hub.busy import Busy
from r1chat.hub.client import Answer, Client, Wait
from r1chat.hub.environment import Environment, origin
from r1chat.hub.names import good_commit, good_repo, good_revision, good_sha256
from r1chat.hub.reference import MAIN
from r1chat.hub.refusals import FileChanged, Subject
from r1chat.hub.values import Found, Listing, Location, RemoteFile
from r1chat.sanitize import line

__all__ = [
    "Busy",
    "FileChanged",
    "Found",
    "Listing",
    "Location",
    "Remote",
    "RemoteFile",
]

_MOST_FOUND = 1000
_MOST_PAGES = 40
_MOST_ON_A_PAGE = 50
_MOST_LOOKED_AT = 64
"""Files whose sizes and checksums are asked for one by one."""
_SHOWN = ("downloads", "likes", "lastModified", "gguf", "gated")


class Remote:
    """The Hub that the environment names at this moment. Thread-safe, and cheap to make.

    Args:
        wait: Waits so many seconds, and may raise to give up. With it, long waits that the Hub
            asks for are sat out; without, they are raised as `Busy`.

    Attributes:
        endpoint: Its address.
        notice: A warning for the user, or empty.

    Raises:
        NetworkError: If the environment names no Hub, or a token that cannot be one.
    """

    def __init__(self, wait: Wait | None = None) -> None:
        environment = Environment.read()
        self.endpoint = environment.endpoint
        self.notice = environment.notice
        self._client = Client(environment, wait)

    def search(self, text: str, limit: int = 30) -> list[Found]:
        """Finds repositories of GGUF files by words in their names, the most fetched first.

        Args:
            text: The words.
            limit: Most of them.

        Raises:
            NetworkError: If the Hub does not say.
        """
        limit = max(1, min(limit, _MOST_FOUND))
        url = f"{self.endpoint}/api/models"
        parameters: dict[str, str | list[str]] = {
            "search": line(text),
            "filter": "gguf",
            "sort": "downloads",
            "limit": str(min(limit, _MOST_ON_A_PAGE)),
            "expand": list(_SHOWN),
        }
        found: dict[str, Found] = {}
        for _ in range(_MOST_PAGES):
            value, answer = self._client.json(url, parameters, Subject())
            for one in answers.found(value):
                found.setdefault(one.repo, one)
            url, parameters = self._next(answer), {}
            if len(found) >= limit or not url:
                break
        return list(found.values())[:limit]

    def listing(self, repo: str, revision: str = MAIN) -> Listing:
        """The files of a repository.

        Raises:
            ModelError: If there is no such repository or revision.
            NetworkError: If the Hub does not say.
            UsageError: If that can be no repository or revision.
        """
        if not good_repo(repo) or not good_revision(revision):
            msg = f'"{line(repo, 100)}" at "{line(revision, 60)}" can be no repository of the Hub'
            raise UsageError(msg)
        url = f"{self.endpoint}/api/models/{repo}/revision/{quote(revision, safe='')}"
        subject = Subject(repo, revision)
        value, _ = self._client.json(url, {"blobs": "true"}, subject)
        found = answers.listing(value, repo, revision)
        missing = answers.unmeasured(value)
        return self._measured(found, missing) if missing else found

    def _measured(self, found: Listing, missing: list[str]) -> Listing:
        """Completes a listing whose files have no sizes or no checksums.

        Raises:
            NetworkError: If the Hub says nowhere how large they are and what their checksum is.
        """
        files = {file.path: file for file in found.files if file.path not in missing}
        files |= {file.path: file for file in self._tree(found) if file.path in missing}
        for path in [path for path in missing if path not in files][:_MOST_LOOKED_AT]:
            if file := self._looked_at(found, path):
                files[path] = file
        if not any(path in files for path in missing):
            msg = (
                f"{self._client.environment.host} tells neither size nor checksum of "
                f"{line(missing[0], 100)}: nothing is downloaded unchecked; try another HF_ENDPOINT"
            )
            raise NetworkError(msg)
        return replace(found, files=tuple(files.values()))

    def _tree(self, found: Listing) -> list[RemoteFile]:
        """The files as the tree tells them, if it does, and has checksums."""
        url = f"{self.endpoint}/api/models/{found.repo}/tree/{found.commit}"
        parameters: dict[str, str | list[str]] = {"recursive": "true"}
        files: list[RemoteFile] = []
        with contextlib.suppress(ModelError, NetworkError):
            for _ in range(_MOST_PAGES):
                subject = Subject(found.repo, found.commit)
                value, answer = self._client.json(url, parameters, subject)
                files += answers.tree(value, found.repo, found.commit)
                url, parameters = self._next(answer), {}
                if not url:
                    break
        return files if any(file.sha256 for file in files) else []

    def _looked_at(self, found: Listing, path: str) -> RemoteFile | None:
        """A file, described by the server that has its bytes."""
        url = f"{self.endpoint}/{found.repo}/resolve/{found.commit}/{quote(path)}"
        subject = Subject(found.repo, found.commit, path)
        try:
            answer = self._client.patiently(lambda: self._client.look(url, subject, beyond=True))
        except ModelError:
            return None
        return answers.measured(answer.headers, found.repo, found.commit, path)

    def header(self, file: RemoteFile) -> Header:
        """Reads the header of a GGUF file, and of the file no more than that.

        Of a split model it is the first file's, which has the tensors of that file alone. Its
        long arrays (the vocabulary) have their counts but not their contents.

        Raises:
            ModelError: If it is no whole GGUF file.
            NetworkError: If the Hub does not give it.
        """
        return read_header(file, self.locate, self._client)

    def locate(self, file: RemoteFile) -> Location:
        """Asks where a file's bytes are now, in one try.

        Raises:
            FileChanged: If the Hub has another file there than it said.
            Busy: If it may work later.
            ModelError: If the file is no longer there.
            NetworkError: If the Hub does not give it, e.g. because it is gated.
        """
        url = f"{self.endpoint}/{file.repo}/resolve/{file.commit}/{quote(file.path)}"
        subject = Subject(file.repo, file.commit, file.path)
        answer = self._client.look(url, subject)
        if not answer.is_final:
            msg = f"the Hub does not say where {file.path} is (HTTP {answer.status}): try again"
            raise Busy(msg)
        _compare(file, answer)
        location = answer.headers.get("location", answer.url)
        return Location(location, self._client.environment)

    def _next(self, answer: Answer) -> str:
        """The address of the next page, if it is at the Hub, or where the Hub sent us."""
        match = re.search(r'<([^<>]+)>\s*;\s*rel="?next"?', answer.headers.get("link", ""))
        if match is None:
            return ""
        try:
            url = urljoin(answer.url, match[1])
            same = self._client.environment.is_own(url) or origin(url) == origin(answer.url)
        except ValueError:
            return ""
        return url if same else ""


def _compare(file: RemoteFile, answer: Answer) -> None:
    """Checks that what the Hub would send is the file that it listed."""
    linked = answer.headers.get("x-linked-etag")
    etag = _bare(answer.headers.get("etag", "") if linked is None else linked)
    known = good_sha256(etag) or good_commit(etag)
    # A mirror need not know the file's etag, and a store has one of its own: then the checksum has
    # to do, which is taken of what comes.
    believed = linked is not None or (not answer.leads_away and (known or file.sha256 is None))
    size = answer.headers.get("x-linked-size")
    if size is None and not answer.leads_away:
        # Where a mirror has nothing to say of the length of what HEAD does not bring, it says 0.
        size = answer.headers.get("content-length")
        size = None if size == "0" and file.sha256 is not None else size
    if (believed and etag != file.etag) or (size is not None and size != str(file.size)):
        msg = f"{file.path} changed on the Hub since it was listed: start again"
        raise FileChanged(msg)


def _bare(etag: str) -> str:
    return etag.strip().removeprefix("W/").strip('"')
