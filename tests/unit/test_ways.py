"""The fastest of several ways, found while they are used."""

from __future__ import annotations

from collections import Counter

from r1chat.engine.ways import Ways


def use(ways: Ways[str], costs: dict[str, float], times: int) -> Counter[str]:
    used: Counter[str] = Counter()
    for _ in range(times):
        used[ways.way] += 1
        ways.took(costs[ways.way])
    return used


def test_the_fastest_way_is_used_nearly_always():
    used = use(Ways(["a", "b", "c"]), {"a": 1.0, "b": 0.7, "c": 1.2}, 5000)
    assert used["b"] > 4900


def test_all_ways_are_tried():
    assert set(use(Ways(["a", "b", "c"]), {"a": 1.0, "b": 0.7, "c": 1.2}, 20)) == set("abc")


def test_a_hopeless_way_is_tried_once_a_round():
    used = use(Ways(["a", "b"]), {"a": 1.0, "b": 10.0}, 5000)
    assert used["b"] <= 10


def test_another_way_is_taken_when_it_has_become_the_fastest():
    ways = Ways(["a", "b"])
    use(ways, {"a": 1.0, "b": 2.5}, 1000)
    assert use(ways, {"a": 1.0, "b": 0.5}, 4000)["b"] > 2000


def test_one_way_is_always_taken():
    assert use(Ways(["a"]), {"a": 1.0}, 1000) == {"a": 1000}


def test_a_single_slow_try_decides_nothing():
    ways = Ways(["a", "b"])
    ways.took(30.0)
    assert use(ways, {"a": 0.5, "b": 0.9}, 500)["a"] > 450
