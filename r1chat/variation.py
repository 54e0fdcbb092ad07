"""A variation: what a question is asked with in the place of the usual, to compare the two."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from r1chat import presets
from r1chat.nearest import did_you_mean
from r1chat.sanitize import line, line_breaks
from r1chat.settings import PRESET_FIELDS, SETTINGS, Settings
from r1chat.values import written

NAMES = ("model", "preset", *PRESET_FIELDS)
"""What can be another."""
_NEXT = re.compile(rf",(?=(?:{'|'.join(NAMES).replace('_', '[_-]')})=)")
_NAMED = re.compile(r"([a-z][a-z_-]*)=(.*)", re.DOTALL)
_LONGEST = 60
_LONGEST_ALL = 200


@dataclass(frozen=True, slots=True)
class Variation:
    """Another model, other settings, or both.

    Attributes:
        model: Its reference; None is the usual one.
        preset: A preset that lies over the usual settings; None is as usual.
        values: The settings that are others, by their names.
    """

    model: str | None = None
    preset: str | None = None
    values: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), hash=False)

    @property
    def settings(self) -> str:
        """Preset and settings as they are typed, for a receipt; empty where the model alone is."""
        held = {"preset": self.preset} if self.preset is not None else {}
        parts = (f"{name}={shown(value)}" for name, value in {**held, **self.values}.items())
        return line(", ".join(parts), _LONGEST_ALL)

    def held(self, settings: Settings) -> dict[str, Any]:
        """All settings that are others, those of its preset among them.

        Raises:
            UsageError: If there is no such preset.
        """
        preset = presets.find(settings, self.preset).values if self.preset is not None else {}
        return {**preset, **self.values}

    def over(self, settings: Settings) -> Settings:
        """Puts its preset and its values over settings.

        Raises:
            UsageError: If there is no such preset.
        """
        return presets.applied(settings, presets.Preset("", self.held(settings)))


def shown(value: object) -> str:
    """A value on one line."""
    return line(f"{value:g}" if isinstance(value, float) else written(value), _LONGEST)


def parse(text: str) -> Variation:
    """Reads what is to be compared.

    Args:
        text: A model's reference, or ``NAME=VALUE`` with a name of `NAMES`; several of them with
            commas between. An empty ``system`` is no instructions.

    Raises:
        ValueError: If it is neither; the message is one line.
    """
    found = Variation()
    if not text.strip():
        message = "there is nothing to compare with"
        raise ValueError(message)
    for number, part in enumerate(_NEXT.split(text)):
        named = _NAMED.fullmatch(part)
        if named is None or (number == 0 and part.endswith(".gguf")):
            found = replace(found, model=part.strip())
            continue
        name, value = named[1].replace("-", "_"), named[2]
        if name not in NAMES:
            near = did_you_mean(name, NAMES) or f"; there are {', '.join(NAMES)}"
            message = f"{line(name, 40)} cannot be compared{near}"
            raise ValueError(message)
        found = _with(found, name, value)
    return found


def _with(variation: Variation, name: str, value: str) -> Variation:
    if name == "model":
        return replace(variation, model=value)
    if name == "preset":
        return replace(variation, preset=value)
    if name == "system" and not value.strip():
        # No instructions, in the place of the usual ones.
        return replace(variation, values=MappingProxyType({**variation.values, name: ""}))
    try:
        read = SETTINGS[name].kind.read(line_breaks(value) if name == "system" else value)
    except ValueError as error:
        message = f"{name}: {error}"
        raise ValueError(message) from None
    return replace(variation, values=MappingProxyType({**variation.values, name: read}))
