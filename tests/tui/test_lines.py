from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from r1chat.sanitize import sanitize
from r1chat.tui.markdown.origins import Place
from r1chat.tui.widgets.lines import Wrapped, Written
from r1chat.tui.wrap import _measured_starts, _simple_starts, clusters, line_starts

CHARS = st.sampled_from(
    [*"aaab  .,(-é字漢。（👍🏽👩☁🇬🇧―　한", "\u0301", "\u200d", "\ufe0f", "\u00a0"]
)
PARAGRAPHS = st.one_of(
    st.text(CHARS, max_size=60), st.text(st.characters(exclude_categories=["C"]), max_size=30)
)
TEXTS = st.text(st.one_of(CHARS, st.sampled_from("\n\n\t\x1b\u2028[m]")), max_size=80)


def chunks(text: str, cuts: list[int]) -> list[str]:
    ends = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    return [text[a:b] for a, b in itertools.pairwise(ends)]


class Lines(Written):
    """A text and its lines."""

    def __init__(self) -> None:
        super().__init__()
        self.wrapped = Wrapped(self)


def shown(lines: Lines) -> list[str]:
    found = [lines.wrapped.line(row) for row in range(lines.wrapped.count)]
    return [lines.paragraphs[at.paragraph].text[at.start : at.end] for at in found]


def wrapped(text: str, width: int) -> list[str]:
    lines = Lines()
    lines.write(text)
    lines.wrapped.wrap(width)
    return shown(lines)


@given(PARAGRAPHS, st.integers(1, 30))
def test_no_line_is_wider_than_the_width_and_no_text_is_lost(text, width):
    starts = line_starts(text, width)
    parts = [text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]
    assert "".join(parts) == text
    for part in parts:
        assert cell_len(part.rstrip(" ")) <= max(width, 2) or len(list(clusters(part))) == 1
    assert all(parts) or not text


@given(st.text(st.sampled_from("ab  .é"), max_size=80), st.integers(2, 12))
def test_the_quick_way_and_the_measured_way_agree(text, width):
    assert _simple_starts(text, width, 0) == _measured_starts(text, width, 0)


@given(PARAGRAPHS, st.integers(1, 20), st.lists(st.integers(0, 60), max_size=6))
def test_a_paragraph_that_grows_is_wrapped_as_a_whole_one(text, width, cuts):
    starts = [0]
    so_far = ""
    for chunk in chunks(text, cuts):
        so_far += chunk
        starts += line_starts(so_far, width, starts.pop())
    assert starts == line_starts(text, width)


@given(TEXTS, st.lists(st.tuples(st.integers(0, 80), st.integers(1, 20)), max_size=6))
def test_chunks_and_widths_of_the_past_leave_no_trace(text, history):
    lines = Lines()
    for chunk, (_, width) in zip(
        chunks(text, [cut for cut, _ in history]), [*history, (0, 7)], strict=False
    ):
        lines.write(chunk)
        if width % 3:
            lines.wrapped.wrap(width)
    rest = text[lines.length :]
    lines.write(rest)
    lines.close()
    lines.wrapped.wrap(9)
    whole = Lines()
    whole.write(text)
    whole.close()
    whole.wrapped.wrap(9)
    assert shown(lines) == shown(whole)
    assert lines.paragraphs == whole.paragraphs
    assert lines.moments == whole.moments


@given(TEXTS)
def test_offsets_of_paragraphs_point_into_the_text_as_it_was_written(text):
    lines = Lines()
    lines.write(text)
    lines.close()
    assert len(lines.paragraphs) == 1 + sum(text.count(sign) for sign in "\n\u2028\u2029")
    for index, paragraph in enumerate(lines.paragraphs):
        raw = text[paragraph.offset : lines.end_of(index)]
        if "\x1b" not in text:
            assert sanitize(raw).replace("\n", "").expandtabs(4) == paragraph.text
        if index:
            assert text[paragraph.offset - 1] in "\n\u2028\u2029"


@given(TEXTS, st.integers(1, 20))
def test_rows_and_places_are_each_others_inverse(text, width):
    lines = Lines()
    lines.write(text)
    lines.wrapped.wrap(width)
    for row in range(lines.wrapped.count):
        line = lines.wrapped.line(row)
        assert lines.wrapped.row(Place(line.paragraph, line.start)) == row


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("the quick brown fox", 10, ["the quick ", "brown fox"]),
        ("a verylongwordindeed b", 8, ["a ", "verylong", "wordinde", "ed b"]),
        ("    indentedword", 8, ["    inde", "ntedword"]),
        ("ends here    ", 9, ["ends here    "]),
        ("你好世界。再见", 8, ["你好世", "界。再见"]),
        ("say 你好世界", 8, ["say 你好", "世界"]),
        ("ae\u0301iou", 3, ["ae\u0301i", "ou"]),
        ("ab👩\u200d🔬cd", 3, ["ab", "👩\u200d🔬", "cd"]),
        ("🇬🇧🇩🇪", 2, ["🇬🇧", "🇩🇪"]),
        ("字字", 1, ["字", "字"]),
        ("a\tb\n\tc", 9, ["a   b", "    c"]),
        ("one\n\ntwo\n", 9, ["one", "", "two"]),
    ],
)
def test_lines_break_where_a_reader_expects_it(text, width, expected):
    assert wrapped(text, width) == expected


def test_a_newline_at_the_end_shows_once_something_follows():
    lines = Lines()
    assert lines.wrapped.count == 0
    lines.write("one\n")
    lines.wrapped.wrap(10)
    assert lines.wrapped.count == 1
    lines.write("\ntwo")
    lines.wrapped.wrap(10)
    assert shown(lines) == ["one", "", "two"]


def test_wrapping_tells_the_first_row_that_changed():
    lines = Lines()
    lines.write("one two three\nfour")
    assert lines.wrapped.wrap(8) == 0
    assert shown(lines) == ["one two ", "three", "four"]
    lines.write(" five six")
    assert lines.wrapped.wrap(8) == 2


def test_injected_words_are_told_from_the_models():
    lines = Lines()
    lines.write("So 4.")
    lines.write("\nWait,", injected=True)
    lines.write(" no", injected=True)
    lines.write(" it is 5")
    assert lines.paragraphs[0].injected == []
    assert lines.paragraphs[1].injected == [(0, 8)]
    assert lines.moments == [Place(1, 0)]


def test_a_sequence_cannot_reach_over_into_injected_words():
    lines = Lines()
    lines.write("a\x1b]0;title")
    lines.write("ours", injected=True)
    lines.write("\x07b")
    assert lines.paragraphs[0].text == "a]0;titleoursb"
    assert lines.paragraphs[0].injected == [(9, 13)]


def test_moments_are_found_behind_tabs_and_in_the_last_sentence():
    lines = Lines()
    lines.write("a\tb. Wait, no\n\tHmm")
    lines.close()
    assert lines.moments == [Place(0, 7), Place(1, 4)]
    lines.write(". Actually, 5")
    lines.close()
    assert lines.moments[2:] == [Place(1, 9)]


def test_a_part_is_extracted_as_it_was_written():
    lines = Lines()
    lines.write("one two\n\nthree")
    assert lines.extract(Place(0, 4), Place(2, 2)) == "two\n\nth"
    assert lines.extract(Place(0, 4), Place(0, 6)) == "tw"
    assert lines.extract(Place(2, 1), None) == "hree"
    assert lines.extract(Place(9, 0), None) == ""


@pytest.mark.parametrize("text", ["So 12 + 30 is 42, I think. " * 4000, "你好，世界。" * 5000])
def test_a_long_thought_is_wrapped_anew_in_no_time(text):
    lines = Lines()
    lines.write(text)
    lines.wrapped.wrap(80)
    before = time.process_time()
    lines.wrapped.wrap(60)
    # Some 20 ms on one slow core; the limit only tells it from what grows with the square.
    assert time.process_time() - before < 1
