"""How Markdown looks in a widget: the component classes that blocks name, and their rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.style import Style

if TYPE_CHECKING:
    from textual.widget import Widget

RULES = """
    & > .answer--title { text-style: bold underline; color: $primary; }
    & > .answer--head { text-style: bold; color: $primary; }
    & > .answer--strong { text-style: bold; }
    & > .answer--em { text-style: italic; }
    & > .answer--struck { text-style: strike; }
    & > .answer--code { color: $text-warning; background: $warning 10%; }
    & > .answer--block { background: $foreground 5%; }
    & > .answer--code-head { color: $foreground 60%; }
    & > .answer--copy { color: $text-primary; text-style: underline; }
    & > .answer--bullet { color: $text-primary; }
    & > .answer--rule { color: $foreground 40%; }
    & > .answer--table-head { text-style: bold; }
    & > .answer--link { text-style: underline; }
    & > .answer--address { color: $foreground 60%; }
    & > .answer--math { color: $text-accent; }
    & > .answer--boxed { color: $text-success; text-style: bold; }
    & > .answer--raw { color: $foreground; }
"""
"""Rules for within those of a widget."""

CLASSES = frozenset(
    line.split()[2].removeprefix(".") for line in RULES.splitlines() if line.strip()
)
"""The component classes that a widget must have for it."""


def named(widget: Widget, name: str | Style) -> Style:
    """Looks up a style that blocks name.

    Args:
        widget: What has the component classes.
        name: One of them, or any other style.
    """
    if isinstance(name, Style):
        return name
    if name.startswith("answer--"):
        return widget.get_visual_style(name, partial=True)
    return Style.parse(name)
