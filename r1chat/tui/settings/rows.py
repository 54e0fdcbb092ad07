"""What the settings screen lists: values alone, made from the declarations of the settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.cells import set_cell_size

from r1chat.sanitize import line
from r1chat.settings import PRESET_FIELDS, SETTINGS, Section, Setting
from r1chat.values import Choice, Switch, written

if TYPE_CHECKING:
    from r1chat.engine.base import ModelInfo
    from r1chat.settings import Settings

TITLES: Mapping[Section, str] = {
    "model": "Model",
    "thinking": "Thinking",
    "sampling": "Sampling",
    "history": "History",
    "app": "App",
}
OF_CONVERSATION = frozenset({*PRESET_FIELDS, "peek", "samples"})
"""Settings that may hold for one conversation alone."""
_LATER: Mapping[str, str] = {
    **dict.fromkeys(
        ("ctx", "threads", "gpu_layers", "tensor_split", "formats"),
        "holds from the next model that is loaded: F3 loads one",
    ),
    **dict.fromkeys(("save", "keep_state", "state_space"), "holds from the next start"),
    "panel": "holds from the next start",
    "thoughts": "holds from the next reply",
    "system": "holds for a conversation that has not begun",
}
"""What a change waits for, where it does."""
_NAME, _SOURCE, _SHORT_SOURCE = 15, 17, 8
_USUAL = 60
"""Cells of a row from which on there is room for whole words."""
_LONGEST = 400
_LINE_BREAK = "\\n"


@dataclass(frozen=True, slots=True)
class Row:
    """A setting as it stands. Its texts are clean."""

    name: str
    value: str
    """What holds, as it is typed; what the usual value is called where nothing is set."""
    source: str
    """Where that comes from, in a word or two."""
    is_set: bool
    """Whether the user has set it, for good or for the conversation."""

    @property
    def setting(self) -> Setting[Any]:
        """Its declaration."""
        return SETTINGS[self.name]

    @property
    def words(self) -> tuple[str, ...]:
        """The values that it may have, where they are a few words."""
        kind = self.setting.kind
        if isinstance(kind, Choice):
            return tuple(map(str, kind.words))
        return ("on", "off") if isinstance(kind, Switch) else ()

    def matches(self, words: Iterable[str]) -> bool:
        """Whether all of some words, in small letters, stand somewhere in it."""
        setting = self.setting
        texts = (self.name, self.value, self.source, setting.help, setting.section)
        searched = " ".join(texts).lower()
        return all(word in searched for word in words)

    def cells(self, width: int) -> str:
        """The row on one line of so many cells."""
        source = _SOURCE if width >= _USUAL else _SHORT_SOURCE
        rest = max(8, width - _NAME - source - 2)
        parts = ((self.name, _NAME), (self.value, rest), (self.source, source))
        return " ".join(_fit(text, size) for text, size in parts)


def _fit(text: str, width: int) -> str:
    whole = set_cell_size(text, width)
    return whole if whole.rstrip() == text else set_cell_size(text, width - 1) + "…"


def rows(
    saved: Settings,
    now: Settings,
    *,
    model: ModelInfo | None = None,
    given: Mapping[str, object] | None = None,
    preset: str = "",
) -> list[Row]:
    """All settings, in the order of their declarations.

    Args:
        saved: What is saved.
        now: What holds for the conversation on the screen.
        model: The model in use.
        given: What options of the command line say, by the settings' names.
        preset: The preset that holds for the conversation.
    """
    return [_row(name, saved, now, model, given or {}, preset) for name in SETTINGS]


def _row(
    name: str,
    saved: Settings,
    now: Settings,
    model: ModelInfo | None,
    given: Mapping[str, object],
    preset: str,
) -> Row:
    value, kept = getattr(now, name), getattr(saved, name)
    if given.get(name) is not None:
        return Row(name, typed(given[name]), "option", is_set=kept is not None)
    if value != kept:
        source = f"preset {preset}" if preset else "this conversation"
        shown = SETTINGS[name].usual if value is None else typed(value)
        return Row(name, shown, source, is_set=True)
    if value is not None:
        return Row(name, typed(value), "saved", is_set=True)
    advice = model.advice if model is not None else None
    if advice is not None and name in advice.values:
        source = "the model's file" if advice.source == "file" else "the model's card"
        return Row(name, f"{advice.values[name]:g}", source, is_set=False)
    return Row(name, line(SETTINGS[name].usual, _LONGEST), "default", is_set=False)


def typed(value: object) -> str:
    """A value as it is typed on one line."""
    return line(written(value).replace("\n", _LINE_BREAK), 70_000)


def read(text: str) -> str:
    """What was typed on one line, with its line breaks."""
    return text.replace(_LINE_BREAK, "\n")


def about(row: Row) -> list[str]:
    """What there is to say of a setting, in a few lines."""
    setting = row.setting
    lines = [f"{setting.help[0].upper()}{setting.help[1:]}."]
    if setting.details:
        lines.append(f"{setting.details[0].upper()}{setting.details[1:]}.")
    options = setting.options
    option = f" Option: {options[-1]}." if options else ""
    lines.append(f"Allowed: {setting.kind.allowed}. Default: {setting.usual}.{option}")
    if row.source != "default":
        lines.append(f"Now: {row.value} ({row.source}).")
    elsewhere = [_LATER[row.name]] if row.name in _LATER else []
    if setting.no_option.startswith("`"):
        elsewhere.append(setting.no_option)
    if elsewhere:
        text = "; ".join(elsewhere)
        lines.append(f"{text[0].upper()}{text[1:]}.")
    return [line(each, _LONGEST) for each in lines]


def waits_for(name: str) -> str:
    """What a change of a setting waits for; empty where it holds at once."""
    return _LATER.get(name, "")
