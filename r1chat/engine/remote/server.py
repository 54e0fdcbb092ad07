"""The address and key of a server, and the references that lead to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from r1chat.addresses import is_key, is_loopback, is_plain_to_other_machine, normal
from r1chat.errors import UsageError
from r1chat.sanitize import line

_SCHEMES = ("http://", "https://")
_FORM = "a server is an address such as http://127.0.0.1:8080/v1#model"


@dataclass(frozen=True, slots=True)
class Server:
    """Where an OpenAI-compatible server answers.

    Raises:
        UsageError: If it is no address that r1chat can use.
    """

    url: str
    """In its normal form: with ``/v1`` where it had no path, without a slash at its end."""
    key: str | None = field(default=None, repr=False, compare=False)
    """The API key. It goes into one header and nowhere else."""
    name: str = ""
    """What the user calls it."""

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "url", normal(self.url))
        except ValueError as error:
            # The address is not even shown: what stands there may be a secret.
            msg = f"{error}; {_FORM}"
            raise UsageError(msg) from None
        if self.key is not None and not is_key(self.key):
            msg = f"the key for {self.host} has characters that no key has; set it again"
            raise UsageError(msg)

    @property
    def host(self) -> str:
        """Name and port, fit to be shown."""
        return line(urlsplit(self.url).netloc, 80)

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        return is_loopback(urlsplit(self.url).hostname or "")

    @property
    def is_private(self) -> bool:
        """Whether the connection is encrypted or stays on this machine."""
        return not is_plain_to_other_machine(self.url)

    @property
    def root(self) -> str:
        """The address without its ``/v1``: where servers keep what is their own."""
        return self.url.removesuffix("/v1")


def parse(ref: str) -> tuple[Server, str] | None:
    """Reads a model reference that is the address of a server.

    Args:
        ref: ``http://host:port/v1#model``, or ``https://…``; the model and, where it is the whole
            path, the ``/v1`` may be left out.

    Returns:
        The server and the model's name, which may be empty; None where it is no address.

    Raises:
        UsageError: If it is one that cannot be used.
    """
    if not ref.lower().startswith(_SCHEMES):
        return None
    url, _, model = ref.partition("#")
    return Server(url), model
