"""What an answer is asked with: options before a preset before the conversation before settings."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from r1chat import compose, presets
from r1chat.conversation import think_of
from r1chat.errors import UsageError
from r1chat.reasoning.budget import Budget, Think
from r1chat.sanitize import line
from r1chat.settings import SETTINGS, Settings
from r1chat.variation import Variation, shown
from r1chat.wording import model_name

if TYPE_CHECKING:
    from r1chat.store import Loaded


class Given:
    """What one answer is asked with.

    Args:
        args: What `options.add_ask` defines.
        saved: The user's settings.
        loaded: The conversation that is continued, if one is.
        variation: What of the options stands there for a comparison.

    Raises:
        UsageError: If there is no such preset.
    """

    def __init__(
        self,
        args: argparse.Namespace,
        saved: Settings,
        loaded: Loaded | None = None,
        variation: Variation | None = None,
    ) -> None:
        self.args = args
        self.variation = variation
        self.settings = self._saved = saved
        self.preset: Mapping[str, Any] = {}
        """What a preset has put over the settings."""
        self._loaded = loaded
        if args.preset is not None:
            preset = presets.find(saved, args.preset)
            self.settings, self.preset = presets.applied(saved, preset), preset.values

    def continuing(self, loaded: Loaded | None) -> Given:
        """The same for a conversation that is continued."""
        return Given(self.args, self._saved, loaded)

    def varied(self, variation: Variation) -> Given:
        """The same with other options.

        Raises:
            UsageError: If there is no such preset.
        """
        args = argparse.Namespace(**vars(self.args))
        changes = dict(variation.values)
        if "budget" in changes:
            # The minimum belongs to the other budget, and need not fit into this one.
            changes.setdefault("min_think", None)
        for name in ("model", "preset"):
            if (value := getattr(variation, name)) is not None:
                changes[name] = value
        vars(args).update(changes)
        return Given(args, self._saved, self._loaded, variation)

    def check(self) -> None:
        """Looks whether it makes sense.

        Raises:
            UsageError: If it does not.
        """
        self.budget()
        if self.args.samples > 1 and self.either("temperature") == 0:
            message = (
                "at a --temperature of 0 all samples are the same; set another, or leave out -n"
            )
            raise UsageError(message)

    def either(self, name: str) -> Any:  # noqa: ANN401  (of whatever type the option is)
        """An option; where it is not given, the setting."""
        value = getattr(self.args, name)
        return getattr(self.settings, name) if value is None else value

    @property
    def model(self) -> str | None:
        """The model's reference; None where nobody has named one."""
        ref: str | None = self.args.model
        if ref is None and self._loaded is not None:
            ref = compose.as_kept(self._loaded.summary.model, (self.settings.model,))
        return self.settings.model if ref is None else ref

    @property
    def beside(self) -> str | None:
        """What of it is there for a comparison, in words; None where nothing is."""
        return None if self.variation is None else self.variation.settings

    @property
    def keeps_instructions(self) -> bool:
        """Whether a preset has instructions that are left out: a conversation keeps its own."""
        begun = self._loaded is not None and "system" in self.preset
        return begun and not self._has_other_instructions

    @property
    def _has_other_instructions(self) -> bool:
        """Whether they are what is compared."""
        variation = self.variation
        if variation is None:
            return False
        of_preset = variation.preset is not None and "system" in self.preset
        return of_preset or "system" in variation.values

    @property
    def system(self) -> str | None:
        """The instructions; a conversation keeps its own, unless others are compared with them."""
        if self._loaded is not None and not self._has_other_instructions:
            return self._loaded.system
        system: str | None = self.either("system")
        return system

    @property
    def think(self) -> Think:
        """Whether a model that does not think by itself is asked to."""
        given: Think | None = self.args.think
        if (
            given is None
            and "think" not in self.preset
            and self._loaded is not None
            and self._loaded.summary.model
        ):
            return think_of(self._loaded.settings)
        return given or self.settings.think or "auto"

    def budget(self) -> Budget:
        """How long the model may think.

        Raises:
            UsageError: If the budget and the minimum do not go together.
        """
        args = self.args
        usual, least = self.settings.budget, self.settings.min_think
        kept = self._loaded is not None and self._loaded.summary.model
        if self._loaded is not None and kept and "budget" not in self.preset:
            usual, least = self._loaded.budget, int(self._loaded.settings.get("min_think", 0))
        # An explicit budget must not fail because of a saved minimum.
        minimum = args.min_think
        if minimum is None:
            minimum = least if args.budget is None else 0
        try:
            return Budget.parse(args.budget or usual or "max", minimum=minimum or 0)
        except ValueError as error:
            message = f"--budget and --min-think: {error}"
            raise UsageError(message) from None

    def sampling(self) -> dict[str, float | None]:
        """What of the sampling the user has chosen; None for the rest."""
        return {name: self.either(name) for name in ("temperature", "top_k", "top_p", "min_p")}

    @property
    def label(self) -> str:
        """What names it before its model is loaded."""
        varied = self.variation
        parts = (varied.model, varied.settings) if varied is not None else (self.model,)
        return line(", ".join(part for part in parts if part)) or "the usual model"

    def heading(self, ref: str, names: Collection[str]) -> str:
        """What tells this answer from the others.

        Args:
            ref: The model's reference.
            names: The settings in which they differ, a preset's among them.
        """
        parts = [self._named(name) for name in ("preset", *SETTINGS) if name in names]
        return " · ".join((model_name(ref), *parts))

    def _named(self, name: str) -> str:
        words = name.replace("_", " ")
        if name == "budget":
            return f"budget {self.budget()}"
        value = self.system if name == "system" else getattr(self.args, name, None)
        if value is None and name in SETTINGS:
            value = getattr(self.settings, name)
        if name == "system":
            return f"instructions “{shown(value)}”" if value else "no instructions"
        if value is None:
            return f"no {words}" if name == "preset" else f"usual {words}"
        return f"{words} {shown(value)}"
