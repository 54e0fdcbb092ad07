"""Writes the tables of the docs that are made from declarations: `python -m scripts.tables`."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

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


TABLES = {"settings.md": settings}
"""What makes the tables, by the file that they stand in."""


def with_tables(name: str) -> str:
    """A page of the docs with its tables made anew."""
    page = (DOCS / name).read_text(encoding="utf-8")
    return _MADE.sub(lambda _: TABLES[name](), page)


if __name__ == "__main__":
    for name in TABLES:
        (DOCS / name).write_text(with_tables(name), encoding="utf-8")
