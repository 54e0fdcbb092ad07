"""A Hub for tests: it speaks the Hub's protocol on this machine, and breaks as it is told to."""

from tests.hub.server import faults, hostile
from tests.hub.server.content import Bytes, Content, Generated, OnDisk
from tests.hub.server.faults import Faults
from tests.hub.server.hub import MEMBER, STRANGER, Hub
from tests.hub.server.record import Request, Requests
from tests.hub.server.repos import File, Repo

__all__ = [
    "MEMBER",
    "STRANGER",
    "Bytes",
    "Content",
    "Faults",
    "File",
    "Generated",
    "Hub",
    "OnDisk",
    "Repo",
    "Request",
    "Requests",
    "faults",
    "hostile",
]
