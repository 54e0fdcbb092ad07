"""Fixtures of the history."""

from __future__ import annotations

import pytest

from r1chat import paths
from r1chat.store import Store


@pytest.fixture
def store():
    """The user's history, empty."""
    opened = Store.open()
    yield opened
    opened.close()


@pytest.fixture
def reopened(store):
    """Closes the history and opens it anew, as the next start would."""
    opened = []

    def reopen():
        store.close()
        opened.append(Store.open())
        assert opened[-1].take_notices() == []
        return opened[-1]

    yield reopen
    for each in opened:
        each.close()


@pytest.fixture
def file():
    """Where the history is."""
    return paths.history_file()
