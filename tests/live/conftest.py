"""Real engines on real files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from r1chat.compose import resolve
from r1chat.engine.llama import LlamaEngine, LoadOptions
from tests.factory import CHATML, CHATML_MARKERS, write_model


@pytest.fixture(scope="module")
def tiny() -> Iterator[LlamaEngine]:
    """The built-in model."""
    engine = LlamaEngine(resolve("tiny"), ref="tiny", options=LoadOptions(trusted=True))
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def random_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Models of every family, with random weights: they never stop by themselves."""
    folder = tmp_path_factory.mktemp("models")
    return {
        "r1": write_model(folder / "r1.gguf"),
        "chatml": write_model(folder / "chatml.gguf", markers=CHATML_MARKERS, template=CHATML),
        "base": write_model(folder / "base.gguf", markers=CHATML_MARKERS),
    }


@pytest.fixture(scope="module")
def random_r1(random_models: dict[str, Path]) -> Iterator[LlamaEngine]:
    """A model that thinks for ever."""
    options = LoadOptions(trusted=True, ctx=512)
    engine = LlamaEngine(random_models["r1"], options=options)
    yield engine
    engine.close()
