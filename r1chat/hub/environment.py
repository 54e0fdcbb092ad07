"""The Hub's settings from environment variables, as its other tools read them.

huggingface_hub reads them once, when it is imported; here they are those of the moment.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from r1chat.addresses import is_plain_to_other_machine
from r1chat.errors import NetworkError
from r1chat.sanitize import line
from r1chat.version import __version__

DEFAULT_ENDPOINT = "https://huggingface.co"
_TRUE = {"1", "ON", "YES", "TRUE"}
_TOKEN = re.compile(r"[!-~]{1,4096}")
_LONGEST_TOKEN_FILE = 8192
_TIMEOUT_S = 10.0
_LONGEST_TIMEOUT_S = 600.0


def home() -> Path:
    """The folder of the Hub's tools: ``HF_HOME``, else in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path("~") / ".cache")
    return expanded(os.environ.get("HF_HOME") or str(Path(cache) / "huggingface"))


def token_file() -> Path:
    """Where ``hf auth login`` keeps the token."""
    named = os.environ.get("HF_TOKEN_PATH")
    return expanded(named) if named else home() / "token"


def is_offline() -> bool:
    """Whether the user forbids going to the Hub."""
    return is_true("HF_HUB_OFFLINE") or (
        not os.environ.get("HF_HUB_OFFLINE") and is_true("TRANSFORMERS_OFFLINE")
    )


@dataclass(frozen=True, slots=True)
class Environment:
    """How to reach the Hub, and as whom."""

    endpoint: str
    """Without a slash at its end."""
    offline: bool
    token: str | None = field(repr=False)
    timeout_s: float
    """How long it may say nothing."""

    @classmethod
    def read(cls) -> Environment:
        """Reads it.

        Raises:
            NetworkError: If ``HF_ENDPOINT`` is no address, or a token cannot be one.
        """
        endpoint = (os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).strip().rstrip("/")
        try:
            parts = urlsplit(endpoint)
            good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
            good = good and not (parts.query or parts.fragment or parts.username)
        except ValueError:
            good = False
        if not good or not endpoint.isascii() or not endpoint.isprintable() or " " in endpoint:
            msg = "HF_ENDPOINT is no address such as https://huggingface.co: change or unset it"
            raise NetworkError(msg)
        return cls(endpoint, is_offline(), _token(), _timeout())

    @property
    def host(self) -> str:
        """The Hub's name, to be shown."""
        return line(urlsplit(self.endpoint).netloc, 80)

    @property
    def notice(self) -> str:
        """A warning for the user, or empty."""
        if self.token is None or not is_plain_to_other_machine(self.endpoint):
            return ""
        return f"your token goes to {self.host} unencrypted: give HF_ENDPOINT an https address"

    def is_own(self, url: str) -> bool:
        """Whether an address is at the Hub's own origin, which alone may see the token.

        The same host is no other one for being reached encrypted.
        """
        own, there = origin(self.endpoint), origin(url)
        plain, encrypted = ("http", own[1], 80), ("https", own[1], 443)
        return there == own or (own == plain and there == encrypted)

    def headers(self, url: str) -> dict[str, str]:
        """What to send to an address; the token only to the Hub itself."""
        headers = {"user-agent": f"r1chat/{__version__}", "accept-encoding": "identity"}
        if self.token is not None and self.is_own(url):
            headers["authorization"] = f"Bearer {self.token}"
        return headers


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address.

    Raises:
        ValueError: If it is none.
    """
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port


def _token() -> str | None:
    if is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN"):
        return None
    where = "HF_TOKEN"
    text = os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN") or ""
    if not text.strip():
        file = token_file()
        where = line(str(file))
        try:
            with file.open("rb") as stream:
                text = stream.read(_LONGEST_TOKEN_FILE).decode("ascii", "replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            msg = f"the token in {where} cannot be read: {error.strerror}"
            raise NetworkError(msg) from None
    text = text.strip()
    if text and not _TOKEN.fullmatch(text):
        msg = f"{where} holds no token: run `hf auth login`, or set HF_TOKEN"
        raise NetworkError(msg)
    return text or None


def _timeout() -> float:
    try:
        seconds = float(os.environ.get("HF_HUB_ETAG_TIMEOUT", ""))
    except ValueError:
        return _TIMEOUT_S
    return seconds if 0 < seconds <= _LONGEST_TIMEOUT_S else _TIMEOUT_S


def is_true(name: str) -> bool:
    """Whether a variable is set to something like "yes"."""
    return os.environ.get(name, "").upper() in _TRUE


def expanded(path: str) -> Path:
    """A path in which a user's home and variables may be named."""
    return Path(os.path.expandvars(os.path.expanduser(path)))  # noqa: PTH111  (leaves ~nobody as is)
