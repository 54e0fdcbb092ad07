"""Writes what the docs say of settings and keys from their declarations: `-m scripts.tables`."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

from r1chat.actions import ACTIONS, SECTIONS, Action
from r1chat.keymap import shown, split
from r1chat.settings import SETTINGS, Setting

DOCS = Path(__file__).parent.parent / "docs"
_MADE = re.compile(r"(?<=<!-- made by scripts/manual -->\n).*?(?=<!-- end -->)", re.DOTALL)


def settings() -> str:
    """The settings, a table for each section."""
    parts = []
    for section, those in groupby(SETTINGS.values(), lambda each: each.section):
        parts.append(f"\n## {section.capitalize()}\n\n")
        parts.append("| setting | value | default | meaning | option |\n|---|---|---|---|---|\n")
        parts += [_row(each) for each in those]
    return "".join(parts) + "\n"


def _row(setting: Setting[object]) -> str:
    option = ", ".join(f"`{each}`" for each in setting.options) or f"none: {setting.no_option}"
    meaning = "; ".join(filter(None, (setting.help, setting.details)))
    cells = (f"`{setting.name}`", setting.kind.allowed, setting.usual, meaning, option)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def keys() -> str:
    """The actions, a table for each section."""
    parts = []
    for section, title in SECTIONS.items():
        parts.append(f"\n## {title}\n\n| id | keys | what it does |\n|---|---|---|\n")
        those = [each for each in ACTIONS if each.section == section]
        parts += [f"| `{each.id}` | {_keys(each)} | {each.help} |\n" for each in those]
    return "".join(parts) + "\n"


def _keys(action: Action) -> str:
    return ", ".join(map(shown, split(action.keys))) or "(command palette)"


def manual() -> str:
    """The section of the manual page that has the actions."""
    rows = [f".TP\n.B {each.id}\n{_keys(each)}: {each.help}\n" for each in ACTIONS]
    return f".SH KEYS\nIn the app; r1chat keys lists those that hold now.\n{''.join(rows)}"


TABLES = {"settings.md": settings, "keys.md": keys}
"""What makes the tables, by the file that they stand in."""


def with_tables(name: str) -> str:
    """A page of the docs with its tables made again."""
    page = (DOCS / name).read_text(encoding="utf-8")
    return _MADE.sub(lambda _: TABLES[name](), page)


if __name__ == "__main__":
    page = (DOCS / "r1chat.1").read_text(encoding="utf-8")
    page = page.partition(".SH KEYS")[0].rstrip()
    (DOCS / "r1chat.1").write_text(f"{page}\n{manual()}", encoding="utf-8")
    for name in TABLES:
        (DOCS / name).write_text(with_tables(name), encoding="utf-8")
