"""What stands around messages, in families whose framing is built in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from r1chat.prompt.parts import Content, Item
from r1chat.reasoning.formats import THINK

USER = "<｜User｜>"
ASSISTANT = "<｜Assistant｜>"
END = "<｜end▁of▁sentence｜>"
CHATML_START = "<|im_start|>"
CHATML_END = "<|im_end|>"


def r1(turns: Iterable[tuple[str, Content]]) -> list[Item]:
    """R1's framing, up to the opening of a thought.

    Made here rather than by the model's own template, because published ones differ in whether
    they open the thought, and some close it at once.
    """
    items: list[Item] = []
    for role, content in turns:
        items += [USER, content] if role == "user" else [ASSISTANT, content, END]
    return [*items, f"{ASSISTANT}{THINK.opening}"]


def chatml(turns: Iterable[tuple[str, Content]]) -> list[Item]:
    """ChatML, which many families use."""
    items: list[Item] = []
    for role, content in turns:
        items += [f"{CHATML_START}{role}\n", content, f"{CHATML_END}\n"]
    return [*items, f"{CHATML_START}assistant\n"]


def transcript(turns: Iterable[tuple[str, Content]]) -> list[Item]:
    """A conversation in words alone."""
    items: list[Item] = []
    for role, content in turns:
        items += ["User: " if role == "user" else "Assistant: ", content, "\n"]
    return [*items, "Assistant:"]


def ending(items: Sequence[Item]) -> str:
    """The framing after the last message."""
    last = max((i for i, item in enumerate(items) if not isinstance(item, str)), default=-1)
    return "".join(item for item in items[last + 1 :] if isinstance(item, str))
