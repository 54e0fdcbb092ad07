"""Resumable, verified downloads.

From the top: `whole` (a model's files, one after the other; whose turn it is), `transfer` (one
file: its requests, its checksum, its journal), `fetch` (one request), `part` (what is here).
"""

from r1chat.hub.download.control import Control
from r1chat.hub.download.progress import Progress, State
from r1chat.hub.download.whole import begun, download, fetched, forget

__all__ = ["Control", "Progress", "State", "begun", "download", "fetched", "forget"]
