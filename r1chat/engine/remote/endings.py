"""Ends a reply where its model spells a turn marker and would speak for somebody else.

A server hides the markers that are tokens of its model, as a rule. One that does not, or a model
that spells them in ordinary letters, shows them in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from r1chat.engine.base import Message
from r1chat.prompt import Item, turns
from r1chat.reasoning.code import CodeTracker
from r1chat.reasoning.formats import THINK

_CERTAIN = re.compile(r"[|｜]|_of_turn|INST")
"""What is in the markers of known families that no other text has outside code."""
_TEXT_ENDS = ("<|endoftext|>", "<|end_of_text|>", "<|eos|>", "<|EOT|>", "<|return|>")
"""Markers behind a whole text. In this process they are tokens that a file names."""
_OURS = re.compile(
    r"assistant|chatbot|_bot|end_header|header_end|end_of_role|role_end|im_sep", re.IGNORECASE
)
"""What is in the markers that stand in front of a reply, which some models repeat."""
_BRACKETS = ("<", "[")
_ENDS = re.compile(r"end|eot|/", re.IGNORECASE)
"""What is in the markers that stand behind a turn."""
_ROLE = re.compile(r"\s*(assistant|model|chatbot|bot)\b[ \t]*\n*")
_MOST_ASKED = 1000
"""Markers of which it is found out whether they stand in code. A text with more is about them."""
_LONGEST_ROLE = 16


def names(
    framing: Sequence[Item] | None, messages: Iterable[Message], eos: str = ""
) -> tuple[str, ...]:
    """The markers that end a reply.

    Args:
        framing: The conversation in its framing; None where only the server knows that.
        messages: The conversation. What it speaks of may come up in a reply.
        eos: What ends a text, where the server says so.
    """
    known = (name for name in (*turns.KNOWN, *_TEXT_ENDS) if _CERTAIN.search(name))
    found = dict.fromkeys((*(turns.between(framing) if framing is not None else ()), *known))
    if _CERTAIN.search(eos):
        found[eos] = None
    spoken_of = "\n".join(message.text for message in messages)
    return tuple(name for name in found if name not in spoken_of)


class Ending:
    """Takes a text in chunks and gives it back up to the first marker that is not in code.

    What may become a marker is held back. Markers in front of the first word, with which a model
    repeats how its reply begins, are dropped.

    Args:
        names: The markers.
        before: The text that it goes on with.
        closes: What closes a thought.
    """

    def __init__(
        self, names: tuple[str, ...], before: str = "", closes: tuple[str, ...] = THINK.closes
    ) -> None:
        self._names = names
        self._closes = re.compile(f".*(?:{'|'.join(map(re.escape, closes))})", re.DOTALL)
        self._longest = max(map(len, closes))
        self._marker = re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))
        self._code = CodeTracker()
        self._begun = False
        self._tail = ""
        self._asked = 0
        self._held = ""
        self._passed(before)
        self.found = False
        """Whether a marker has come; nothing more comes out after it."""

    def feed(self, text: str) -> str:
        """Takes the next chunk and returns the text that certainly precedes any marker."""
        if not self._names or self.found:
            return "" if self.found else text
        text, self._held = self._held + text, ""
        out, at = [], 0
        for marker in self._marker.finditer(text):
            if marker.start() < at:
                continue
            out.append(self._passed(text[at : marker.start()]))
            at = marker.end()
            self._asked += 1
            if self._asked > _MOST_ASKED or self._code.inside:
                out.append(self._passed(marker[0]))
                continue
            behind = None if self._begun else _behind(marker[0], text[at:])
            if behind is None:
                self.found = True
                return "".join(out)
            if behind < 0:
                # Whose turn it is may be in the next chunk.
                self._held = text[marker.start() :]
                return "".join(out)
            at += behind
        cut = self._may_begin(text, at)
        self._held = text[cut:]
        return "".join([*out, self._passed(text[at:cut])])

    def drop(self) -> str:
        """Returns what is held back, and forgets it."""
        held, self._held = self._held, ""
        if self._names and self._marker.match(held) and not self._code.inside:
            # Nobody has said whose turn it begins.
            self.found = True
            return ""
        return self._passed(held)

    def _passed(self, text: str) -> str:
        closed = self._closes.match(self._tail + text)
        behind = (self._tail + text)[closed.end() :] if closed else ""
        if closed:
            # Code of a thought ends with it.
            self._code, self._begun = CodeTracker(), False
        self._code.feed(behind if closed else text)
        self._begun = self._begun or bool((behind if closed else text).strip())
        self._tail = "" if closed else text[1 - self._longest :]
        return text

    def _may_begin(self, text: str, at: int) -> int:
        """Where a marker may begin that has not come whole."""
        # Each of them has its only bracket of this kind in front.
        cut = max(text.rfind(each, at) for each in _BRACKETS)
        begins = cut >= 0 and any(name.startswith(text[cut:]) for name in self._names)
        return cut if begins else len(text)


def _behind(name: str, text: str) -> int | None:
    """How much of a text belongs to a marker that begins the model's own turn.

    Returns:
        None where it begins or ends another turn; -1 where that is not certain yet.
    """
    if _OURS.search(name):
        return 0
    if _ENDS.search(name):
        return None
    role = _ROLE.match(text)
    if role:
        return role.end()
    word = text.lstrip()
    begins = any(each.startswith(word) for each in ("assistant", "model", "chatbot", "bot"))
    return -1 if begins and len(text) < _LONGEST_ROLE else None
