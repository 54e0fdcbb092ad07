"""When drafts are worth it, and that they never cost much."""

from __future__ import annotations

import random

import pytest

from r1chat.engine.speculation import SIZES, Speculation

SINGLE = 0.05


def write(
    speculation: Speculation,
    text: list[int],
    new: list[int],
    cost,
    *,
    noise: random.Random | None = None,
    usable=None,
) -> float:
    """Writes tokens with drafts; says how long it took, in the time without any."""
    seconds, at = 0.0, 0
    while at < len(new):
        draft = speculation.draft(text, new[at], 100, usable)
        took = SINGLE * (cost(1 + len(draft)) if draft else 1)
        if noise is not None:
            took *= noise.uniform(0.8, 1.4)
        seconds += took
        speculation.took(len(draft), took)
        text.append(new[at])
        at += 1
        for token in draft:
            if at == len(new) or new[at] != token:
                break
            speculation.confirmed()
            text.append(token)
            at += 1
    return seconds / (SINGLE * len(new))


def circle(count: int) -> list[int]:
    return [at % 97 for at in range(count)]


def traps(count: int, seed: int = 1) -> list[int]:
    """Three tokens that were there before, then always something else."""
    draw = random.Random(seed)
    return [
        token
        for _ in range(count // 5)
        for token in (1, 2, 3, draw.randrange(9, 10**6), draw.randrange(9, 10**6))
    ]


def cheap(size: int) -> float:
    return 1 + 0.1 * (size - 1)


def dear(size: int) -> float:
    return 1.05 * size


def test_a_text_that_repeats_itself_is_written_faster():
    assert write(Speculation(), circle(200), circle(3000)[200:], cheap) < 0.35


def test_where_batches_cost_as_much_as_their_tokens_next_to_nothing_is_lost():
    assert write(Speculation(), circle(200), circle(3000)[200:], dear) < 1.03


@pytest.mark.parametrize("cost", [cheap, dear, lambda size: 3.0 * size, lambda size: size**0.7])
@pytest.mark.parametrize("text", [traps(3000), circle(1500) + traps(1500), traps(1500)])
def test_drafts_that_fail_lose_three_percent_at_most(cost, text):
    assert write(Speculation(), [], text, cost) < 1.03


def test_noise_in_the_measurements_changes_little():
    speculation = Speculation()
    noisy = write(speculation, [], traps(4000), dear, noise=random.Random(2))
    plain = Speculation()
    plain.least_s = 1.0
    assert noisy < write(plain, [], traps(4000), dear, noise=random.Random(2)) * 1.04


def test_a_batch_that_was_dear_is_tried_again():
    speculation = Speculation()
    write(speculation, [], circle(1000), lambda size: 4.0 * size if size > 1 else 1)
    before = speculation.accepted
    write(speculation, circle(1000), circle(6000)[1000:], cheap)
    assert speculation.accepted - before > 2000


def test_models_that_are_faster_than_the_search_are_left_alone():
    speculation = Speculation()
    text = circle(500)
    for token in circle(200):
        assert speculation.draft(text, token, 100) == []
        speculation.took(0, 0.0004)
        text.append(token)


def test_only_sizes_that_may_be_used_are():
    seen = []

    def usable(size: int) -> bool:
        seen.append(size)
        return size <= 3

    speculation = Speculation()
    text = circle(200)
    for token in circle(1500)[200:]:
        draft = speculation.draft(text, token, 100, usable)
        assert len(draft) in {0, 1, 2}
        text.append(token)
        speculation.took(len(draft), SINGLE * cheap(1 + len(draft)))
    assert speculation.drafted
    assert set(seen) <= set(SIZES)


def test_sizes_that_may_not_be_used_end_the_search():
    speculation, seen = Speculation(), []

    def usable(size: int) -> bool:
        seen.append(size)
        return size < 3

    write(speculation, circle(200), circle(2000)[200:], cheap, usable=usable)
    assert set(seen) == {2, 3}


def test_no_more_is_drafted_than_there_is_room_for():
    speculation = Speculation()
    text = circle(300)
    for token in circle(900)[300:]:
        draft = speculation.draft(text, token, 2)
        assert len(draft) <= 2
        text.append(token)
        speculation.took(len(draft), SINGLE * cheap(1 + len(draft)))


def test_drafts_and_those_confirmed_are_counted():
    speculation = Speculation()
    write(speculation, circle(200), circle(3000)[200:], cheap)
    assert 0 < speculation.accepted <= speculation.drafted
    assert speculation.accepted > 0.95 * speculation.drafted
