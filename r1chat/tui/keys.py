"""Makes Textual's bindings from the table of actions, and says which actions apply."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from r1chat.actions import ACTIONS, FIRST, FOOTER, UNBOUND

_CONDITIONS = {(each.owner, each.name): each.when for each in ACTIONS if each.when}


def bindings(owner: str, name: str | None = None) -> list[BindingType]:
    """The bindings of a part of the app.

    Args:
        owner: What the table calls that part.
        name: What Textual runs, for the bindings of that alone; by default for all.
    """
    return [
        Binding(
            each.keys or UNBOUND,
            each.action,
            each.title,
            id=each.id,
            show=bool(each.where & FOOTER),
            priority=bool(each.where & FIRST),
        )
        for each in ACTIONS
        if each.owner == owner and name in {None, each.name}
    ]


def applies(state: object, owner: str, name: str) -> bool:
    """Whether an action applies now, by the condition that the table names.

    Args:
        state: What has the condition: the part of the app that does it, or what it is done to.
        owner: What the table calls that part.
        name: What Textual runs.
    """
    condition = _CONDITIONS.get((owner, name))
    return condition is None or bool(getattr(state, condition))
