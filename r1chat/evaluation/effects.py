"""What steering did to answers: how often they changed, and which words did best."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from statistics import fmean

from r1chat.evaluation.intervals import Estimate, accuracy, difference
from r1chat.evaluation.interventions import Intervention
from r1chat.evaluation.plan import Key, Plan, Sample, Setting
from r1chat.reasoning.moments import moments

Right = Callable[[Sample], bool]
Same = Callable[[str, str], bool]

_UNRANKED = frozenset({"plant", "nothing"})
"""Kinds of which no wording is better: they measure, and help nobody."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A reply as it came, and as it was steered."""

    before: Sample
    after: Sample
    was_right: bool
    is_right: bool
    changed: bool
    followed: bool
    """Whether its answer is the value that was planted, or given away."""
    repaired: bool
    """Whether it kept its answer, and the thought doubts behind the planted value, or says again
    what had stood in its place."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one intervention did."""

    setting: Setting
    intervention: Intervention
    questions: int
    pairs: int
    changed: Estimate | None
    """The share of answers that are others than without it."""
    was_right: int
    """Replies that were right without it."""
    lost: Estimate | None
    """Of them, the share that are wrong with it."""
    won: Estimate | None
    """Of those that were wrong, the share that are right with it."""
    followed: Estimate | None
    """The share that answer with the value that was planted or given away; None without one."""
    repaired: Estimate | None
    """The share that noticed a planted value and kept their answer; None without one."""
    right: Estimate | None
    gain: Estimate | None
    """In right answers, against the same replies without it."""
    thought_tokens: float
    """The mean."""
    shares: Mapping[str, float]
    """Of right replies, by the question's key."""


@dataclass(frozen=True, slots=True)
class Wording:
    """What one wording of an intervention came to, over all its places."""

    setting: Setting
    name: str
    """What is done."""
    words: str
    shown: str
    questions: int
    right: Estimate | None
    against_first: Estimate | None
    """In right answers, against the first wording; None for that one."""


def effects(
    plan: Plan,
    interventions: Sequence[Intervention],
    samples: Mapping[Key, Sample],
    *,
    right: Right,
    same: Same,
) -> list[Effect]:
    """Computes what each intervention did.

    Only pairs count: a thought that has no such place says nothing.

    Args:
        plan: What was asked, with and without steering.
        interventions: What was done, in the order in which it is to be told.
        samples: What has been drawn.
        right: Judges a sample.
        same: Compares two answers.
    """
    found = []
    for base, intervention in product(plan.unsteered.settings, interventions):
        setting = replace(base, steer=str(intervention))
        pairs = [
            _pair(samples[unsteered], samples[key], right, same)
            for key, unsteered in plan.pairs(setting)
            if key in samples and unsteered in samples
        ]
        number = plan.samples * len(plan.seeds)
        found += [_effect(setting, pairs, number)] if pairs else []
    return found


def wordings(found: Iterable[Effect]) -> list[Wording]:
    """Compares the wordings of each intervention that has several, over its places.

    A question counts where all of them could be tried in the same places.
    """
    groups: dict[tuple[Setting, str], dict[str, dict[str, list[float]]]] = {}
    shown: dict[str, str] = {}
    for effect in found:
        intervention = effect.intervention
        if intervention.kind in _UNRANKED or intervention.name == "wrong hint":
            continue
        setting = replace(effect.setting, steer="")
        shares = groups.setdefault((setting, intervention.name), {})
        shown[intervention.words] = intervention.wording
        for key, share in effect.shares.items():
            of_words = shares.setdefault(intervention.words, {})
            of_words.setdefault(f"{key}/{intervention.place}", []).append(share)
    rows = []
    for (setting, name), by_words in groups.items():
        if len(by_words) > 1:
            rows += _ranked(setting, name, by_words, shown)
    return rows


def _ranked(
    setting: Setting,
    name: str,
    by_words: Mapping[str, Mapping[str, Sequence[float]]],
    shown: Mapping[str, str],
) -> list[Wording]:
    common = set.intersection(*(set(each) for each in by_words.values()))
    means: dict[str, dict[str, float]] = {}
    for words, shares in by_words.items():
        of_question: dict[str, list[float]] = {}
        for place in sorted(common):
            of_question.setdefault(place.partition("/")[0], []).extend(shares[place])
        means[words] = {key: fmean(each) for key, each in of_question.items()}
    first = next(iter(means.values()))
    rows = []
    for words, of in means.items():
        right = accuracy(list(of.values()), 1)
        against = difference([of[key] - first[key] for key in of]) if of is not first else None
        rows.append(Wording(setting, name, words, shown[words], len(of), right, against))
    return rows


def _pair(before: Sample, after: Sample, right: Right, same: Same) -> Pair:
    one, other = before.final, after.final
    changed = one != other if one is None or other is None else not same(one, other)
    followed = bool(after.planted) and other is not None and same(after.planted, other)
    noticed = bool(after.replaced) and _noticed(after)
    return Pair(
        before,
        after,
        was_right=right(before),
        is_right=right(after),
        changed=changed,
        followed=followed,
        repaired=noticed and not changed,
    )


def _noticed(sample: Sample) -> bool:
    """Whether a thought doubts behind a planted value, or says again what stood there."""
    rest = sample.thought[sample.goes_on or 0 :]
    again = re.search(rf"(?<![\d.,]){re.escape(sample.replaced)}(?![\d]|[.,]\d)", rest)
    return again is not None or bool(moments(rest))


def _effect(setting: Setting, pairs: Sequence[Pair], number: int) -> Effect:
    planted = [pair for pair in pairs if pair.after.planted]
    replaced = [pair for pair in pairs if pair.after.replaced]
    was = [pair for pair in pairs if pair.was_right]
    others = [pair for pair in pairs if not pair.was_right]
    gains = _by_question(pairs, lambda pair: pair.is_right - pair.was_right)
    return Effect(
        setting=setting,
        intervention=Intervention.parse(setting.steer),
        questions=len({pair.after.question for pair in pairs}),
        pairs=len(pairs),
        changed=_share(pairs, lambda pair: pair.changed, number),
        was_right=len(was),
        lost=_share(was, lambda pair: not pair.is_right, number),
        won=_share(others, lambda pair: pair.is_right, number),
        followed=_share(planted, lambda pair: pair.followed, number),
        repaired=_share(replaced, lambda pair: pair.repaired, number),
        right=_share(pairs, lambda pair: pair.is_right, number),
        gain=difference(list(gains.values())),
        thought_tokens=fmean(pair.after.thought_tokens for pair in pairs),
        shares=_by_question(pairs, lambda pair: pair.is_right),
    )


def _share(pairs: Sequence[Pair], of: Callable[[Pair], bool], number: int) -> Estimate | None:
    return accuracy(list(_by_question(pairs, of).values()), number)


def _by_question(pairs: Sequence[Pair], of: Callable[[Pair], float]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for pair in pairs:
        found.setdefault(pair.after.question, []).append(of(pair))
    return {key: fmean(each) for key, each in found.items()}
