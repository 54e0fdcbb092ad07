"""Tables for the terminal, and how they are fitted into narrow ones."""

from __future__ import annotations

import pytest

from r1chat.cells import columns as cells_of
from r1chat.commands import columns as tables

PROSE = (
    ("id", "turns", "title"),
    [
        ("qwera5mc", "1", "Write a haiku about rain, and another one about the sea"),
        ("hpmwurhy", "12", "\u6d77\u306e\u6ce2" * 12),
        ("ftw4grtw", "3", ""),
    ],
    "turns",
)
FIGURES = (
    ("steering", "place", "questions", "changed (95 %)", "lost", "follows", "right", "gain (95 %)"),
    [
        ("nothing", "50%", "6", "0 % (0-39)", "0.0 %", "", "100.0 %", "+0.0 (+0.0 to +0.0)"),
        ("right hint", "begin", "6", "83 % (44-97)", "83.3 %", "17 % (3-56)", "16.7 %", "-83.3"),
    ],
    "questions lost right",
)
WORDLESS = (("model", "size"), [("m" * 59, "4.37 MB")], "size")


@pytest.fixture
def window(monkeypatch):
    monkeypatch.setattr(tables, "is_terminal", lambda _: True)
    return lambda width: monkeypatch.setenv("COLUMNS", str(width))


@pytest.mark.parametrize(("table", "least"), [(PROSE, 32), (FIGURES, 50)])
def test_a_table_fits_into_the_window_and_loses_nothing(table, least, window):
    head, rows, right = table
    window(500)
    whole = tables.columns(head, rows, right=right)
    for width in range(least, 130):
        window(width)
        text = tables.columns(head, rows, right=right)
        assert max(map(cells_of, text.splitlines())) <= width, width
        signs = "".join(text.split())
        assert all(signs.count("".join(word.split())) for row in rows for word in row[:2])
        assert {*"".join(whole.split())} == {*signs}
        words = {word for cell in [*head, *rows[0]] for word in cell.split()}
        assert words <= {*text.split()}, width


def test_each_part_of_a_table_of_figures_names_its_rows(window):
    window(80)
    head, rows, right = FIGURES
    first, second = tables.columns(head, rows, right=right).split("\n\n")
    for part in (first, second):
        assert [each[:17].split() for each in part.splitlines()] == [
            ["steering", "place"],
            ["nothing", "50%"],
            ["right", "hint", "begin"],
        ]
    assert "gain" in second
    assert "gain" not in first


def test_where_names_take_most_of_the_window_the_table_stays_as_it_is(window):
    head, rows, right = WORDLESS
    window(40)
    narrow = tables.columns(head, rows, right=right)
    window(200)
    assert narrow == tables.columns(head, rows, right=right)
