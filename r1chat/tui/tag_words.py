"""Tags as they are typed: completed, read, and sought in the panel of conversations."""

from __future__ import annotations

from collections.abc import Sequence

from textual.suggester import Suggester

from r1chat.tags import normal


class TagSuggester(Suggester):
    """Completes the word at the end to a known tag.

    Args:
        marked: Whether only a word with a # in front is meant to be one.
    """

    def __init__(self, *, marked: bool) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._marked = marked
        self.known: Sequence[str] = ()
        """The tags there are, those first that are meant most often."""

    async def get_suggestion(self, value: str) -> str | None:
        """The text with its last word completed; None where there is nothing to complete."""
        begun = value.rpartition(" ")[2]
        sign = "#" if begun.startswith("#") else ""
        word = begun.removeprefix("#").lower()
        if not word or (self._marked and not sign):
            return None
        used = {each.removeprefix("#").lower() for each in value.split()}
        for tag in self.known:
            if tag.startswith(word) and tag not in used:
                return value + tag[len(word) :]
        return None


def read(text: str) -> list[str]:
    """The tags in a text, spaces or commas between them.

    Raises:
        ValueError: If something in it is none; the message is one line.
    """
    return list(dict.fromkeys(map(normal, text.replace(",", " ").split())))


def sought(text: str) -> tuple[str, tuple[str, ...], bool]:
    """Takes apart what is typed into the search.

    Returns:
        The words, the tags, and whether the last tag is still being typed.
    """
    parts = text.split()
    tags = tuple(each[1:].lower() for each in parts if each.startswith("#") and each[1:])
    words = " ".join(each for each in parts if not each.startswith("#"))
    begun = bool(tags) and parts[-1].startswith("#") and not text[-1:].isspace()
    return words, tags, begun
