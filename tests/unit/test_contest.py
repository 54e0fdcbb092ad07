"""The fastest of several ways, found while they are used."""

from __future__ import annotations

from collections import Counter

from r1chat.engine.contest import Contest


def use(contest: Contest[str], costs: dict[str, float], times: int) -> Counter[str]:
    used: Counter[str] = Counter()
    for _ in range(times):
        used[contest.way] += 1
        contest.took(costs[contest.way])
    return used


def test_the_fastest_way_is_used_nearly_always():
    used = use(Contest(["a", "b", "c"]), {"a": 1.0, "b": 0.7, "c": 1.2}, 5000)
    assert used["b"] > 4900


def test_all_ways_are_tried():
    assert set(use(Contest(["a", "b", "c"]), {"a": 1.0, "b": 0.7, "c": 1.2}, 20)) == set("abc")


def test_a_hopeless_way_is_tried_once_a_round():
    used = use(Contest(["a", "b"]), {"a": 1.0, "b": 10.0}, 5000)
    assert used["b"] <= 10


def test_another_way_is_taken_when_it_has_become_the_fastest():
    contest = Contest(["a", "b"])
    use(contest, {"a": 1.0, "b": 2.5}, 1000)
    assert use(contest, {"a": 1.0, "b": 0.5}, 4000)["b"] > 2000


def test_one_way_is_always_taken():
    assert use(Contest(["a"]), {"a": 1.0}, 1000) == {"a": 1000}


def test_a_single_slow_try_decides_nothing():
    contest = Contest(["a", "b"])
    contest.took(30.0)
    assert use(contest, {"a": 0.5, "b": 0.9}, 500)["a"] > 450
