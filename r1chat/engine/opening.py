"""Opens a model file with a context: in this process, or first on trial in a child."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from r1chat.engine import gpus, loading
from r1chat.engine.context import ContextOptions
from r1chat.engine.machine import TokenMachine
from r1chat.engine.native import AbortByte
from r1chat.errors import EngineError, ModelError


@dataclass(frozen=True, slots=True)
class Opening:
    """All that llama.cpp is told of how to open a model.

    Attributes:
        sizes: Of the context.
        layers: Layers to put on the GPU; `gpus.ALL` for all.
        count: How many there are; known where fewer are tried if they do not fit.
        split: A part for each of several GPUs.
    """

    sizes: ContextOptions
    layers: int = 0
    count: int = 0
    split: tuple[float, ...] = ()

    def open(
        self,
        path: Path,
        abort: AbortByte,
        on_progress: Callable[[float], bool] | None = None,
    ) -> tuple[Any, TokenMachine]:
        """Opens a model.

        Args:
            path: The file, of a split model the first one.
            abort: Stops a running evaluation when it is set.
            on_progress: Called with 0 to 1; returning False breaks off.

        Returns:
            llama.cpp's handle, to be freed after the machine is closed, and the machine.

        Raises:
            ModelError: If llama.cpp refuses the file, or there is no memory for its context.
            GpuFull: If there is not so much memory on the GPUs.
        """
        model = loading.open_model(
            path, gpu_layers=self.layers, tensor_split=self.split, on_progress=on_progress
        )
        try:
            sizes = replace(self.sizes, on_gpu=self.layers != 0)
            return model, TokenMachine(model, sizes, abort)
        except EngineError as error:
            loading.free_model(model)
            raise (gpus.GpuFull if self.layers else ModelError)(str(error)) from None

    def as_text(self) -> str:
        """The same as one line, for a child process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Opening:
        """What `as_text` wrote."""
        values = json.loads(text)
        sizes = ContextOptions(**values.pop("sizes"))
        return cls(sizes, values["layers"], values["count"], tuple(values["split"]))
