"""The validated values that the Hub's API returns."""

from __future__ import annotations

from dataclasses import dataclass, field

from r1chat.hub.environment import Environment


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file in a repository, at one commit."""

    repo: str
    commit: str
    """40 hex digits."""
    path: str
    size: int
    """Bytes."""
    sha256: str | None
    """64 hex digits; None for a small file that lies in git itself."""
    etag: str
    """The SHA-256, or git's SHA-1 of the blob where there is none."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A repository's files at one commit, those with impossible names or sizes left out."""

    repo: str
    revision: str
    """As it was asked for."""
    commit: str
    files: tuple[RemoteFile, ...]
    licence: str
    """As the publisher says it, or empty."""
    gated: bool
    """Whether its terms have to be accepted before anything is fetched."""
    base_model: str
    """What it was made from, or empty."""


@dataclass(frozen=True, slots=True)
class Found:
    """A repository that a search found."""

    repo: str
    downloads: int
    likes: int
    updated: str
    """A date, "2025-01-31", or empty."""
    arch: str
    """E.g. "qwen2"; empty where the Hub does not say."""
    parameters: int | None
    context: int | None
    """Tokens."""
    gated: bool


@dataclass(frozen=True, slots=True)
class Location:
    """Where a file's bytes are. The address may be signed and expire: resolve it again."""

    url: str = field(repr=False)
    environment: Environment = field(repr=False)
    """Of the Hub that said so."""

    @property
    def headers(self) -> dict[str, str]:
        """What to send there; the token only where that is the Hub itself."""
        return self.environment.headers(self.url)
