"""One table of models and references, through the command line and through the app: one truth."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

import r1chat
from r1chat import cli, paths, settings
from r1chat.errors import ModelError
from r1chat.hub import machine
from r1chat.hub.inventory import Inventory
from r1chat.settings import Settings
from r1chat.tui.app import R1ChatApp
from r1chat.tui.models.list import ModelList
from r1chat.tui.models.rows import Row
from r1chat.tui.screens.question import Question
from tests.hub.layouts import OTHER_COMMIT, a_model, in_hub_cache, in_ollama, move_in, split
from tests.hub.server import File, Generated, Repo
from tests.tui.chat import FakeEngine, open_models, toasts, until
from tests.tui.shelves import MACHINE

TINY = Path(r1chat.__file__).parent / "models" / "tiny.gguf"
DISTILL = "unsloth/DeepSeek-R1-Distill-Qwen-1.5B-GGUF"
OTHER_PUBLISHER = "bartowski/DeepSeek-R1-Distill-Qwen-7B-GGUF"
FIRST_PUBLISHER = "unsloth/DeepSeek-R1-Distill-Qwen-7B-GGUF"


@pytest.fixture
def user(monkeypatch, tmp_path):
    """A home with a model of every kind in every place, and a working folder with some."""
    home = move_in(monkeypatch, tmp_path / "user")
    made = [a_model(tmp_path / "made" / f"{n}.gguf", seed=n).read_bytes() for n in range(9)]
    in_hub_cache(home, made[0], "Small-Q4_K_M.gguf")
    in_hub_cache(home, made[1], "Small-Q8_0.gguf", commit=OTHER_COMMIT)
    in_hub_cache(home, made[2], "DeepSeek-R1-Distill-Qwen-1.5B-Q8_0.gguf", DISTILL)
    for repo, data in ((FIRST_PUBLISHER, made[3]), (OTHER_PUBLISHER, made[4])):
        in_hub_cache(home, data, "DeepSeek-R1-Distill-Qwen-7B-Q4_K_M.gguf", repo)
    in_hub_cache(home, b"GGUF and nothing more", "Broken-Q6_K.gguf", "acme/Broken-GGUF")
    in_hub_cache(home, made[5][:-100], "Cut-F16.gguf", "acme/Cut-GGUF")
    folder = paths.made(paths.models())
    (folder / "mine.gguf").write_bytes(made[6])
    (folder / "rubbish.gguf").write_bytes(b"no model")
    split(folder / "whole", "Whole")
    split(folder / "parts", "Parts")[1].unlink()
    split(folder / "headless", "Headless")[0].unlink()
    studio = home / ".lmstudio" / "models" / "acme" / "Studio-GGUF" / "Studio-Q5_K_M.gguf"
    studio.parent.mkdir(parents=True)
    studio.write_bytes(made[7])
    store = home / ".ollama" / "models"
    in_ollama(store, made[8])
    in_ollama(store, b"no model", ("registry.ollama.ai", "library", "broken", "latest"))
    in_ollama(store, made[8] + b" ", ("registry.ollama.ai", "me", "tuned", "1"), adapter=b"lora")
    work = tmp_path / "work"
    a_model(work / "here.gguf", seed=10)
    (work / "HERE-BROKEN.GGUF").write_bytes(b"GGUF")
    (work / "link.gguf").symlink_to(folder / "mine.gguf")
    (work / "folder.gguf").mkdir()
    monkeypatch.chdir(work)
    return home


@pytest.fixture(autouse=True)
def _still(monkeypatch):
    """A machine that is always the same, and a keyboard that nobody sits at."""
    monkeypatch.setattr(machine, "this_machine", lambda *_, **__: MACHINE)
    with open(os.devnull) as nothing:  # noqa: PTH123  (a device)
        monkeypatch.setattr(sys, "stdin", nothing)
        yield


@pytest.fixture
def r1(capfd):
    """The command line, in this process."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = cli.main([str(each) for each in arguments])
        return code, *capfd.readouterr()

    return run


@pytest.fixture
def outcomes(monkeypatch):
    """What would be loaded, asked, or downloaded, in place of that."""
    seen: list[tuple[str, str]] = []

    def stop(*outcome: str):
        seen.append(outcome)
        message = "that is all"
        raise ModelError(message)

    monkeypatch.setattr(
        "r1chat.engine.llama.LlamaEngine", lambda path, **_: stop("loads", str(path.absolute()))
    )
    monkeypatch.setattr(
        "r1chat.engine.remote.RemoteEngine", lambda at, name, **_: stop("asks", f"{at.url}#{name}")
    )
    monkeypatch.setattr(Inventory, "resolve", lambda _, ref: stop("downloads", str(ref)))
    return seen


def an_app(**options):
    """The app with the inventory, and what loads models, as they are."""
    from r1chat.compose import load

    def loads(ref, **more):
        return FakeEngine() if ref == "begin" else load(ref, **more)

    return R1ChatApp(
        model="begin", given=Settings(pace=0, save=False), load=loads, fits=_always, **options
    )


def _always(*_, **__):
    return True


# -- what there is --


def told(ref, quant, size, problem, fit):
    return (ref, quant, size, problem, None if fit is None else fit["mark"], fit and fit["needed"])


def shown(row: Row):
    problem = row.local.problem if row.local else ""
    fit = None if row.fit is None else {"mark": row.fit.mark, "needed": row.fit.needed}
    return told(row.ref, row.quant, row.size, problem, fit)


@pytest.mark.asyncio
async def test_both_list_the_same_models_with_the_same_names_sizes_problems_and_fits(user, r1):
    code, out, _ = r1("models", "list", "--format", "json")
    listed = json.loads(out)
    assert code == 0
    app = an_app()
    async with app.run_test() as pilot:
        rows = (await open_models(pilot)).list.rows
    names = ("ref", "quant", "size", "problem", "fit")
    here = [told(*(each[name] for name in names)) for each in listed["models"]]
    assert [shown(row) for row in rows if row.section == "here" and row.local] == here
    offers = [
        told(f"{each['ref']}-{each['quant'].lower()}", each["quant"], each["size"], "", each["fit"])
        for each in (*listed["distills"], *listed["others"])
    ]
    offered = [row for row in rows if row.section in {"offered", "others"}]
    assert [shown(row) for row in offered] == offers
    assert sorted(Path(each[0]).name if each[0][0] == "/" else each[0] for each in here) == sorted(
        [
            *("tiny", "acme/Small-GGUF:Q4_K_M", "acme/Small-GGUF:Q8_0", "r1:1.5b-q8_0"),
            *(f"{FIRST_PUBLISHER}:Q4_K_M", f"{OTHER_PUBLISHER}:Q4_K_M"),
            *("acme/Broken-GGUF:Q6_K", "acme/Cut-GGUF:F16"),
            *("mine.gguf", "rubbish.gguf", "Whole-00001-of-00003.gguf"),
            *("Parts-00001-of-00003.gguf", "Headless-00002-of-00003.gguf"),
            *("Studio-Q5_K_M.gguf", "ollama:deepseek-r1:7b", "ollama:broken:latest"),
            *("ollama:me/tuned:1", "here.gguf", "HERE-BROKEN.GGUF"),
        ]
    )
    assert "r1:1.5b" not in [each["ref"] for each in listed["distills"]]
    for ref, *_ in here:
        assert Inventory().local(ref).ref == ref


@pytest.mark.asyncio
async def test_where_nothing_is_both_list_the_built_in_model_alone(monkeypatch, tmp_path, r1):
    move_in(monkeypatch, tmp_path)
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    listed = json.loads(r1("models", "list", "--format", "json")[1])
    assert [each["ref"] for each in listed["models"]] == ["tiny"]
    app = an_app()
    async with app.run_test() as pilot:
        rows = (await open_models(pilot)).list.rows
    assert [row.ref for row in rows if row.local] == ["tiny"]


# -- what a reference means --

REFERENCES = {
    "paths": {
        "tiny": ("loads", "tiny.gguf"),
        "here.gguf": ("loads", "here.gguf"),
        "./here.gguf": ("loads", "here.gguf"),
        "HERE-BROKEN.GGUF": ("loads", "HERE-BROKEN.GGUF"),
        "link.gguf": ("loads", "link.gguf"),
        "folder.gguf": "is a directory",
        "gone.gguf": "no such model file",
        "./gone": "no such model file",
        "~nobody-of-that-name/x.gguf": "cannot use the model",
        "nonsense": "no such model",
    },
    "the Hub's cache": {
        "acme/Small-GGUF:Q4_K_M": ("loads", "Small-Q4_K_M.gguf"),
        "ACME/small-gguf:q4_k_m": ("loads", "Small-Q4_K_M.gguf"),
        "acme/Small-GGUF:Q8_0": ("loads", "Small-Q8_0.gguf"),
        "acme/Small-GGUF/Small-Q8_0.gguf": ("loads", "Small-Q8_0.gguf"),
        "hf.co/acme/Small-GGUF:Q4_K_M": ("loads", "Small-Q4_K_M.gguf"),
        "https://huggingface.co/acme/Small-GGUF": ("loads", "Small-Q8_0.gguf"),
        "acme/Broken-GGUF:Q6_K": ("loads", "Broken-Q6_K.gguf"),
    },
    "the Hub": {
        "acme/Small-GGUF:Q2_K": ("downloads", "acme/Small-GGUF:Q2_K"),
        "acme/Small-GGUF@v2:Q8_0": ("downloads", "acme/Small-GGUF@v2:Q8_0"),
        "acme/None-GGUF": ("downloads", "acme/None-GGUF"),
        "acme/Small-GGUF:not a quant": "names no quant",
    },
    "distills": {
        "r1:1.5b": ("loads", "DeepSeek-R1-Distill-Qwen-1.5B-Q8_0.gguf"),
        "R1:1.5B-Q8_0": ("loads", "DeepSeek-R1-Distill-Qwen-1.5B-Q8_0.gguf"),
        f"{DISTILL}:Q8_0": ("loads", "DeepSeek-R1-Distill-Qwen-1.5B-Q8_0.gguf"),
        "r1:1.5b-q4_k_m": ("downloads", "r1:1.5b-q4_k_m"),
        "r1:7b": ("loads", "DeepSeek-R1-Distill-Qwen-7B-Q4_K_M.gguf"),
        "r1:70b": ("downloads", "r1:70b"),
        "r1:99b": "there is no",
    },
    "other programs": {
        "acme/Studio-GGUF:Q5_K_M": ("loads", "Studio-Q5_K_M.gguf"),
        "ollama:deepseek-r1:7b": ("loads", "sha256-"),
        "ollama:DeepSeek-R1:7b": ("loads", "sha256-"),
        "ollama:me/tuned:1": "LoRA",
        "ollama:none": "Ollama has no such model",
    },
    "servers": {
        "lab#any/model:7b": ("asks", "http://127.0.0.1:9/v1#any/model:7b"),
        "http://127.0.0.1:9/v1#m": ("asks", "http://127.0.0.1:9/v1#m"),
        "http://127.0.0.1:9": ("asks", "http://127.0.0.1:9/v1#"),
        "nowhere#m": "nowhere",
        "http://user:secret@127.0.0.1:9/v1#m": "password",
    },
}


@pytest.mark.engine
@pytest.mark.parametrize("of", REFERENCES)
@pytest.mark.asyncio
async def test_every_reference_means_the_same_to_ask_to_pull_and_to_the_models_screen(
    of, user, r1, outcomes, monkeypatch
):
    monkeypatch.setenv("R1CHAT_KEY_LAB", "")
    # What is typed counts, whatever the cursor is on.
    monkeypatch.setattr(ModelList, "row", None)
    settings.save(Settings(servers={"lab": "http://127.0.0.1:9/v1"}))
    app, wrong = an_app(), {}
    async with app.run_test() as pilot:
        for ref, expected in REFERENCES[of].items():
            asked = outcome(outcomes, r1("ask", "-m", ref, "--no-save", "1 + 1?")[2], r1, ref)
            typed = outcome(outcomes, await enter(pilot, ref, outcomes))
            if not (fits(asked, expected) and fits(typed, expected)):
                wrong[ref] = (expected, asked, typed)
    assert not wrong


def outcome(outcomes, text, r1=None, ref=""):
    """What a front end did with a reference; else what it said."""
    if r1 and "r1chat models pull " in text:
        r1("models", "pull", ref)
    seen = [*outcomes]
    outcomes.clear()
    return seen[-1] if seen else text


def fits(found, expected):
    if isinstance(expected, str):
        return expected in found
    way, what = expected
    return found[0] == way and (what in found[1] if what == "sha256-" else found[1].endswith(what))


async def enter(pilot, ref, outcomes):
    """Types a reference on the models screen; returns what is said."""
    app = pilot.app
    app.clear_notifications()
    screen = await open_models(pilot)
    screen.query_one("Input").value = ref
    await until(pilot, lambda: screen._filtered == ref)
    screen.note("")
    await pilot.press("enter")

    def said():
        notes = screen.query("#note") if screen in app.screen_stack else []
        return "".join(str(each.content) for each in notes) + toasts(app)

    await until(pilot, lambda: outcomes or (said() and "Asking" not in said()))
    await until(pilot, lambda: app.coming is None and "Asking" not in said())
    text = said()
    if app.screen is screen:
        await pilot.press("escape")
    await until(pilot, lambda: app.screen is app.chat)
    return text


# -- what can be downloaded --


def a_repo(name, data, **more):
    return Repo(f"acme/{name}-GGUF", [File(f"{name}-Q4_K_M.gguf", data)], **more)


OFFERS = {
    "acme/Good-GGUF": ("downloads", ""),
    "acme/Huge-GGUF": ("asks", " free"),
    "acme/Rubbish-GGUF": ("asks", "is not a GGUF file"),
    "acme/Closed-GGUF": ("says", "accept its licence"),
    "acme/None-GGUF": ("says", "there is no acme/None-GGUF"),
    "acme/Good-GGUF:Q2_K": ("says", "it has Q4_K_M"),
}


@pytest.mark.asyncio
async def test_both_download_ask_and_refuse_alike(hub, monkeypatch, tmp_path, r1):
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    begun = []

    def begin(variant, *_, **__):
        begun.append(variant.ref)
        return TINY

    monkeypatch.setattr("r1chat.hub.download.download", begin)
    monkeypatch.setattr("r1chat.hub.queue.Queue.add", lambda _, variant: begin(variant))
    monkeypatch.setattr("r1chat.tui.services.downloads._key", str)
    head = TINY.read_bytes()[: 1 << 20]
    for repo in (
        a_repo("Good", TINY),
        a_repo("Huge", Generated(10**13, begin=head, sha256="a" * 64)),
        a_repo("Rubbish", Generated(5_000_000, begin=b"no model at all")),
        a_repo("Closed", TINY, gated="manual"),
    ):
        hub.add(repo)
    app, wrong = an_app(), {}
    async with app.run_test() as pilot:
        for ref, expected in OFFERS.items():
            code, _, err = r1("models", "pull", ref)
            way = "downloads" if begun else "asks" if "--yes" in err else "says"
            pulled = way, err
            assert (code == 0) == (way == "downloads")
            begun.clear()
            typed = await press(pilot, ref, begun)
            begun.clear()
            for found in (pulled, typed):
                if found[0] != expected[0] or expected[1] not in found[1]:
                    wrong[ref] = (expected, pulled, typed)
    assert not wrong


async def press(pilot, ref, begun):
    """Has a reference downloaded from the models screen; returns what came of it."""
    app = pilot.app
    screen = await open_models(pilot)
    screen.query_one("Input").value = ref
    await until(pilot, lambda: not screen.list.rows)
    await pilot.press("enter")

    def note():
        text = str(screen.query_one("#note").content)
        return "" if text.startswith(("Asking", "No match")) else text

    await until(pilot, lambda: begun or note() or isinstance(app.screen, Question))
    found = ("downloads", "") if begun else ("says", note())
    if isinstance(app.screen, Question):
        text = "\n".join(str(each.content) for each in app.screen.query("Static"))
        found = ("asks", text)
        await until(pilot, lambda: app.focused is not None)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
    await pilot.press("escape")
    await until(pilot, lambda: app.screen is app.chat)
    return found
