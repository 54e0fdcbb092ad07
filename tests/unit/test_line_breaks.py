"""Line breaks of all systems, in whatever text comes in."""

from __future__ import annotations

import json

import pytest

from r1chat import attachments
from r1chat.sanitize import line_breaks, sanitize
from tests import program

BREAKS = {
    "Unix": "\n",
    "Windows": "\r\n",
    "old Mac, and every terminal's paste": "\r",
    "vertical tab": "\v",
    "form feed": "\f",
    "NEL": "\x85",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
}
EACH = pytest.mark.parametrize("line_break", BREAKS.values(), ids=BREAKS)


@EACH
def test_each_becomes_a_newline(line_break):
    assert line_breaks(f"one{line_break}two{line_break}{line_break}") == "one\ntwo\n\n"


def test_other_controls_are_left_to_the_sanitiser():
    others = "".join(map(chr, range(32))).translate({ord(char): None for char in "\n\r\v\f"})
    assert line_breaks(others) == others


def test_what_programs_print_still_brings_no_carriage_return_to_the_terminal():
    assert sanitize("10 %\r20 %\r\n") == "10 %20 %\n"


@EACH
def test_a_file_has_its_lines(line_break, tmp_path):
    file = tmp_path / "lines.txt"
    file.write_bytes(f"one{line_break}two{line_break}three".encode())
    assert attachments.read_file(str(file)).text == "one\ntwo\nthree"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@EACH
def test_a_file_with_a_mark_has_its_lines(line_break, encoding):
    data = f"one{line_break}two".encode(encoding)
    assert attachments.decode(data, "lines.txt") == "one\ntwo"


@pytest.mark.parametrize("line_break", ["\r", "\r\n"], ids=repr)
@pytest.mark.engine
def test_a_question_has_its_lines_wherever_it_comes_from(line_break, home):
    text = line_break.join(("1 + 1", "2 + 2", "3 + 3"))
    options = ("--format", "json", "-b", "off", "--max-answer", "1")
    for arguments, stdin in (((text,), b""), ((), text.encode()), (("-",), text.encode())):
        _, out, _ = program.run("ask", *options, *arguments, stdin=stdin)
        assert json.loads(out)["question"] == "1 + 1\n2 + 2\n3 + 3"
