"""How counts, bytes, durations and rates are written, and that one module alone does it."""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from pathlib import Path

import pytest

import r1chat
from r1chat.formatting import (
    counted,
    format_bytes,
    format_count,
    format_duration,
    format_probability,
    format_rate,
    format_remaining,
    format_speed,
    format_tokens,
    noun,
    speed_figure,
)
from tests.sources import tree

PACKAGE = Path(r1chat.__file__).parent
NOUNS = (
    "tokens|samples|questions|turns|files|layers|lines|characters|conversations|downloads|likes|"
    "attachments|parts|times|hours|minutes|bytes|keys|tensors|shards|replies|models|GPUs|looks"
)
BY_HAND = re.compile(rf"\}} ({NOUNS})\b(?!/)")
NEVER_ONE = (
    # A limit, or a figure that was found to be more than one just before.
    "has more than {_MOST",
    "More than {MOST_ATTACHED",
    "not between 0 and",
    "is not above 0",
    "if peeked.repeats > 1",
    "({peeked.repeats} times)",
    "{count:,} shards",
    "its {count} shards",
    "{count} shards; missing",
    "looks cannot agree",
    "r1chat reads",
    # Contexts have hundreds of tokens, samples are two or more, and long prompts are long.
    "context",
    "samples to a question",
    "{votes.samples} samples",
    "{found.samples} samples",
    "if slow else",
    "ends when {budget.agree} looks",
    "{short} tokens (measured)",
    "not a text of 1 to",
    "not a text of at most",
    "not a name of 1 to",
    "it is longer than {4 * _LONGEST}",
    "characters of at",
    "{read.total:,} tokens",
    "told: {effort} tokens",
    "is no marker: 1 to",
    "{key} downloads it",
)


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0 tokens"), (1, "1 token"), (2, "2 tokens"), (1024, "1,024 tokens"), (-1, "-1 tokens")],
)
def test_one_is_told_from_many(number: int, words: str) -> None:
    assert counted(number, "token") == words


def test_a_plural_may_be_a_word_of_its_own() -> None:
    assert counted(1, "reply", "replies") == "1 reply"
    assert counted(3, "reply", "replies") == "3 replies"
    assert [noun(1, "is", "are"), noun(0.5, "is", "are")] == ["is", "are"]


@pytest.mark.parametrize(
    ("seconds", "measured", "set_to"),
    [
        (0, "0.0 s", "0 s"),
        (0.001, "0.01 s", "0.01 s"),
        (0.04, "0.04 s", "0.04 s"),
        (0.1, "0.1 s", "0.1 s"),
        (0.4, "0.4 s", "0.4 s"),
        (5, "5.0 s", "5 s"),
        (9.94, "9.9 s", "9.9 s"),
        (9.96, "10 s", "10 s"),
        (51.2, "51 s", "51 s"),
        (59.6, "1 min", "1 min"),
        (85, "1 min 25 s", "1 min 25 s"),
        (125, "2 min 5 s", "2 min 5 s"),
        (3590, "59 min 50 s", "59 min 50 s"),
        (3599.6, "1 h", "1 h"),
        (3720, "1 h 2 min", "1 h 2 min"),
        (9000, "2 h 30 min", "2 h 30 min"),
        (604800, "168 h", "168 h"),
    ],
)
def test_a_duration_has_one_form(seconds: float, measured: str, set_to: str) -> None:
    assert format_duration(seconds) == measured
    assert format_duration(seconds, trim=True) == set_to


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0, "1 s"), (3.2, "3 s"), (59.4, "59 s"), (61, "1 min 1 s"), (7500, "2 h 5 min")],
)
def test_the_time_left_is_told_to_the_second(seconds: float, words: str) -> None:
    assert format_remaining(seconds) == words


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.00 kB"),
        (65_536, "65.5 kB"),
        (491_400_000, "491 MB"),
        (999_499_999, "999 MB"),
        (999_500_000, "1.00 GB"),
        (4_683_073_184, "4.68 GB"),
        (9_996_000_000, "10.0 GB"),
        (19_850_000_000, "19.9 GB"),
        (1 << 40, "1.10 TB"),
        (5e15, "5,000 TB"),
    ],
)
def test_a_size_has_three_digits_and_decimal_units(size: float, words: str) -> None:
    assert format_bytes(size) == words
    assert format_rate(size) == f"{words}/s"


@pytest.mark.parametrize(
    ("number", "words"),
    [(999, "999"), (12_345, "12k"), (1_777_088_000, "1.8B"), (7.6e9, "7.6B"), (70.6e9, "71B")],
)
def test_a_large_number_is_written_in_short(number: float, words: str) -> None:
    assert format_count(number) == words


@pytest.mark.parametrize(("tokens", "words"), [(128, "128"), (1536, "1.5k"), (1234, "1,234")])
def test_tokens_are_shortened_without_loss(tokens: int, words: str) -> None:
    assert format_tokens(tokens) == words


def test_a_speed_is_written_as_exactly_as_it_is_known() -> None:
    assert [format_speed(5.44), format_speed(9.96), format_speed(1234)] == [
        "5.4 tokens/s",
        "10 tokens/s",
        "1,234 tokens/s",
    ]
    assert speed_figure(1234, estimated=True) == "500+"


UNIT = re.compile(r"\s?(?:[kMGT]i?B|KB|tok(?:ens)?/s)\b|\s(?:bytes?|m?s|min|h)\b")


def units_by_hand(text: str) -> list[str]:
    """The f-strings of a module that put a unit behind a figure themselves."""
    found = []
    for node in ast.walk(tree(text)):
        parts = node.values if isinstance(node, ast.JoinedStr) else []
        for figure, following in pairwise(parts):
            behind = isinstance(figure, ast.FormattedValue) and isinstance(following, ast.Constant)
            if behind and UNIT.match(str(following.value)):
                found.append(ast.unparse(node))
    return found


def test_no_other_module_formats_bytes_durations_or_speeds() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}: {text}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.name != "formatting.py"
        for text in units_by_hand(path.read_text("utf-8"))
    ]
    assert found == []


def test_no_probability_is_called_certain_or_impossible_however_it_was_rounded() -> None:
    shown = [format_probability(each / 100_000) for each in range(100_001)]
    assert {shown[0], shown[1]} == {"< 1 %"}
    assert {shown[-1], shown[-2]} == {"> 99 %"}
    assert shown[97_300] == "97 %"
    assert not {"0 %", "100 %"} & set(shown)


def test_no_count_is_put_into_words_by_hand() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}: {line.strip()}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for line in path.read_text("utf-8").splitlines()
        if BY_HAND.search(line) and not any(known in line for known in NEVER_ONE)
    ]
    assert found == []
