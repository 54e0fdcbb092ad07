from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from r1chat.tui.markdown.origins import Place
from r1chat.tui.widgets.folded import Folded
from r1chat.tui.widgets.lines import Written
from r1chat.tui.widgets.page import Page

PARAGRAPHS = st.sampled_from(
    [
        "",
        "a word",
        "many words " * 9,
        "- item",
        "```",
        "$$x = \\frac{1}{2}$$",
        "1. one",
        "| a | b |",
    ]
)


@given(st.lists(PARAGRAPHS, min_size=1, max_size=20), st.booleans(), st.data())
def test_a_folded_part_shows_its_first_row_and_all_else_stays(paragraphs, raw, data):
    written = Written()
    written.write("\n".join(paragraphs[: len(paragraphs) // 2]))
    edges = sorted(data.draw(st.sets(st.integers(0, len(paragraphs)), max_size=6)))
    spans = [(Place(a, 0), Place(b, 0)) for a, b in zip(edges[::2], edges[1::2], strict=False)]
    page = Page(written)
    page.raw = raw
    folded = Folded(page, spans)
    folded.update(30)
    before = [folded.row_at(row).content.plain for row in range(folded.count)]
    written.write("\n" + "\n".join(paragraphs[len(paragraphs) // 2 :]))
    written.close()
    changed = folded.update(30)
    seen = [folded.row_at(row) for row in range(folded.count)]
    assert [row.content.plain for row in seen[:changed]] == before[:changed]

    shown = []
    for row in range(page.count):
        hides = [start for start, end in spans if page.row(start) < row < _stop(page, end)]
        if not hides:
            shown.append(row)
        assert folded.row(page.place(row)) <= len(shown)
    assert [row.content.plain for row in seen] == [page.row_at(r).content.plain for r in shown]
    assert [folded.place(row) for row in range(len(shown))] == [page.place(row) for row in shown]
    for at, row in enumerate(shown):
        assert folded.is_folded(at) == (row + 1 < page.count and row + 1 not in shown)


def _stop(page: Page, end: Place) -> int:
    return page.row(end) if end < page.text.end else page.count
