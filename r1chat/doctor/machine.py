"""The processor, as far as the system describes it: Linux well, others less."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from r1chat.resources import output, text_of

_PROC = Path("/proc")
_GROUPS = Path("/sys/fs/cgroup")

FLAGS = {
    "SSE3": "pni",
    "SSSE3": "ssse3",
    "AVX": "avx",
    "AVX2": "avx2",
    "AVX_VNNI": "avx_vnni",
    "F16C": "f16c",
    "FMA": "fma",
    "BMI2": "bmi2",
    "AVX512": "avx512f",
    "AVX512_VBMI": "avx512_vbmi",
    "AVX512_VNNI": "avx512_vnni",
    "AVX512_BF16": "avx512_bf16",
    "AMX_INT8": "amx_int8",
    "NEON": "asimd",
    "ARM_FMA": "asimd",
    "FP16_VA": "asimdhp",
    "DOTPROD": "asimddp",
    "MATMUL_INT8": "i8mm",
    "SVE": "sve",
    "SME": "sme",
}
"""What llama.cpp calls a processor's features, and what Linux does."""


@dataclass(frozen=True, slots=True)
class Processor:
    """The processor. None is unknown."""

    name: str
    features: frozenset[str] | None
    """As llama.cpp calls them."""
    physical: int | None
    logical: int | None
    allowance: float | None
    """Cores' worth of time that a container may use; None without a limit."""


def processor() -> Processor:
    """Looks at the processor."""
    blocks = _cpuinfo()
    first = blocks[0] if blocks else {}
    flags = set((first.get("flags") or first.get("Features") or "").split())
    # The kernel has written this one both ways.
    if "avx512vbmi" in flags:
        flags.add("avx512_vbmi")
    if platform.machine() in ("arm64", "aarch64"):
        flags.add("asimd")
    return Processor(
        name=first.get("model name") or _sysctl("machdep.cpu.brand_string") or _platform_name(),
        features=frozenset(name for name, flag in FLAGS.items() if flag in flags)
        if flags
        else None,
        physical=_physical(blocks),
        logical=os.cpu_count(),
        allowance=_allowance(),
    )


def _cpuinfo() -> list[dict[str, str]]:
    blocks = []
    for block in text_of(_PROC / "cpuinfo").split("\n\n"):
        pairs = (row.partition(":") for row in block.splitlines())
        fields = {name.strip(): value.strip() for name, _, value in pairs}
        if fields:
            blocks.append(fields)
    return blocks


def _physical(blocks: list[dict[str, str]]) -> int | None:
    cores = {
        (block["physical id"], block["core id"])
        for block in blocks
        if "physical id" in block and "core id" in block
    }
    return len(cores) or _number(_sysctl("hw.physicalcpu"))


def _allowance() -> float | None:
    quota, _, period = _group("cpu.max").partition(" ")
    if not period:
        quota, period = _group("cpu.cfs_quota_us", "cpu"), _group("cpu.cfs_period_us", "cpu")
    if _number(quota) is None or not _number(period):
        return None
    return int(quota) / int(period)


def _group(name: str, controller: str = "") -> str:
    """A value of this process's control group, of version 2 or, with a controller, 1."""
    for row in text_of(_PROC / "self" / "cgroup").splitlines():
        _, controllers, path = row.split(":", 2)
        if controller in controllers.split(","):
            # In a container the path is the host's, and the group itself is mounted on top.
            for folder in (_GROUPS / controller / path.lstrip("/"), _GROUPS / controller):
                if text := text_of(folder / name).strip():
                    return text
    return ""


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _sysctl(name: str) -> str:
    if platform.system() != "Darwin":
        return ""
    return output("sysctl", "-n", name)


def _platform_name() -> str:
    return platform.processor() or platform.machine() or "unknown"
