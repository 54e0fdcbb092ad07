"""Presets: named sets of instructions, budget and sampling, to be put over the user's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from r1chat.errors import UsageError
from r1chat.nearest import did_you_mean
from r1chat.reasoning.phrases import STEPS_BOXED
from r1chat.sanitize import line
from r1chat.settings import PRESET_FIELDS, Settings


@dataclass(frozen=True, slots=True)
class Preset:
    """A named set of settings.

    Attributes:
        name: Its name.
        values: The settings that it holds; the others stay as they are.
        about: What it is for; empty of a user's own.
        own: Whether the user has made it, or changed a built-in one.
    """

    name: str
    values: Mapping[str, Any] = field(hash=False)
    about: str = ""
    own: bool = False


def _comes_along(name: str, about: str, **values: object) -> Preset:
    return Preset(name, MappingProxyType(values), about)


SHIPPED: Mapping[str, Preset] = {
    each.name: each
    for each in (
        _comes_along(
            "mathematics",
            "DeepSeek's advice for R1: step by step, and the result in a box",
            system=STEPS_BOXED,
            budget="max",
            temperature=0.6,
            top_p=0.95,
        ),
        _comes_along(
            "code",
            "a whole program first, then few words about it",
            system="Answer with complete code that runs as it stands, in one block that names its "
            "language, and then with a few sentences on what has to be known about it.",
            budget="max",
            temperature=0.5,
            top_p=0.95,
        ),
        _comes_along(
            "short",
            "a brief thought, and an answer of a few sentences",
            system="Answer in three sentences at most, without an introduction.",
            budget="512",
            max_answer=400,
        ),
    )
}
"""The built-in ones. A user's own of the same name takes the place of one."""


def known(settings: Settings) -> dict[str, Preset]:
    """All presets: the built-in ones, then the user's own."""
    own = {
        name: Preset(name, values, own=True) for name, values in (settings.presets or {}).items()
    }
    return {name: own.get(name, preset) for name, preset in SHIPPED.items()} | own


def find(settings: Settings, name: str) -> Preset:
    """A preset by its name.

    Raises:
        UsageError: If there is none.
    """
    presets = known(settings)
    if name not in presets:
        hint = did_you_mean(name, presets) or f"; there are {', '.join(presets)}"
        message = f"there is no preset {line(name, 40)!r}{hint}"
        raise UsageError(message)
    return presets[name]


def applied(settings: Settings, preset: Preset) -> Settings:
    """Settings with a preset put over them."""
    values = dict(preset.values)
    if "budget" in values:
        # A saved minimum may not fit into it.
        values.setdefault("min_think", None)
    return replace(settings, **values)


def described(preset: Preset, longest: int = 200) -> str:
    """What a preset holds, on one line."""
    from r1chat.values import written

    held = {name: preset.values[name] for name in PRESET_FIELDS if name in preset.values}
    parts = [f"{name} {written(value)}" for name, value in held.items() if name != "system"]
    if "system" in held:
        parts.append(f"“{held['system']}”")
    return line(" · ".join(parts), longest)
