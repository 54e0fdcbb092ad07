"""Answers compared as mathematics, in a child process that hostile ones may kill."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from r1chat.checking import Checker, mathematics
from r1chat.reasoning.consensus import Tally


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    found = Checker()
    yield found
    found.close()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"\frac{\sqrt2}{2}", r"\frac{1}{\sqrt{2}}"),
        ("x+1", "1 + x"),
        (r"(3, \frac{\pi}{2})", r"(3, 0.5\pi)"),
        (r"\{1, 2\}", r"\{2, 1\}"),
        ("2^{10}", "1024"),
        ("(x-1)(x+1)", "x^2 - 1"),
    ],
)
def test_what_is_the_same_is_the_same_either_way_round(checker, one, other):
    assert checker.same(one, other)
    assert checker.same(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [("x+1", "x+2"), ("[0,1)", "(0,1)"), (r"\sqrt{2}", r"\sqrt{3}"), ("(1,2)", "(2,1)")],
)
def test_what_differs_differs(checker, one, other):
    assert not checker.same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("110", "111"), ("1/2", "0.25"), ("A", "B"), ("even", "odd"), ("1" * 401, "x+1")],
)
def test_what_arithmetic_decides_starts_no_process(one, other):
    fresh = Checker()
    assert not fresh.same(one, other)
    assert fresh.same(one, one)
    assert fresh._process is None


def test_the_same_process_is_asked_again(checker):
    checker.same("y+1", "1+y")
    process = checker._process
    assert checker.same("z+1", "1+z")
    assert checker._process is process


def test_a_killed_process_is_started_again(checker):
    checker.same("y+1", "1+y")
    os.kill(checker._process.pid, signal.SIGKILL)
    checker._process.wait()
    checker.same("a+1", "a+2")
    assert checker.same("a+3", "3+a")


@pytest.mark.parametrize("one", ["9^{9^{9^9}}", "(" * 190 + "x" + ")" * 190])
def test_a_hostile_answer_ends_within_the_limit_and_differs(monkeypatch, one):
    monkeypatch.setattr(mathematics, "CPU_SECONDS", 0)
    fresh = Checker()
    assert not fresh.same(one, "x+1")
    # It hung, and is gone: nothing computes on.
    assert fresh._process is None
    assert fresh.same("x+1", "1+x")
    fresh.close()


@pytest.mark.long
@pytest.mark.parametrize(
    "one",
    [
        "9^{9^{9^{9}}}",
        "2^{2^{2^{2^{2^2}}}}",
        "1000000!!!",
        r"\sum_{n=1}^{10^{12}} \frac{1}{n}",
        "[" * 150 + "]" * 150,
        "10^{10^{10}}",
        r"\sqrt{" * 50 + "2" + "}" * 50,
        "\x00\ud800{\\",
    ],
)
def test_more_hostile_answers_end_within_the_limit(checker, one):
    assert not checker.same(one, "7x+1")
    assert checker.same("x+1", "1+x")


def test_a_process_that_does_not_start_leaves_plain_comparison(monkeypatch, tmp_path):
    monkeypatch.setattr(mathematics, "_CHILD", tmp_path / "missing.py")
    fresh = Checker()
    for number in range(4):
        assert not fresh.same(f"x+{number}", f"{number}+x")
    assert fresh.same(r"\frac{1}{2}", "0.5")
    assert fresh.name == "plain"


def test_without_math_verify_comparison_is_plain(monkeypatch):
    monkeypatch.setattr(mathematics, "_version", lambda: "")
    fresh = Checker()
    assert fresh.name == "plain"
    assert fresh.same(r"\frac{1}{2}", "0.5")
    assert not fresh.same("x+1", "1+x")
    assert fresh._process is None


def test_a_tally_counts_by_it(checker):
    tally = Tally(3, checker.same)
    for number, final in enumerate(("x+1", "1+x", "2x")):
        tally.add(number, final)
    assert [vote.count for vote in tally.votes] == [2, 1]


def test_closing_it_in_the_middle_is_no_failure():
    fresh = Checker()
    assert fresh.same("x+1", "1+x")
    fresh.close()
    fresh.close()
    assert fresh.same("x+2", "2+x")
    fresh.close()


def test_what_was_started_ahead_is_what_compares():
    checker = Checker()
    checker.prepare()
    process = checker._process
    assert process is not None
    assert checker.same(r"\frac{\sqrt2}{2}", r"\frac{1}{\sqrt2}")
    checker.prepare()
    assert checker._process is process
    checker.close()
