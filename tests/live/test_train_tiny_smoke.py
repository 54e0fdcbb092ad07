"""The tiny model's trainer runs, resumes, and exports a file that r1chat can use."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.long


def test_a_few_steps_of_training_make_a_model_that_answers(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("gguf")
    pytest.importorskip("regex")
    from scripts.train_tiny.engine import Engine
    from scripts.train_tiny.export import export
    from scripts.train_tiny.train import Plan, train

    first = train(Plan(out=tmp_path, steps=2, processes=1, tokens=400))
    assert first.name == "step-000002.pt"
    last = train(Plan(out=tmp_path, steps=4, processes=1, tokens=400))
    assert last.name == "step-000004.pt"
    made = export(last, tmp_path / "tokenizer.json", tmp_path / "tiny.gguf")
    assert made.stat().st_size <= 5_000_000
    engine = Engine(str(made))
    try:
        thought, answer = engine("What is 44 + 41?", budget=8)
    finally:
        engine.close()
    assert isinstance(thought + answer, str)
