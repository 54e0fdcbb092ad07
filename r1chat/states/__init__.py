"""Saved states: files of what a model's cache held of a conversation, which can be made again."""

from r1chat.states.file import Damaged, New, Origin, Part, Saved
from r1chat.states.folder import Entry, States, drop, enabled
from r1chat.states.writer import Writer

__all__ = [
    "Damaged",
    "Entry",
    "New",
    "Origin",
    "Part",
    "Saved",
    "States",
    "Writer",
    "drop",
    "enabled",
]
