"""Files: the Hub's own address of each, and the other origin that large ones come from."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from urllib.parse import quote, urlencode

from tests.hub.server.answer import Answer, as_error
from tests.hub.server.api import open_repo
from tests.hub.server.call import Call
from tests.hub.server.content import Bytes
from tests.hub.server.repos import File, Repo

RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def resolve(call: Call) -> Answer:
    """Serves a small file, or says where a large one is."""
    found = open_repo(call)
    if isinstance(found, Answer):
        return found
    repo, commit, files = found
    if not repo.readable_by(call.request.user):
        return gated(repo, call.request.user)
    file = files.get(call.path)
    if file is None:
        return as_error(404, "Entry not found", "EntryNotFound", X_Repo_Commit=commit)
    if not file.lfs:
        return here(call, file, commit)
    if call.raw:
        return here(call, File(file.path, file.pointer, lfs=False), commit)
    return elsewhere(call, file, commit)


def gated(repo: Repo, user: str | None) -> Answer:
    """Refuses a file of a repository that everybody may look at, but not read."""
    if user is None:
        message = (
            f"Access to model {repo.name} is restricted. You must have access to it and be "
            "authenticated to access it. Please log in."
        )
        return as_error(401, message, "GatedRepo")
    message = (
        f"Access to model {repo.name} is restricted and you are not in the authorized list. "
        "Ask for access on its page."
    )
    return as_error(403, message, "GatedRepo")


def here(call: Call, file: File, commit: str) -> Answer:
    """A small file's bytes."""
    answer = part(call, file, f'"{file.etag}"')
    answer.headers["X-Repo-Commit"] = commit
    return answer


def elsewhere(call: Call, file: File, commit: str) -> Answer:
    """The way to a large file, with what is to be known of it."""
    url = sign(call, file)
    headers = {
        "Location": url,
        "X-Repo-Commit": commit,
        "X-Linked-Etag": f'"{file.etag}"',
        "X-Linked-Size": str(file.size),
        # Git's name of the pointer, which is not the file's: a client must look at the other one.
        "ETag": f'"{file.oid}"',
        "Accept-Ranges": "bytes",
        "Content-Type": "text/plain; charset=utf-8",
    }
    return Answer(302, headers, Bytes(f"Found. Redirecting to {url}".encode()))


def sign(call: Call, file: File) -> str:
    """A location that works for a while."""
    hub = call.hub
    path = f"/{call.repo}/{file.etag}"
    hub.blobs[path] = file
    expires = str(time.time() + hub.signed_for)
    query = {
        "Expires": expires,
        "Signature": signature(hub.secret, path, expires),
        "response-content-disposition": f'attachment; filename="{quote(file.path)}"',
    }
    return f"{hub.cdn_url}{quote(path)}?{urlencode(query)}"


def signature(secret: bytes, path: str, expires: str) -> str:
    text = f"{path} {expires}".encode()
    return hmac.new(secret, text, hashlib.sha256).hexdigest()


def cdn(call: Call) -> Answer:
    """A large file's bytes."""
    if call.request.authorized:
        # As a store does whose addresses carry their own proof.
        return refusal(400, "InvalidArgument", "Only one auth mechanism allowed")
    path, expires = call.request.path, call.one("Expires", "0")
    signed = hmac.compare_digest(signature(call.hub.secret, path, expires), call.one("Signature"))
    if not signed or float(expires) < time.time():
        return refusal(403, "AccessDenied", "Request has expired")
    file = call.hub.blobs.get(path)
    if file is None:
        return refusal(404, "NoSuchKey", "The specified key does not exist.")
    # A store has an etag of its own, which is not the file's sha256.
    own = hashlib.md5(file.etag.encode(), usedforsecurity=False).hexdigest()
    return part(call, file, f'"{own}-7"')


def refusal(status: int, code: str, message: str) -> Answer:
    """An error the way a store says it."""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    )
    return Answer(status, {"Content-Type": "application/xml"}, Bytes(text.encode()))


def part(call: Call, file: File, etag: str) -> Answer:
    """A file, or the range of it that was asked for."""
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
    }
    answer = Answer(200, headers, file.content)
    asked = RANGE.fullmatch((call.request.range or "").strip())
    if asked is None or call.request.if_range not in (None, etag):
        return answer
    first, last = asked.groups()
    size = file.size
    if first:
        start, stop = int(first), min(int(last) + 1, size) if last else size
    else:
        start, stop = max(size - int(last or 0), 0), size
    if start >= stop:
        return unsatisfiable(size)
    answer.status, answer.start, answer.stop = 206, start, stop
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return answer


def unsatisfiable(size: int) -> Answer:
    """What a range past the end gets."""
    return Answer(416, {"Content-Range": f"bytes */{size}"})
