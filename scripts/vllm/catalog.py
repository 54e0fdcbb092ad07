"""Lists the models that vLLM is given, and the files that they are converted from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from r1chat.compose import resolve
from scripts.real.models import MODELS as REAL
from scripts.real.models import path_of
from scripts.vllm.places import model

_OTHER_MARKERS = {
    "<｜begin▁of▁sentence｜>": "<|bos|>",
    "<｜end▁of▁sentence｜>": "<|eos|>",
    "<｜User｜>": "<|user|>",
    "<｜Assistant｜>": "<|assistant|>",
}
_QWEN = "qwen2.5-coder-0.5b"


@dataclass(frozen=True)
class Served:
    """A model as vLLM is given it."""

    name: str
    title: str
    source: str
    """The model that it is made of: the built-in one or a real one."""
    special: bool = False
    """Whether the tags of thoughts are special tokens."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Other texts for its markers: the same model, with a framing that r1chat does not know."""

    @property
    def made(self) -> bool:
        """Whether it has been converted."""
        return (model(self.name) / "config.json").is_file()

    @property
    def origin(self) -> Path:
        """The file that it is converted from."""
        real = next((each for each in REAL if each.name == self.source), None)
        return Path(resolve(self.source)) if real is None else path_of(real.name)

    @property
    def gguf(self) -> Path:
        """The file with the same numbers and the same tokens, for the engine in process."""
        return model(self.name) / "same.gguf" if self.renamed else self.origin

    def make(self) -> None:
        """Converts it.

        Raises:
            ConvertError: If its file is not there, or not known.
        """
        from scripts.vllm.converting import ConvertError, convert

        if not self.origin.is_file():
            msg = f"{self.name} is made from a real model: scripts/real_models {self.source}"
            raise ConvertError(msg)
        convert(self.origin, model(self.name), special=self.special, renamed=self.renamed)


SERVED = (
    Served("tiny", "the built-in model", "tiny"),
    Served("tiny-special", "the same, its <think> a special token", "tiny", special=True),
    Served("tiny-chat", "the same, with other markers", "tiny", renamed=_OTHER_MARKERS),
    Served(_QWEN, "Qwen2.5-Coder-0.5B-Instruct, a chat model", _QWEN),
)
NAMES = tuple(each.name for each in SERVED)


def served(name: str) -> Served:
    """A model by its name."""
    return next(each for each in SERVED if each.name == name)
