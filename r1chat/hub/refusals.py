"""Explains the Hub's errors in one line, with what to do about them."""

from __future__ import annotations

import email.utils
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from r1chat.errors import ModelError, NetworkError, R1ChatError
from r1chat.formatting import format_remaining
from r1chat.hub.busy import Busy
from r1chat.sanitize import line

if TYPE_CHECKING:
    from r1chat.hub.way import Way

_LONGEST_REASON = 120
_DAY_S = 86_400.0
_PASSING = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT}
_UNKNOWN_METHOD = {HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}
# The Hub does not tell what is not there from what this user may not see.
_MISSING = {HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND}


class FileChanged(NetworkError):  # noqa: N818  (what happened, not what went wrong)
    """The Hub has another file under that name and commit than it said before."""


class NoSuchMethod(NetworkError):  # noqa: N818  (what happened, not what went wrong)
    """The Hub does not support such a request at an address."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What was asked for, in names that are fit to be shown."""

    repo: str = ""
    revision: str = ""
    path: str = ""


def refusal(  # noqa: C901, PLR0911  (one for each kind of refusal)
    status: int, headers: Mapping[str, str], body: bytes, subject: Subject, way: Way
) -> R1ChatError:
    """What an answer with a status of 400 or more means.

    Args:
        status: The answer's.
        headers: Likewise.
        body: Likewise.
        subject: What was asked for.
        way: The way that the answer came.

    Returns:
        A ModelError for what does not exist, a `Busy` for what may work later, else a
        NetworkError.
    """
    environment = way.environment
    host, repo, page = way.party, subject.repo, f"{environment.endpoint}/{subject.repo}"
    code = headers.get("x-error-code", "")
    reason = _reason(headers, body)
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return NetworkError(way.password_wanted)
    if code == "GatedRepo":
        account = "with your token's account" if environment.token else "and set HF_TOKEN"
        return NetworkError(f"{repo} is gated: accept its licence at {page} {account}")
    if status == HTTPStatus.UNAUTHORIZED and environment.token and "credentials" in reason.lower():
        return NetworkError(
            f"{host} does not know your token: run `hf auth login`, or set another HF_TOKEN"
        )
    if status in _UNKNOWN_METHOD:
        return NoSuchMethod(f"{host} does not answer such requests (HTTP {status}){way.via}")
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _busy(status, headers, reason, way)
    detail = f" ({reason})" if reason else ""
    if subject.path and not way.is_hub and not code:
        # A store, not a Hub: it knows addresses, and neither repositories nor tokens.
        return NetworkError(
            f"{host} refuses {line(subject.path, 100)} with HTTP {status}{detail}{way.via}: "
            "try again, or look whether your network lets that host through"
        )
    if code == "RevisionNotFound":
        return ModelError(f"{repo} has no revision {line(subject.revision, 60)}: see {page}")
    if code == "EntryNotFound" or (
        status == HTTPStatus.NOT_FOUND and subject.path and code != "RepoNotFound"
    ):
        return ModelError(f"{repo} has no file {line(subject.path, 100)}: see {page}")
    if repo and (code == "RepoNotFound" or status in _MISSING):
        seen = "your token may not see it" if environment.token else "it is private: set HF_TOKEN"
        return ModelError(f"there is no {repo} on {host}, or {seen}. Check the name")
    if status == HTTPStatus.FORBIDDEN and repo:
        hint = "" if environment.token else ": set HF_TOKEN if you may use it"
        return NetworkError(f"{host} refuses access to {repo}{detail}{way.via}{hint}")
    return NetworkError(f"{host} says HTTP {status}{detail}{way.via}: check HF_ENDPOINT")


def _busy(status: int, headers: Mapping[str, str], reason: str, way: Way) -> Busy:
    wait = wait_asked_for(headers)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        when = f"in {format_remaining(wait)}" if wait is not None else "in some minutes"
        return Busy(f"{way.party} has had too many requests from here: try again {when}", wait)
    detail = f" ({reason})" if reason else ""
    return Busy(f"{way.party} fails with HTTP {status}{detail}{way.via}: try again later", wait)


def wait_asked_for(headers: Mapping[str, str]) -> float | None:
    """The seconds that a server wants to be left alone, if it says so; a day at most.

    Args:
        headers: By names in lower case, or whatever does not mind the case.
    """
    # E.g. `"api";r=0;t=55`: the requests that remain, and the time until there are more.
    limit = re.search(r";\s*r\s*=\s*0\s*;\s*t\s*=\s*(\d{1,9})\b", headers.get("ratelimit", ""))
    after = headers.get("retry-after", "").strip()
    if limit:
        seconds = float(limit[1])
    elif re.fullmatch(r"\d{1,9}", after):
        seconds = float(after)
    else:
        try:
            seconds = email.utils.parsedate_to_datetime(after).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(seconds, 0.0), _DAY_S)


def _reason(headers: Mapping[str, str], body: bytes) -> str:
    """What the server itself says, made fit to be shown."""
    said: object = headers.get("x-error-message", "")
    if not said:
        text = body.decode("utf-8", "replace")
        try:
            values = json.loads(text)
            said = values.get("error") if isinstance(values, dict) else ""
        except (ValueError, RecursionError):
            said = "" if "<" in text else text  # A web page says nothing.
    return line(said, _LONGEST_REASON) if isinstance(said, str) else ""
