"""A server, and the references that lead to one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from r1chat.errors import UsageError
from r1chat.sanitize import line

_LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|::1|\[::1\]|0\.0\.0\.0")
_SCHEMES = ("http", "https")
_FORM = "a server is an address such as http://127.0.0.1:8080/v1#model"


@dataclass(frozen=True, slots=True)
class Server:
    """Where an OpenAI-compatible server answers.

    Raises:
        UsageError: If it is no address that r1chat can use.
    """

    url: str
    """Up to and with the ``/v1``, if it has one; without a slash at its end."""
    key: str | None = field(default=None, repr=False, compare=False)
    """The API key. It goes into one header and nowhere else."""
    name: str = ""
    """What the user calls it."""

    def __post_init__(self) -> None:
        parts = _split(self.url)
        if parts.username is not None or parts.password is not None:
            # Not even shown: what stands there is a secret.
            msg = "an address must not hold a name or a key; `r1chat servers` keeps keys safely"
            raise UsageError(msg)
        if parts.query or parts.fragment:
            msg = f"{line(self.url)} is not the address of a server; {_FORM}"
            raise UsageError(msg)
        if self.key is not None and not re.fullmatch(r"[!-~]{1,4096}", self.key):
            msg = f"the key for {self.host} has characters that no key has; set it anew"
            raise UsageError(msg)
        object.__setattr__(self, "url", self.url.rstrip("/"))

    @property
    def host(self) -> str:
        """Name and port, fit to be shown."""
        return line(_split(self.url).netloc.rpartition("@")[2], 80)

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        return _LOOPBACK.fullmatch(_split(self.url).hostname or "") is not None

    @property
    def is_private(self) -> bool:
        """Whether nobody on the way can read along."""
        return self.is_local or self.url.lower().startswith("https:")

    @property
    def root(self) -> str:
        """The address without its ``/v1``: where servers keep what is their own."""
        return self.url.removesuffix("/v1")


def parse(ref: str) -> tuple[Server, str] | None:
    """Reads a model reference that is the address of a server.

    Args:
        ref: ``http://host:port/v1#model``, or ``https://…``; the model may be left out.

    Returns:
        The server and the model's name, which may be empty; None where it is no address.

    Raises:
        UsageError: If it is one that cannot be used.
    """
    if not ref.lower().startswith(tuple(f"{scheme}://" for scheme in _SCHEMES)):
        return None
    url, _, model = ref.partition("#")
    return Server(url), model


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        # Reading the port checks it.
        usable = parts.port != 0 and parts.scheme in _SCHEMES and parts.hostname
        if usable and re.fullmatch(r"[!-~]+", url):
            return parts
    except ValueError:
        pass
    hidden = "" if "@" in url else f"{line(url)} is not: "
    msg = f"{hidden}{_FORM}"
    raise UsageError(msg)
