"""Models on OpenAI-compatible servers, on this machine or another."""

from r1chat.engine.remote.engine import RemoteEngine
from r1chat.engine.remote.segment import Patience
from r1chat.engine.remote.server import Server

__all__ = ["Patience", "RemoteEngine", "Server"]
