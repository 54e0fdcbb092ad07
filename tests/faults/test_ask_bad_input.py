"""Bad input gets one line that names it, and the right exit code."""

from __future__ import annotations

import os
import sys

import pytest

from tests.program import run


def refused(*arguments, **options):
    """Asks and is refused; returns the exit code and the one line."""
    code, out, err = run("ask", "-m", "tiny", *arguments, **options)
    assert out == ""
    assert err.startswith("r1chat: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert all(char.isprintable() for char in err[:-1])
    return code, err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--budget", "-5"),
        ("--budget", "much"),
        ("--budget", "0s"),
        ("--budget", "99999999999"),
        ("--min-think", "-1"),
        ("--min-think", "x"),
        ("--samples", "0"),
        ("--temperature", "-0.1"),
        ("--temperature", "nan"),
        ("--temperature", "warm"),
        ("--top-p", "0"),
        ("--top-p", "1.1"),
        ("--top-k", "-1"),
        ("--min-p", "2"),
        ("--seed", "-1"),
        ("--seed", "4294967295"),
        ("--max-answer", "0"),
        ("--ctx", "8"),
        ("--ctx", "1e3"),
        ("--threads", "0"),
        ("--gpu-layers", "-2"),
        ("--gpu-layers", "many"),
        ("--tensor-split", "0,0"),
        ("--tensor-split", "3,-1"),
        ("--tensor-split", "1,nan"),
        ("--timeout", "0"),
        ("--timeout", "inf"),
        ("--format", "xml"),
        ("--thoughts", "maybe"),
    ],
)
def test_a_value_that_makes_no_sense_is_named_with_its_option(option, value):
    code, line = refused("?", option, value)
    assert code == 2
    assert option in line
    assert value.rstrip("s") in line


def test_a_minimum_above_the_budget_is_named():
    code, line = refused("?", "-b", "10", "--min-think", "20")
    assert code == 2
    assert "the minimum (20) is more than the budget (10)" in line


@pytest.mark.parametrize("arguments", [("--bogus",), ("?", "what", "else"), ("?", "--temp", "1")])
def test_unknown_options_and_words_are_named(arguments):
    code, line = refused(*arguments)
    assert code == 2
    assert arguments[-1] in line or "--temp" in line


def test_an_unknown_verb_is_named():
    code, out, err = run("sing")
    assert (code, out) == (2, "")
    assert "sing" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("question", ["", "   ", "\n\t\n"])
def test_an_empty_question_is_refused(question):
    assert refused(question) == (2, "r1chat: the question is empty\n")


@pytest.mark.parametrize("data", [b"", b" \n", b"\xef\xbb\xbf"])
def test_an_empty_question_through_a_pipe_is_refused(data):
    assert refused(stdin=data) == (2, "r1chat: the question is empty\n")
    assert refused("-", stdin=data) == (2, "r1chat: the question is empty\n")


def test_no_question_and_no_stdin_is_refused():
    assert refused() == (2, "r1chat: the question is empty\n")


def test_a_question_longer_than_the_context_is_refused():
    code, line = refused("--ctx", "256", "why " * 2000)
    assert code == 2
    assert "256" in line


def test_an_attachment_longer_than_the_context_is_refused(tmp_path):
    path = tmp_path / "long.txt"
    path.write_text("why " * 20000, encoding="utf-8")
    assert refused("--ctx", "256", "?", "-f", path)[0] == 2


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x02",
        b"text and then a \x00",
        b"\xff\xfe\x00",
        b"\x89PNG\r\n\x1a\n",
        b"\x1f\x8b\x08",
        "Zürich".encode("latin-1"),
    ],
)
def test_a_binary_attachment_is_named(tmp_path, data):
    path = tmp_path / "thing.bin"
    path.write_bytes(data)
    code, line = refused("?", "-f", path)
    assert code == 2
    assert f"{path} is not a text file" in line
    assert "stdin is not a text file" in refused("?", stdin=data)[1]
    assert "stdin is not a text file" in refused(stdin=data)[1]


def test_a_directory_is_no_attachment(tmp_path):
    code, line = refused("?", "-f", tmp_path)
    assert code == 2
    assert f"{tmp_path} is a directory" in line


def test_a_missing_attachment_is_named(tmp_path):
    code, line = refused("?", "-f", tmp_path / "none.txt")
    assert code == 2
    assert f"cannot read {tmp_path}/none.txt: No such file or directory" in line


def test_an_attachment_that_may_not_be_read_is_named(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("x", encoding="utf-8")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("root may read everything")
    code, line = refused("?", "-f", path)
    assert code == 2
    assert "Permission denied" in line


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_an_attachment_that_fails_while_it_is_read_is_named():
    code, line = refused("?", "-f", "/proc/self/mem")
    assert code == 2
    assert "cannot read /proc/self/mem: Input/output error" in line


def test_a_huge_attachment_is_named_and_not_read_whole(tmp_path):
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    code, line = refused("?", "-f", path)
    assert code == 2
    assert f"{path} is larger than 1.05 MB" in line
    assert "stdin is larger" in refused(stdin=b"why " * 300_000)[1]


def test_an_endless_attachment_is_not_read_to_its_end():
    assert refused("?", "-f", "/dev/zero")[0] == 2


@pytest.mark.parametrize(
    ("ref", "words"),
    [
        ("/nowhere/m.gguf", "no such model file: /nowhere/m.gguf"),
        ("m.gguf", "no such model file: m.gguf"),
        ("r1:7b", "download it with: r1chat models pull r1:7b"),
        ("unsloth/Deep:Q4_K_M", "r1chat models pull unsloth/Deep:Q4_K_M"),
        ("gpt-7", "a model is"),
        ("", "a model is"),
        ("a\x1b[31mb", "'ab'"),
        ("x" * 5000, "File name too long"),
        ("~nobody-here/m.gguf", "~nobody-here"),
    ],
)
def test_a_model_that_is_not_there_is_exit_code_3(ref, words):
    code, out, err = run("ask", "-m", ref, "?")
    assert (code, out) == (3, "")
    assert words in err
    assert err.count("\n") == 1


def test_a_directory_is_no_model(tmp_path):
    code, line = refused("?", "-m", tmp_path)
    assert code == 3
    assert f"{tmp_path} is a directory" in line


def test_a_file_that_is_no_model_is_exit_code_3(tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(b"This is no model.")
    code, line = refused("?", "-m", path)
    assert code == 3
    assert "m.gguf" in line


def test_system_text_has_no_place_in_raw():
    code, line = refused("--raw", "--system", "Be brief.", "?")
    assert code == 2
    assert "--system" in line


def test_a_question_that_is_no_utf_8_is_still_a_question():
    asked = os.fsdecode(b"What is 2 + 3? \xff")
    code, _, err = run("ask", "-m", "tiny", "-b", "off", "--check-sums", "off", asked)
    assert (code, err) == (0, "")
