"""Free ports of this machine."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

_RESERVED = range(10_240, 32_768)
"""Below those that a system gives to connections, which tests beside this one open all the time."""


def free_port() -> int:
    """A port on which nobody listens just now, and that no connection will get meanwhile."""
    while True:
        port = random.SystemRandom().choice(_RESERVED)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
