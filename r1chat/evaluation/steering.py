"""The effects of steering as tables, and as the object that `--format json` prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from r1chat.evaluation.drawing import percent, points
from r1chat.evaluation.effects import Effect, Wording
from r1chat.evaluation.intervals import Estimate
from r1chat.evaluation.report import estimate, setting_of
from r1chat.evaluation.summary import FEWEST
from r1chat.formatting import counted

_LETTERS = "abcdefghijklmnopqrstuvwxyz"

KEY = (
    "changed: answers other than without it · lost: of the right ones · won: of the wrong ones · "
    "follows: answers with the value that was planted or given · repaired: keeps its answer, and "
    "doubts a planted value or says the right one"
)
"""What the columns say."""

Table = tuple[list[str], list[list[str]], str]


class Names:
    """Short names for the wordings of each intervention, so that a table stays narrow.

    Args:
        effects: What is to be shown.
    """

    def __init__(self, effects: Sequence[Effect]) -> None:
        self._words: dict[str, dict[str, str]] = {}
        for each in effects:
            of_kind = self._words.setdefault(each.intervention.name, {})
            of_kind.setdefault(each.intervention.words, each.intervention.wording)

    def name(self, kind: str, words: str) -> str:
        """A letter, or two; nothing for the only wording of its kind."""
        known = list(self._words[kind])
        at = known.index(words)
        if len(known) == 1:
            return ""
        return _LETTERS[at] if at < len(_LETTERS) else str(at + 1)

    def legend(self) -> list[str]:
        """What the letters stand for, a line each."""
        return [
            " ".join(filter(None, (kind, self.name(kind, words)))) + f": {shown}"
            for kind, of_kind in self._words.items()
            for words, shown in of_kind.items()
        ]


def table(effects: Sequence[Effect], names: Names) -> Table:
    """What each intervention did: the head, the rows, and the names of the columns with figures."""
    several = len({_base(each) for each in effects}) > 1
    follows = any(each.followed for each in effects)
    notices = any(each.repaired for each in effects)
    head = ["steering", "place", "questions", "changed (95 %)", "lost", "won"]
    head += ["follows"] if follows else []
    head += ["repaired"] if notices else []
    head += ["right", "− unsteered, points (95 %)"]
    rows = []
    for each in effects:
        what = each.intervention
        name = " ".join(filter(None, (what.name, names.name(what.name, what.words))))
        cells = [f"{_base(each)} · {name}" if several else name, what.place, str(each.questions)]
        cells += [_share(each.changed), percent(each.lost)[0], percent(each.won)[0]]
        cells += [_share(each.followed)] if follows else []
        cells += [_share(each.repaired)] if notices else []
        rows.append([*cells, percent(each.right)[0], points(each.gain) if each.gain else ""])
    return head, rows, "questions lost won right"


def ranking(wordings: Sequence[Wording], names: Names) -> Table:
    """The wordings of each intervention over all its places, as `table` does."""
    head = ["wording", "questions", "right", "95 %", "− the first, points (95 %)"]
    rows = [
        [
            f"{each.name} {names.name(each.name, each.words)}",
            str(each.questions),
            *percent(each.right),
            points(each.against_first) if each.against_first else "",
        ]
        for each in wordings
    ]
    return head, rows, "questions right"


def verdicts(wordings: Sequence[Wording], names: Names) -> list[str]:
    """Which wordings are better than the first one, as far as the questions can tell."""
    found = []
    for group in dict.fromkeys((each.setting, each.name) for each in wordings):
        of_group = [each for each in wordings if (each.setting, each.name) == group]
        if of_group[0].questions < FEWEST:
            few = counted(of_group[0].questions, "question")
            found.append(f"{group[1]}: {few} cannot tell which wording is better.")
            continue
        better = [each for each in of_group if each.against_first and each.against_first.low > 0]
        best = max(better, key=_worth, default=None)
        name = group[1]
        if best is None:
            first = names.name(name, of_group[0].words)
            found.append(f"{name}: no wording is surely better than {first}.")
        else:
            found.append(f"{name}: {names.name(name, best.words)} is better than the first.")
    return found


def document(effects: Sequence[Effect], wordings: Sequence[Wording]) -> dict[str, Any]:
    """The figures as JSON has them."""
    rows = []
    for each in effects:
        what = each.intervention
        rows.append(
            {
                **setting_of(each.setting),
                "steer": asdict(what),
                "questions": each.questions,
                "pairs": each.pairs,
                "changed": estimate(each.changed),
                "was_right": each.was_right,
                "lost": estimate(each.lost),
                "won": estimate(each.won),
                "followed": estimate(each.followed),
                "repaired": estimate(each.repaired),
                "right": estimate(each.right),
                "gain": estimate(each.gain),
                "thought_tokens": round(each.thought_tokens, 1),
            }
        )
    ranked = [
        {
            **setting_of(each.setting),
            "name": each.name,
            "words": each.words,
            "questions": each.questions,
            "right": estimate(each.right),
            "against_first": estimate(each.against_first),
        }
        for each in wordings
    ]
    return {"rows": rows, "wordings": ranked}


def _worth(wording: Wording) -> float:
    return wording.right.value if wording.right else 0.0


def _base(effect: Effect) -> str:
    return str(effect.setting).partition(f", {effect.intervention.label}")[0]


def _share(found: Estimate | None) -> str:
    """A share with its interval in one cell; nothing where there is none."""
    if found is None:
        return ""
    value, low, high = (100 * each for each in (found.value, found.low, found.high))
    return f"{value:.0f} % ({low:.0f}–{high:.0f})"
