"""The line at the top: model, where it runs, how full its context is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from r1chat.formatting import counted, format_speed
from r1chat.sanitize import line
from r1chat.wording import model_name

if TYPE_CHECKING:
    from r1chat.engine.base import ModelInfo

_METER = 8
_UNSAVED = "not saved"


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
    progress: reactive[float | None] = reactive(None)
    """How much of it is loaded, 0 to 1, while it is being loaded."""
    used: reactive[int] = reactive(0)
    """Tokens of context in use."""
    prompt: reactive[int] = reactive(0, repaint=False)
    """Tokens of the prompt that is being answered."""
    speed: reactive[float] = reactive(0.0)
    """Tokens a second, as last measured."""
    label: reactive[str] = reactive("")
    """What to show before there is a model."""
    download: reactive[str] = reactive("")
    """How far a download is: "↓ 42 %"."""
    unsaved: reactive[bool] = reactive(default=False)
    """Whether the conversation ends with the app."""

    def render(self) -> RenderResult:
        """One line; what matters least is left out where there is no room for it."""
        info = self.info
        room = self.size.width
        meters = self._meters(info.context) if info else [""]
        loading = self._waiting() if info and self.progress is not None else ""
        for news in (loading, self.download, _UNSAVED if self.unsaved else ""):
            if news:
                meters = [f"{news}   {text}".rstrip() for text in meters] + [news]
        right = next((text for text in meters if len(text) <= room // 2), "")
        left = ""
        for parts in self._descriptions(info) if info else [[self._waiting()]]:
            left = " · ".join(parts)
            if len(left) < room - len(right):
                break
        left = line(left, max(1, room - len(right) - 1))
        return Content(left + " " * (room - len(left) - len(right)) + right)

    def _waiting(self) -> str:
        label = model_name(self.label, 30 if self.info else 80)
        return label if self.progress is None else f"Loading {label} … {self.progress:4.0%}"

    def _descriptions(self, info: ModelInfo) -> list[list[str]]:
        """The model, from long to short."""
        name = model_name(info.ref, 40)
        speed = [format_speed(self.speed)] if self.speed > 0 else []
        if info.host:
            name, host = line(info.name, 40), f"on {line(info.host, 40)}"
            return [[name, host, *speed], [name, host], [name]]
        where = "CPU" if info.gpu_layers == 0 else "GPU"
        if 0 < info.gpu_layers < info.layers:
            where += f" {info.gpu_layers}/{counted(info.layers, 'layer')}"
        where += f", {counted(info.threads, 'thread')}"
        kind = line(info.quant, 12)
        return [[name, kind, where, *speed], [name, kind, *speed], [name, kind], [name]]

    def _meters(self, context: int) -> list[str]:
        """How full the context is, from long to short."""
        if not context:
            return [counted(self.used, "token"), ""]
        share = min(1.0, self.used / context) if context else 0.0
        full = round(share * _METER)
        bar = "█" * full + "░" * (_METER - full)
        figures = f"{self.used:,} of {context:,}"
        return [f"context {bar} {figures}", f"context {figures}", f"{bar} {share:.0%}"]
