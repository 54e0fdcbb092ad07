"""Detects GPUs, and how llama.cpp could use them."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass

from r1chat.resources import output

_SOFTWARE = ("llvmpipe", "lavapipe", "swiftshader")
_MOST = 3
_PATIENCE_S = 10.0
"""The first call of such a program wakes up the driver."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """GPUs of one kind.

    Attributes:
        kind: Through what llama.cpp would use them.
        names: What they are called.
        flag: The option that compiles llama.cpp for them.
        needs: What has to be installed before that.
    """

    kind: str
    names: tuple[str, ...]
    flag: str
    needs: str


def found() -> list[Gpu]:
    """The GPUs of this machine, the best way to use them first."""
    gpus = []
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        gpus.append(
            Gpu("Metal", ("Apple silicon",), "-DGGML_METAL=on", "Xcode's command line tools")
        )
    query = output(
        "nvidia-smi",
        "--query-gpu=name,memory.total",
        "--format=csv,noheader",
        patience_s=_PATIENCE_S,
    )
    if names := _rows(query):
        gpus.append(Gpu("CUDA", names, "-DGGML_CUDA=on", "NVIDIA's CUDA toolkit (nvcc)"))
    # rocminfo lists processors as well; only GPUs have a marketing name beside a gfx target.
    agents = output("rocminfo", patience_s=_PATIENCE_S).split("*******")
    if names := tuple(name for agent in agents if "gfx" in agent and (name := _marketed(agent))):
        gpus.append(Gpu("ROCm", names[:_MOST], "-DGGML_HIP=on", "AMD's ROCm (hipcc)"))
    devices = re.findall(
        r"deviceName\s*=\s*(.+)", output("vulkaninfo", "--summary", patience_s=_PATIENCE_S)
    )
    real = [name for name in devices if not any(word in name.lower() for word in _SOFTWARE)]
    if real:
        needs = "the Vulkan SDK (headers and glslc)"
        gpus.append(Gpu("Vulkan", tuple(real[:_MOST]), "-DGGML_VULKAN=on", needs))
    return gpus


def _rows(text: str) -> tuple[str, ...]:
    return tuple(row.strip() for row in text.splitlines() if row.strip())[:_MOST]


def _marketed(agent: str) -> str:
    match = re.search(r"Marketing Name:\s*(.+)", agent)
    return match[1].strip() if match else ""
