"""A machine and models that are always the same, for tests of the models screen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from r1chat.errors import NetworkError
from r1chat.gguf.needs import Shape
from r1chat.hub.inventory import Inventory
from r1chat.hub.local import LocalModel
from r1chat.hub.machine import Machine
from r1chat.servers.listing import ServedModel
from r1chat.tui.services.known_models import NamedServers

GIB = 1 << 30
MACHINE = Machine(
    ram_total=16 * GIB,
    ram_free=11 * GIB,
    disk_free=120_000_000_000,
    bandwidth=40e9,
    threads=7,
)
TINY = LocalModel(
    ref="tiny",
    path=Path("/r1chat/models/tiny.gguf"),
    name="tiny",
    quant="F16",
    arch="llama",
    size=3_100_000,
    source="built in",
    repo="",
    commit="",
    thinks=True,
    context=1024,
    shape=Shape(5, 192, 6, 2, 32, 1024, 1024),
)
DISTILL = LocalModel(
    ref="/models/DeepSeek-R1-Distill-Qwen-1.5B-Q4_K_M.gguf",
    path=Path("/models/DeepSeek-R1-Distill-Qwen-1.5B-Q4_K_M.gguf"),
    name="DeepSeek R1 Distill Qwen 1.5B",
    quant="Q4_K_M",
    arch="qwen2",
    size=1_117_320_736,
    source="lm studio",
    repo="bartowski/DeepSeek-R1-Distill-Qwen-1.5B-GGUF",
    commit="",
    thinks=True,
    context=131_072,
)
DAMAGED = LocalModel(
    ref="/models/Some-Finetune-Of-A-Larger-Model-With-A-Long-Name-Q8_0.gguf",
    path=Path("/models/Some-Finetune-Of-A-Larger-Model-With-A-Long-Name-Q8_0.gguf"),
    name="Some Finetune Of A Larger Model With A Long Name",
    quant="Q8_0",
    arch="",
    size=8_540_000_000,
    source="folder",
    repo="",
    commit="",
    thinks=False,
    context=0,
    problem="is cut off: 12 of 8,540 MB are there",
)


class StillHub(Inventory):
    """Looks nothing up on this machine.

    Args:
        local: The models that it has.
        machine: What it is.
    """

    def __init__(
        self, local: Sequence[LocalModel] = (TINY,), machine: Machine | None = None
    ) -> None:
        super().__init__()
        self.local = list(local)
        self.seen = machine or MACHINE

    def machine(self) -> Machine:
        return self.seen

    def find_local(self) -> Sequence[LocalModel]:
        return self.local


class StillServers(NamedServers):
    """Asks no server.

    Args:
        answers: What named servers say, or why they do not.
    """

    def __init__(self, answers: dict[str, tuple[ServedModel, ...] | str]) -> None:
        self._answers = answers

    def known(self) -> dict[str, str]:
        return {name: f"http://{name}.example:8000/v1" for name in self._answers}

    def models(self, name: str, url: str) -> tuple[ServedModel, ...]:  # noqa: ARG002
        answer = self._answers[name]
        if isinstance(answer, str):
            raise NetworkError(answer)
        return answer
