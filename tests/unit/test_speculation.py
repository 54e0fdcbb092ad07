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


class Oracle:
    """A drafter that is right as often as it is told to be, and takes its time."""

    def __init__(self, text: list[int], right: float = 1.0, *, write_s: float = 0.1 * SINGLE):
        self.asked = 0
        self.now = 0.0
        self.longest = 0.0
        self._known = 0
        self._text = text
        self._right = right
        self._write_s = write_s
        self._draw = random.Random(3)

    def clock(self) -> float:
        return self.now

    def _take(self, seconds: float) -> None:
        self.now += seconds
        self.longest = max(self.longest, seconds)

    def behind(self, text):
        return max(0, len(text) - self._known)

    def read(self, text, most):
        self._take(0.05 * SINGLE * most)
        self._known = min(len(text), self._known + most)

    def draft(self, text, token, most):
        assert self._known == len(text)
        assert self._text[len(text)] == token
        self.asked += 1
        self._take(self._write_s * most)
        self._known += 1
        coming = self._text[len(text) + 1 :][:most]
        return [each if self._draw.random() < self._right else -each for each in coming]


def fresh(count: int) -> list[int]:
    """A text in which nothing is repeated."""
    return list(range(1, count + 1))


def test_a_smaller_model_drafts_where_nothing_is_repeated():
    text = fresh(3000)
    drafter = Oracle(text)
    speculation = Speculation(drafter, drafter.clock)
    assert write(speculation, [], text, cheap) + drafter.now / (SINGLE * len(text)) < 0.6
    assert speculation.accepted > 1900


@pytest.mark.parametrize("prompt", [300, 4000])
def test_a_prompt_that_was_read_along_does_not_hold_up_the_drafts(prompt):
    text = fresh(prompt + 2000)
    drafter = Oracle(text)
    speculation = Speculation(drafter, drafter.clock)
    speculation.read(text[:prompt])
    drafter.longest = drafter.now = 0.0
    took = write(speculation, text[:prompt], text[prompt:], cheap)
    assert took + drafter.now / (SINGLE * 2000) < 0.6
    assert drafter.longest < 20 * SINGLE


def test_one_that_has_fallen_behind_catches_up_in_pieces():
    text = fresh(9000)
    drafter = Oracle(text)
    speculation = Speculation(drafter, drafter.clock)
    took = write(speculation, text[:4000], text[4000:], cheap)
    assert took + drafter.now / (SINGLE * 5000) < 1.03
    assert drafter.longest < 20 * SINGLE


def test_a_smaller_model_that_is_too_slow_costs_little():
    text = fresh(3000)
    drafter = Oracle(text, write_s=2 * SINGLE)
    took = write(Speculation(drafter, drafter.clock), [], text, cheap)
    assert took + drafter.now / (SINGLE * len(text)) < 1.03


def test_a_smaller_model_that_is_wrong_is_asked_no_more():
    text = fresh(3000)
    drafter = Oracle(text, right=0.05)
    took = write(Speculation(drafter, drafter.clock), [], text, cheap)
    assert took + drafter.now / (SINGLE * len(text)) < 1.03
    assert drafter.asked < 200


def test_where_something_is_repeated_the_smaller_model_rests():
    text = circle(3000)
    drafter = Oracle(text)
    write(Speculation(drafter, drafter.clock), [], text, cheap)
    assert drafter.asked < 100


def test_a_smaller_model_with_nothing_to_say_does_no_harm():
    class Silent:
        def behind(self, text):
            return 0 * len(text)

        def read(self, text, most):
            raise AssertionError(text, most)

        def draft(self, text, token, most):
            del text, token, most
            return []

    assert write(Speculation(Silent()), [], fresh(500), cheap) == pytest.approx(1.0)
