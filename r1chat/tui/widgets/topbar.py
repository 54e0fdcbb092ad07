"""The line at the top: model, where it runs, how full its context is."""

from __future__ import annotations

from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from r1chat.engine.base import ModelInfo
from r1chat.sanitize import line

_METER = 8
_NARROW = 60


class TopBar(Widget):
    """Says which model answers, and how much of its context is used."""

    DEFAULT_CSS = """
    TopBar {
        dock: top;
        height: 1;
        padding: 0 1;
        background: $panel;
        color: $foreground;
    }
    """

    info: reactive[ModelInfo | None] = reactive(None)
    """The model, once it is loaded."""
    loading: reactive[float | None] = reactive(None)  # type: ignore[assignment]
    """How much of it is loaded, 0 to 1, while it is being loaded."""
    used: reactive[int] = reactive(0)
    """Tokens of context in use."""
    prompt: reactive[int] = reactive(0, repaint=False)
    """Tokens of the prompt that is being answered."""
    speed: reactive[float] = reactive(0.0)
    """Tokens a second, as last measured."""
    label: reactive[str] = reactive("")
    """What to show before there is a model."""

    def render(self) -> RenderResult:
        """One line; what does not fit is left out from the right."""
        info = self.info
        if info is None:
            return Content(self._waiting())
        parts = [line(info.ref, 40), info.quant]
        wide = self.size.width >= _NARROW
        if wide:
            where = "CPU" if info.gpu_layers == 0 else "GPU"
            threads = "thread" if info.threads == 1 else "threads"
            parts.append(f"{where}, {info.threads} {threads}")
        if wide and self.speed > 0:
            parts.append(f"{self.speed:,.0f} tokens/s")
        left = " · ".join(parts)
        right = self._meter(info.context, wide=wide)
        gap = max(1, self.size.width - 2 - len(left) - len(right))
        return Content(left + " " * gap + right)

    def _waiting(self) -> str:
        if self.loading is None:
            return self.label
        return f"Loading {line(self.label, 40)} … {self.loading:4.0%}"

    def _meter(self, context: int, *, wide: bool) -> str:
        share = min(1.0, self.used / context) if context else 0.0
        figures = f"{self.used:,} of {context:,}"
        if not wide:
            return f"{share:.0%}"
        full = round(share * _METER)
        return f"context {'█' * full}{'░' * (_METER - full)} {figures}"
