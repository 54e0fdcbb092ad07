"""The app fetches models from a real Hub, and from one that breaks."""

from __future__ import annotations

from pathlib import Path

import pytest

import r1chat
from r1chat.errors import ModelError
from r1chat.formatting import format_bytes
from r1chat.hub.download import patience
from r1chat.hub.layout import hub_cache
from r1chat.hub.machine import Machine
from r1chat.settings import Settings
from r1chat.tui.app import R1ChatApp
from r1chat.tui.models.quants import PickQuant
from r1chat.tui.screens.question import Question
from tests.hub.proxies import nobody
from tests.hub.server import File, Generated, Repo, faults
from tests.tui.chat import (
    ENDLESS,
    REPLY,
    FakeEngine,
    an_app,
    ask,
    begin,
    open_models,
    ready,
    rest,
    screen_text,
    thought,
    toasts,
    until,
    write,
)
from tests.tui.shelves import GIB, StillHub

pytestmark = pytest.mark.asyncio

MODEL = Path(r1chat.__file__).parent / "models" / "tiny.gguf"
SMALL = "unsloth/DeepSeek-R1-Distill-Qwen-1.5B-GGUF"
LARGE = "unsloth/DeepSeek-R1-Distill-Llama-70B-GGUF"
REF = "r1:1.5b-q8_0"
SLOW = faults.Slow(200_000)
"""So slow that a test is always quicker."""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """No models but those of the test; nobody waits long."""
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.delenv("OLLAMA_MODELS", raising=False)
    monkeypatch.setattr(patience, "FIRST_S", 0.05)


class HereHub(StillHub):
    """The models that are really here, on a machine that is always the same."""

    def find_local(self):
        return super(StillHub, self).find_local()


@pytest.fixture
def small(hub):
    """The smallest distill, which really is the built-in model."""
    name = "DeepSeek-R1-Distill-Qwen-1.5B"
    return hub.add(
        Repo(
            SMALL,
            [File(f"{name}-Q8_0.gguf", MODEL), File(f"{name}-Q4_K_M.gguf", MODEL)],
            gguf={"architecture": "qwen2", "total": 1_777_088_000},
        )
    )


def fake(tried=None, *scripts):
    def load(ref, **options):
        if tried is not None:
            tried.append(ref)
        return FakeEngine(*(scripts or (REPLY,)))

    return load


def answered(app):
    """Whether the Hub has said which quants there are."""
    if not isinstance(app.screen, PickQuant) or app.focused is None:
        return False
    return app.screen._offers and app.screen._offers[0].variant


async def hurry(pilot, hub):
    """Has the Hub send the rest at once."""
    app = pilot.app
    hub.faults.clear()
    fetch = app.downloads.pending[0]
    app.downloads.pause(fetch)
    await until(pilot, lambda: fetching(app, "paused"))
    app.downloads.resume(fetch)


def note(screen):
    return str(screen.query_one("#note").content)


def fetching(app, state=""):
    return [each for each in app.downloads.pending if state in each.state]


@pytest.mark.engine
async def test_the_recommended_distill_is_fetched_by_one_key_used_and_asked(small):
    """With the engine and the compose of the app itself."""
    app = R1ChatApp(given=Settings(pace=0), inventory=HereHub())
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        await until(pilot, lambda: app.offered == REF)
        await pilot.press("ctrl+f")
        await until(pilot, lambda: app.model_ref == REF and app.engine is not None)
        assert app.settings.model == REF
        assert "downloaded" in toasts(app)
        assert chat.topbar.info.ref == REF
        chat = await ask(pilot, "What is 3 + 4?")
        assert "7" in chat.last.answer.source
    app.shut_down()
    assert list(hub_cache().glob("models--*/snapshots/*/*Q8_0.gguf"))


@pytest.mark.engine
async def test_a_configured_model_that_is_gone_is_fetched_and_answers_what_waited(small):
    """With the engine and the compose of the app itself."""
    app = R1ChatApp(given=Settings(model="r1:1.5b", pace=0), inventory=HereHub())
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.is_running and app.offered == "r1:1.5b")
        assert "r1:1.5b is not downloaded" in app.chat.topbar.label
        await write(pilot, "3+4", "enter")
        await pilot.press("ctrl+f")
        await until(pilot, lambda: app.engine is not None)
        await until(pilot, lambda: app.chat.last is not None and app.chat.last.node)
        assert app.settings.model in {REF, "r1:1.5b-q4_k_m"}
    app.shut_down()


async def test_what_is_asked_while_the_first_model_is_fetched_waits_for_it(hub, small):
    """In sight, by the one key; a stop gives it back, and so does a model that does not come."""
    hub.faults.add(SLOW, times=None)
    tried = []

    def load(ref, **options):
        tried.append(ref)
        if ref == REF and tried.count(REF) == 1:
            message = "it is damaged"
            raise ModelError(message)
        return FakeEngine(REPLY)

    app = an_app(load=load, hub=HereHub())
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ready(pilot)
        await until(pilot, lambda: app.offered == REF and "Suits it" in screen_text(app))
        for stopped in ("escape", "fails"):
            await pilot.press("enter")
            await until(pilot, lambda: fetching(app, "↓"))
            await write(pilot, "one", "enter")
            await write(pilot, "two", "enter")
            await until(pilot, lambda: "Waiting for r1:1.5b Q8_0: ↓" in screen_text(app))
            assert "next: two" in screen_text(app)
            assert chat.outbox.unsent().text == "one\ntwo"
            if stopped == "escape":
                await pilot.press("escape")
                await until(pilot, lambda: chat.composer.text == "one" and not chat.last)
                app.downloads.cancel(fetching(app)[0], drop=True)
                await until(pilot, lambda: app.offered == REF)
                await pilot.press("ctrl+c", "up")
                assert chat.composer.text == "two"
                await pilot.press("ctrl+c")
            else:
                await hurry(pilot, hub)
                await until(pilot, lambda: chat.composer.text == "one" and not chat.last)
                assert tried == ["tiny", REF]
        await until(pilot, lambda: app.offered == REF)
        await pilot.press("ctrl+f")
        await until(pilot, lambda: len(tried) == 3 and app.coming is None)
        await pilot.press("enter")
        await until(pilot, lambda: len(chat.conversation.turns) == 2)
        await rest(pilot)
        assert [turn.question for turn in chat.conversation.turns] == ["two", "one"]
    app.shut_down()


async def test_a_gated_repository_says_what_to_do(hub, small):
    small.gated = "manual"
    hub.add(small)
    app = an_app(load=fake(), hub=HereHub())
    async with app.run_test() as pilot:
        await open_models(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: fetching(app, "failed"))
        assert "accept its licence" in fetching(app)[0].failure
        assert "HF_TOKEN" in toasts(app)


async def test_enter_fetches_a_distill_shows_how_far_it_is_and_uses_it(hub, small):
    hub.faults.add(SLOW, times=None)
    tried = []
    app = an_app(load=fake(tried), hub=HereHub())
    async with app.run_test() as pilot:
        screen = await open_models(pilot)
        assert screen.row.ref == REF
        await pilot.press("enter")
        await until(pilot, lambda: fetching(app, "↓"))
        await until(pilot, lambda: screen.row and screen.row.section == "downloading")
        await until(pilot, lambda: "%" in app.chat.topbar.download)
        whole = f" of {format_bytes(MODEL.stat().st_size)}"
        await until(pilot, lambda: whole in str(screen.query_one("#download").content))
        await pilot.press("escape")
        await hurry(pilot, hub)
        await until(pilot, lambda: tried == ["tiny", REF])
        await until(pilot, lambda: app.chat.topbar.download == "")
        screen = await open_models(pilot)
        await until(pilot, lambda: screen.row.in_use)
        assert (screen.row.section, screen.row.quant) == ("here", "Q8_0")


async def test_a_model_that_comes_while_words_for_a_thought_are_written_takes_no_place(hub, small):
    hub.faults.add(SLOW, times=None)
    tried = []
    app = an_app(load=fake(tried, ENDLESS), hub=HereHub())
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await thought(pilot)
        await until(pilot, lambda: app.offered)
        await pilot.press("ctrl+f")
        await until(pilot, lambda: fetching(app, "↓"))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: chat.last and chat.last.status == "Paused")
        await write(pilot, "but no")
        await hurry(pilot, hub)
        await until(pilot, lambda: "downloaded: F3 uses it" in toasts(app))
        assert chat.composer.text == "but no"
        await pilot.press("enter")
        await thought(pilot, "but no")
        assert tried == ["tiny"]
        await pilot.press("escape")
        await rest(pilot)
    app.shut_down()


async def test_a_model_that_comes_while_a_question_is_written_leaves_the_words(hub, small):
    hub.faults.add(SLOW, times=None)
    tried = []
    app = an_app(load=fake(tried), hub=HereHub())
    async with app.run_test() as pilot:
        await open_models(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: fetching(app, "↓"))
        await pilot.press("escape")
        await write(pilot, "some words")
        await hurry(pilot, hub)
        await until(pilot, lambda: tried == ["tiny", REF] and app.coming is None)
        assert app.chat.composer.text == "some words"
    app.shut_down()


async def test_a_model_that_comes_while_a_reply_is_written_waits_for_its_end(hub, small):
    hub.faults.add(SLOW, times=None)
    tried = []
    app = an_app(load=fake(tried, ENDLESS), hub=HereHub())
    async with app.run_test() as pilot:
        await begin(pilot)
        await thought(pilot)
        await until(pilot, lambda: app.offered)
        await pilot.press("ctrl+f")
        await until(pilot, lambda: fetching(app, "↓"))
        await hurry(pilot, hub)
        await until(pilot, lambda: "downloaded: F3 uses it" in toasts(app))
        assert tried == ["tiny"]
        assert app.chat.running
        await pilot.press("escape")
        await rest(pilot)


async def test_a_download_is_paused_resumed_and_stopped(hub, small):
    hub.faults.add(SLOW, times=None)
    app = an_app(load=fake(), hub=HereHub())
    async with app.run_test() as pilot:
        screen = await open_models(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: fetching(app, "↓") and screen.row.download)
        await pilot.press("f7")
        await until(pilot, lambda: fetching(app, "paused"))
        await until(pilot, lambda: screen.row.download.paused)
        await pilot.press("f7")
        await until(pilot, lambda: fetching(app, "↓"))
        await pilot.press("f8")
        await until(pilot, lambda: isinstance(app.screen, Question) and app.focused)
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: not app.downloads.pending)
        await until(pilot, lambda: not list(hub_cache().rglob("*incomplete*")))
        assert REF in [row.ref for row in screen.list.rows if row.section == "offered"]


async def test_a_download_that_was_broken_off_is_offered_again_after_the_next_start(hub, small):
    hub.faults.add(SLOW, times=None)
    app = an_app(load=fake(), hub=HereHub())
    async with app.run_test() as pilot:
        await open_models(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: fetching(app, "↓"))
        await until(pilot, lambda: fetching(app)[0].progress.share > 0.05)
        app.shut_down()
    hub.faults.clear()
    tried = []
    app = an_app(load=fake(tried), hub=HereHub())
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.is_running and "of it is here" in screen_text(app))
        assert fetching(app, "paused")
        screen = await open_models(pilot)
        screen.list.highlighted = 1
        await pilot.press("enter")
        await until(pilot, lambda: tried == ["tiny", REF])
    bytes_sent = hub.requests.sent()
    assert bytes_sent < MODEL.stat().st_size * 1.6


async def test_a_download_that_fails_says_why_in_one_line_and_can_be_tried_again(hub, small):
    hub.faults.add(faults.Corrupt(), times=None)
    tried = []
    app = an_app(load=fake(tried), hub=HereHub())
    async with app.run_test() as pilot:
        screen = await open_models(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: fetching(app, "failed"))
        assert "✗" in toasts(app)
        await until(pilot, lambda: screen.row.download and screen.row.download.failure)
        hub.faults.clear()
        await pilot.press("enter")
        await until(pilot, lambda: tried == ["tiny", REF])


async def test_other_quants_are_listed_as_the_hub_has_them(small):
    tried = []
    app = an_app(load=fake(tried), hub=HereHub())
    async with app.run_test() as pilot:
        await open_models(pilot)
        await pilot.press("f2")
        await until(pilot, lambda: answered(app))
        assert [each.quant for each in app.screen._offers] == ["Q4_K_M", "Q8_0"]
        options = app.screen.query_one("OptionList").options
        text = "\n".join(str(option.prompt) for option in options)
        assert format_bytes(MODEL.stat().st_size) in text
        await pilot.press("home", "enter")
        await until(pilot, lambda: tried == ["tiny", "r1:1.5b-q4_k_m"])


async def test_the_catalogues_quants_are_listed_where_the_hub_cannot_be_reached(hub):
    hub.stop()
    app = an_app(load=fake(), hub=HereHub())
    async with app.run_test() as pilot:
        screen = await open_models(pilot)
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(app.screen, PickQuant) and app.screen._offers)
        quants = app.screen
        assert "Q5_K_M" in [each.quant for each in quants._offers]
        said = quants.query_one(".quants--note")
        await until(pilot, lambda: "What is shown is the catalogue's" in str(said.content))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen and note(screen).startswith("127.0.0.1"))
        await pilot.press("f5")
        await until(pilot, lambda: note(screen).startswith("127.0.0.1"))


async def test_the_hub_is_searched_and_what_it_has_is_fetched(hub, tmp_path):
    name = "tester/Other-Reasoner-GGUF"
    hub.add(Repo(name, [File("Other-Reasoner-Q6_K.gguf", MODEL)], gguf={"architecture": "llama"}))
    tried = []
    app = an_app(load=fake(tried), hub=HereHub())
    async with app.run_test() as pilot:
        screen = await open_models(pilot)
        await write(pilot, "reasoner")
        await pilot.press("f5")
        await until(pilot, lambda: screen.row and screen.row.found)
        assert [row.name for row in screen.list.rows] == [name]
        await pilot.press("enter")
        await until(pilot, lambda: answered(app))
        assert app.screen._offers[0].fit.mark == "fits"
        await pilot.press("enter")
        await until(pilot, lambda: tried == ["tiny", f"{name}:Q6_K"])


async def test_escape_leaves_the_results_and_then_the_screen(hub, small):
    app = an_app(load=fake(), hub=HereHub())
    async with app.run_test() as pilot:
        screen = await open_models(pilot)
        await pilot.press("f5")
        await until(pilot, lambda: screen.row and screen.row.found)
        await pilot.press("escape")
        assert "tiny" in [row.name for row in screen.list.rows]
        await pilot.press("escape")
        assert app.screen is app.chat


async def test_hostile_names_from_the_hub_are_clean(hub):
    evil = "\x1b]52;c;aGk=\x07\u202eevil"
    hub.add(Repo("tester/Evil-GGUF", [File("Evil-Q6_K.gguf", MODEL)], gguf={"architecture": evil}))
    app = an_app(load=fake(), hub=HereHub())
    async with app.run_test() as pilot:
        screen = await open_models(pilot)
        await pilot.press("f5")
        await until(pilot, lambda: screen.row and screen.row.found)
        await pilot.press("f6")
        await pilot.pause()
        text = str(app.screen.query("Static").first().content)
        text += "".join(str(option.prompt) for option in screen.list.options)
        assert "\x1b" not in text
        assert "\u202e" not in text


async def test_what_does_not_fit_is_fetched_only_after_it_was_asked(hub):
    content = Generated(1 << 40, begin=MODEL.read_bytes()[:100_000], sha256="ab" * 32)
    hub.add(Repo(LARGE, [File("DeepSeek-R1-Distill-Llama-70B-Q2_K.gguf", content)]))
    app = an_app(load=fake(), hub=HereHub())
    async with app.run_test() as pilot:
        screen = await open_models(pilot)
        await write(pilot, "70b", "enter")
        await until(pilot, lambda: isinstance(app.screen, Question) and app.focused)
        text = "\n".join(str(each.content) for each in app.screen.query("Static"))
        assert "does not fit" in text
        assert "1.10 TB file" in text
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen)
        assert app.downloads.pending == []
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Question) and app.focused)
        await pilot.press("down", "enter")
        await until(pilot, lambda: fetching(app, "failed"))
        assert "free" in fetching(app)[0].failure


async def test_a_context_that_is_too_long_can_be_made_shorter_on_the_way(hub, small):
    hub.add(Repo(SMALL, [File("DeepSeek-R1-Distill-Qwen-1.5B-Q2_K.gguf", MODEL)]))
    cramped = Machine(4 * GIB, 2 * GIB, (), 10**12, 40e9, 3)
    app = an_app(settings=Settings(ctx=131_072, pace=0), load=fake(), hub=HereHub(machine=cramped))
    app.known_models.inventory._context = lambda: app.settings.ctx
    async with app.run_test() as pilot:
        await open_models(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Question) and app.focused)
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.settings.ctx == 16_384)
        await until(pilot, lambda: app.settings.model == "r1:1.5b-q2_k")


async def test_a_quant_that_the_hub_has_not_leads_to_those_that_it_has(hub):
    hub.add(Repo(SMALL, [File("DeepSeek-R1-Distill-Qwen-1.5B-Q5_K_M.gguf", MODEL)]))
    tried = []
    app = an_app(load=fake(tried), hub=HereHub())
    async with app.run_test() as pilot:
        screen = await open_models(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: answered(app))
        assert "has no Q8_0" in note(screen)
        await pilot.press("enter")
        await until(pilot, lambda: tried == ["tiny", "r1:1.5b-q5_k_m"])


async def test_a_model_is_verified_and_deleted_after_saying_what_that_frees(hub, small):
    tried = []
    app = an_app(load=fake(tried), hub=HereHub())
    async with app.run_test() as pilot:
        screen = await open_models(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: tried == ["tiny", REF])
        await until(pilot, lambda: screen.row and screen.row.local and screen.row.in_use)
        await pilot.press("f9")
        await until(pilot, lambda: "as published" in note(screen))
        await pilot.press("f8")
        await until(pilot, lambda: "in use" in note(screen))
        await pilot.press("escape")
        app.use_model("tiny")
        screen = await open_models(pilot)
        await write(pilot, "hub cache")
        await pilot.press("f8")
        await until(pilot, lambda: isinstance(app.screen, Question) and app.focused)
        text = "\n".join(str(each.content) for each in app.screen.query("Static"))
        assert f"frees {format_bytes(MODEL.stat().st_size)}" in text
        await pilot.press("down", "enter")
        await until(pilot, lambda: "is gone" in note(screen))
        assert not list(hub_cache().glob("models--*/snapshots/*/*"))


async def test_a_wait_that_the_hub_asks_for_is_counted_down(hub, small):
    hub.faults.add(faults.TooMany(wait=30), times=None)
    app = an_app(load=fake(), hub=HereHub())
    async with app.run_test() as pilot:
        screen = await open_models(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: fetching(app, "waiting"))
        first = fetching(app)[0].progress.wait_s
        await until(pilot, lambda: fetching(app)[0].progress.wait_s < first - 1)
        await until(pilot, lambda: "trying again in" in str(screen.query_one("#download").content))
        hub.faults.clear()
        await pilot.press("escape")
        app.shut_down()


# What is here already, and what is in the way


def in_lm_studio(tmp_path, path):
    file = tmp_path / "user" / ".lmstudio" / "models" / path
    file.parent.mkdir(parents=True)
    file.write_bytes(MODEL.read_bytes())
    return file


async def test_what_another_program_has_is_used_and_not_fetched(hub, small, tmp_path):
    in_lm_studio(tmp_path, "someone/Renamed-GGUF/weights.gguf")
    tried = []
    app = an_app(settings=Settings(model="tiny", pace=0), load=fake(tried), hub=HereHub())
    async with app.run_test() as pilot:
        await open_models(pilot)
        await write(pilot, REF, "enter")
        await until(pilot, lambda: tried == ["tiny", REF])
    assert not hub.requests.of("cdn")
    assert not list(hub_cache().glob("models--*/snapshots/*/*.gguf"))


async def test_a_typed_name_of_what_is_here_asks_nobody(hub, small, tmp_path):
    in_lm_studio(tmp_path, f"{SMALL}/DeepSeek-R1-Distill-Qwen-1.5B-Q8_0.gguf")
    tried = []
    app = an_app(settings=Settings(model="tiny", pace=0), load=fake(tried), hub=HereHub())
    async with app.run_test() as pilot:
        screen = await open_models(pilot)
        ref = f"{SMALL.upper()}:q8_0"
        await write(pilot, ref, "enter")
        await until(pilot, lambda: len(tried) == 2)
        assert tried[1] == ref
        assert screen not in app.screen_stack
    assert not hub.requests


async def test_a_proxy_that_is_in_the_way_is_named(hub, small, monkeypatch):
    app = an_app(load=fake(), hub=HereHub())
    async with app.run_test() as pilot:
        screen = await open_models(pilot)
        with nobody() as host:
            monkeypatch.setenv("http_proxy", f"http://me:secret@{host}")
            await write(pilot, "acme/Anything-GGUF:Q4_0", "enter")
            name = f"the proxy of http_proxy (http://{host}) cannot be reached"
            await until(pilot, lambda: name in note(screen))
            assert "secret" not in note(screen)
