"""A model server of our own that breaks as it is told to."""

from tests.remote.server.faults import Fault
from tests.remote.server.server import Asked, ModelServer, marked

__all__ = ["Asked", "Fault", "ModelServer", "marked"]
