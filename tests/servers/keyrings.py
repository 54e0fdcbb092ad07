"""Keyrings for tests, chosen by ``PYTHON_KEYRING_BACKEND``; child processes use them too."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

FILE = "R1CHAT_TEST_KEYRING"
"""Names the file that holds the keys."""


class FileKeyring(KeyringBackend):
    """Keeps keys in a file of the test's."""

    priority = 1

    def _all(self):
        file = Path(os.environ[FILE])
        return json.loads(file.read_text()) if file.exists() else {}

    def _write(self, kept):
        Path(os.environ[FILE]).write_text(json.dumps(kept))

    def get_password(self, service, username):
        return self._all().get(f"{service}/{username}")

    def set_password(self, service, username, password):
        self._write({**self._all(), f"{service}/{username}": password})

    def delete_password(self, service, username):
        kept = self._all()
        if kept.pop(f"{service}/{username}", None) is None:
            message = "not found"
            raise PasswordDeleteError(message)
        self._write(kept)


class LockedKeyring(KeyringBackend):
    """One that nobody unlocks."""

    priority = 1

    def get_password(self, *_):
        message = "Failed to unlock the collection!\n\x1b[31m"
        raise KeyringLocked(message)

    delete_password = get_password

    def set_password(self, *given):
        message = f"cannot store {given[-1]}"
        raise KeyringLocked(message)
