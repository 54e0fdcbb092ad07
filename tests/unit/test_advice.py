"""What a model's maker advises on sampling is followed where the user has chosen nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import r1chat
from r1chat import cli
from r1chat.engine.base import Sampling
from r1chat.engine.fake import INFO
from r1chat.events import Receipt
from r1chat.gguf import read_header
from r1chat.hub import catalogue
from r1chat.hub.advice import Advice, advice_for
from r1chat.store.rows import receipt_in, receipt_out
from r1chat.wording import receipt_line

TINY = read_header(Path(r1chat.__file__).parent / "models" / "tiny.gguf")
KEY = "general.sampling."


def header(path="/models/some/where/model.gguf", **metadata):
    return replace(TINY, path=Path(path), metadata={**TINY.metadata, **metadata})


@pytest.mark.parametrize(
    ("said", "values"),
    [
        ({"temp": 1.0, "top_p": 0.949999988079071, "top_k": 20}, (1.0, 0.95, 20, None)),
        # What some write for off.
        ({"top_k": -1}, (None, None, 0, None)),
        ({"min_p": 0.05000000074505806}, (None, None, None, 0.05)),
        ({"penalty_repeat": 1.1}, (None, None, None, None)),
        # What makes no sense is nothing.
        ({"temp": float("nan"), "top_p": 0.0, "top_k": -7, "min_p": 2.0}, (None,) * 4),
        ({"temp": True, "top_p": "0.5", "top_k": float("inf"), "min_p": None}, (None,) * 4),
        ({"temp": 1e9}, (None,) * 4),
    ],
)
def test_a_file_says_it_in_keys_of_its_own(said, values):
    found = advice_for(header(**{KEY + name: value for name, value in said.items()}))
    names = ("temperature", "top_p", "top_k", "min_p")
    assert tuple(found.values.get(name) for name in names) == values
    assert found.source == ("file" if found.values else None)


@pytest.mark.parametrize(
    ("path", "base"),
    [
        ("/c/models--unsloth--Qwen3-8B-GGUF/snapshots/x/Qwen3-8B-Q4_K_M.gguf", None),
        ("/lm/models/qwen/QWEN3-8B-gguf/Qwen3-8B-Q4_K_M.gguf", None),
        ("/a/b/c.gguf", "https://huggingface.co/Qwen/Qwen3-8B"),
    ],
)
def test_a_card_is_found_by_where_a_file_lies_or_what_it_was_made_from(path, base):
    metadata = {"general.base_model.0.repo_url": base} if base else {}
    found = advice_for(header(path, **metadata))
    assert found == Advice("card", {"temperature": 0.6, "top_p": 0.95, "top_k": 20, "min_p": 0})
    # The file's own word goes before it.
    assert advice_for(header(path, **metadata, **{KEY + "temp": 0.7})).source == "file"


def test_a_distills_base_is_another_model():
    url = "https://huggingface.co/Qwen/Qwen2.5-Math-7B"
    assert advice_for(header(**{"general.base_model.0.repo_url": url})) == Advice()
    assert advice_for(header()) == Advice()


def test_each_card_in_the_catalogue_is_one_that_is_found():
    for entry in catalogue.entries():
        owner, name = entry.repos[0].split("/")
        found = advice_for(header(f"/c/models--{owner}--{name}/snapshots/x/m.gguf"))
        assert dict(found.values) == entry.sampling.model_dump(exclude_none=True)


def test_the_users_choice_goes_before_the_makers_and_that_before_the_usual():
    model = replace(INFO, advice=Advice("card", {"temperature": 0.8, "top_k": 50}))
    open_ = dict.fromkeys(("temperature", "top_k", "top_p", "min_p"))
    found = model.sampling(open_, seed=3)
    assert found == Sampling(temperature=0.8, top_k=50, seed=3)
    assert found.following == "card"
    chosen = model.sampling({**open_, "temperature": 0.1})
    assert (chosen.temperature, chosen.top_k, chosen.following) == (0.1, 50, "card")
    assert model.sampling({**open_, "temperature": 0.1, "top_k": 1}).following is None
    # Advice that is as usual need not be told.
    r1 = replace(INFO, advice=Advice("card", {"temperature": 0.6, "top_p": 0.95}))
    assert r1.sampling(open_).following is None
    assert INFO.sampling(open_) == Sampling()


def test_the_list_of_settings_says_what_is_the_models(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("r1chat.gguf.read_header", lambda _: header(**{KEY + "temp": 0.2}))
    model = tmp_path / "m.gguf"
    model.write_bytes(b"GGUF")
    assert cli.main(["settings", "--json", "-m", str(model), "--top-k", "3"]) == 0
    listed = {each["name"]: each for each in json.loads(capsys.readouterr().out)["settings"]}
    assert (listed["temperature"]["value"], listed["temperature"]["set_by"]) == (0.2, "model")
    assert listed["top_k"]["set_by"] == "option"
    # A model that is not here says nothing.
    assert cli.main(["settings", "--json", "-m", str(tmp_path / "none.gguf")]) == 0


def test_the_receipt_says_whose_advice_it_was_and_is_kept():
    receipt = Receipt(thought_tokens=1, sampling_from="file")
    assert "sampling as its file says" in receipt_line(receipt)
    assert receipt_in(receipt_out(receipt)) == receipt
    assert receipt_in('{"sampling_from": "xx"}').sampling_from is None
