"""The models screen with a machine and models that are always the same, and without a network."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from r1chat import models
from r1chat.engine import fake
from r1chat.errors import MissingModel, ModelError
from r1chat.hub.machine import Machine
from r1chat.settings import Settings
from r1chat.tui.models import columns
from r1chat.tui.models.details import ModelDetails
from r1chat.tui.models.screen import ModelsScreen
from r1chat.tui.screens.question import Question
from r1chat.tui.threads import while_shown
from r1chat.tui.widgets.key_bar import KeyBar
from tests.tui.chat import (
    ENDLESS,
    HANGS_S,
    REPLY,
    FakeEngine,
    an_app,
    begin,
    loading,
    open_models,
    ready,
    rest,
    screen_text,
    thought,
    toasts,
    until,
    write,
)
from tests.tui.shelves import DAMAGED, DISTILL, GIB, TINY, StillHub

pytestmark = pytest.mark.asyncio
TOY = Settings(model="tiny", pace=0)
"""The built-in model, chosen by the user."""


def remembering(tried):
    """A loader that writes down what it loads."""

    def load(ref, **options):
        tried.append(ref)
        return FakeEngine(REPLY)

    return load


def names(screen):
    return [row.name for row in screen.list.rows]


def details(screen):
    return str(screen.query_one(ModelDetails).query_one("Static").content)


async def test_a_model_that_is_here_is_used_on_enter_and_remembered():
    tried = []
    app = an_app(settings=TOY, load=remembering(tried), hub=StillHub([TINY, DISTILL]))
    async with app.run_test() as pilot:
        screen = await open_models(pilot)
        await write(pilot, "lm studio")
        assert names(screen) == ["r1:1.5b"]
        await pilot.press("enter")
        await until(pilot, lambda: tried == ["tiny", DISTILL.ref])
        assert app.settings.model == DISTILL.ref
        assert app.screen is app.chat


async def test_what_is_here_what_fits_and_what_it_scores_stands_in_the_list():
    app = an_app(settings=TOY, hub=StillHub([TINY, DISTILL]))
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_models(pilot)
        text = "\n".join(str(option.prompt) for option in screen.list.options)
        assert (
            text.index("On this machine") < text.index("tiny") < text.index("Available to download")
        )
        for words in ("✓ fits", "~ tight", "✗ too big", "55.5", "92.8", "r1:0528-8b", "~5.4"):
            assert words in text


async def test_typing_filters_and_the_cursor_stays_on_what_is_left():
    app = an_app(hub=StillHub())
    async with app.run_test() as pilot:
        screen = await open_models(pilot)
        await write(pilot, "llama")
        assert names(screen) == ["tiny", "r1:8b", "r1:70b"]
        await pilot.press("down", "down")
        assert screen.row.name == "r1:70b"
        await write(pilot, " no")
        assert names(screen) == ["r1:70b"]
        assert "too big" in details(screen)


@pytest.mark.parametrize(
    ("presses", "first"),
    [(1, "r1:0528-8b"), (2, "r1:1.5b"), (3, "r1:32b"), (4, "r1:1.5b"), (5, "r1:1.5b")],
)
async def test_a_key_sorts_by_name_size_score_and_speed(presses, first):
    app = an_app(hub=StillHub())
    async with app.run_test() as pilot:
        screen = await open_models(pilot)
        await pilot.press(*["f4"] * presses)
        assert names(screen)[:2] == ["tiny", first]


async def test_letters_belong_to_the_filter_wherever_the_focus_is():
    app = an_app(hub=StillHub())
    async with app.run_test() as pilot:
        screen = await open_models(pilot)
        await pilot.press("q", "tab", "s", "d")
        await pilot.click(screen.list, offset=(5, 2))
        await pilot.press("p")
        assert (screen.typed, screen._order) == ("qsdp", "usual")


async def test_the_path_of_a_file_is_opened(tmp_path):
    file = tmp_path / "my model.gguf"
    file.write_bytes(b"GGUF")
    tried = []
    app = an_app(load=remembering(tried), hub=StillHub())
    async with app.run_test() as pilot:
        screen = await open_models(pilot)
        screen.query_one("Input").value = str(file)
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: tried == ["tiny", str(file)])


async def test_a_path_that_is_not_there_is_left_to_the_loader_to_name():
    tried = []
    app = an_app(load=remembering(tried), hub=StillHub())
    async with app.run_test() as pilot:
        await open_models(pilot)
        await write(pilot, "./gone.gguf", "enter")
        await until(pilot, lambda: tried == ["tiny", "./gone.gguf"])


async def test_a_distill_that_does_not_exist_is_named_in_one_line():
    app = an_app(hub=StillHub())
    async with app.run_test() as pilot:
        screen = await open_models(pilot)
        await write(pilot, "r1:7bb", "enter")
        await until(pilot, lambda: "did you mean r1:7b" in str(screen.query_one("#note").content))
        assert app.screen is screen


async def test_a_damaged_model_is_not_used_and_says_why():
    tried = []
    app = an_app(load=remembering(tried), hub=StillHub([TINY, DAMAGED]))
    async with app.run_test() as pilot:
        screen = await open_models(pilot)
        await write(pilot, "finetune")
        assert "is cut off" in details(screen)
        await pilot.press("enter")
        await until(pilot, lambda: "cannot be used" in str(screen.query_one("#note").content))
        assert tried == ["tiny"]


async def test_a_click_moves_the_cursor_and_a_second_one_uses_the_model():
    tried = []
    app = an_app(settings=TOY, load=remembering(tried), hub=StillHub([TINY, DISTILL]))
    async with app.run_test() as pilot:
        screen = await open_models(pilot)
        await pilot.press("down", "down")
        row = screen.list.options.index(screen.list.get_option(f"here {DISTILL.ref}"))
        await pilot.click(screen.list, offset=(5, row))
        assert screen.row.ref == DISTILL.ref
        assert app.screen is screen
        await pilot.click(screen.list, offset=(5, row))
        await until(pilot, lambda: tried == ["tiny", DISTILL.ref])


async def test_a_model_of_another_program_is_not_deleted():
    app = an_app(settings=TOY, hub=StillHub([TINY, DISTILL]))
    async with app.run_test() as pilot:
        screen = await open_models(pilot)
        await write(pilot, "lm studio")
        await pilot.press("f8")
        await until(pilot, lambda: "LM Studio" in str(screen.query_one("#note").content))
        assert not isinstance(app.screen, Question)


async def test_the_keys_of_the_footer_follow_the_cursor():
    app = an_app(settings=TOY, hub=StillHub([TINY, DISTILL]))
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await open_models(pilot)

        def shown():
            active = screen.active_bindings.values()
            return {each.binding.description for each in active if each.enabled}

        await write(pilot, "r1:7b")
        assert {"Download", "Quants", "Sort", "Search", "Details", "Close"} <= shown()
        assert not {"Use", "Delete", "Verify", "Pause", "Resume", "Stop"} & shown()
        screen.query_one("Input").value = "lm studio"
        await until(pilot, lambda: {"Use", "Delete", "Verify"} <= shown())
        assert "Download" not in shown()


async def test_the_details_of_a_model_are_shown_on_a_key():
    app = an_app(hub=StillHub())
    async with app.run_test(size=(40, 12)) as pilot:
        await open_models(pilot)
        await write(pilot, "r1:7b")
        await pilot.press("f6")
        await until(pilot, lambda: "AboutModel" in type(app.screen).__name__)
        text = str(app.screen.query_one("Static").content)
        for words in ("DeepSeek-R1-Distill-Qwen-7B", "Licence MIT and Apache-2.0", "GB file +"):
            assert words in text
        await pilot.press("escape")
        assert isinstance(app.screen, ModelsScreen)


async def test_the_palette_has_what_can_be_done_with_models():
    app = an_app(hub=StillHub())
    async with app.run_test() as pilot:
        screen = await open_models(pilot)
        titles = {command.title for command in app.get_system_commands(screen)}
        assert {"Sort", "Search", "Details", "Close", "Help"} <= titles
        assert "Answer now" not in titles
        assert {"Download", "Quants"} <= titles
        assert "Verify" not in titles
        await write(pilot, "tiny")
        titles = {command.title for command in app.get_system_commands(screen)}
        assert {"Use", "Verify"} <= titles
        assert "Other quants" not in titles


async def test_keys_of_the_models_screen_can_be_set():
    settings = Settings(keys={"models.sort": "f12"}, pace=0)
    app = an_app(settings=settings, hub=StillHub())
    async with app.run_test() as pilot:
        screen = await open_models(pilot)
        await pilot.press("f4")
        assert screen._order == "usual"
        await pilot.press("f12")
        assert screen._order == "name"
        assert toasts(app) == ""


@pytest.mark.parametrize("size", [(40, 12), (160, 48), (300, 100), (20, 5), (1, 1)])
async def test_the_models_screen_works_at_any_size(size):
    tried = []
    app = an_app(settings=TOY, load=remembering(tried), hub=StillHub([TINY, DISTILL, DAMAGED]))
    async with app.run_test(size=size) as pilot:
        await open_models(pilot)
        await pilot.resize_terminal(60, 20)
        await pilot.resize_terminal(*size)
        await write(pilot, "lm studio", "enter")
        await until(pilot, lambda: tried == ["tiny", DISTILL.ref])


async def test_no_model_is_picked_while_a_reply_is_written():
    app = an_app(ENDLESS, hub=StillHub())
    async with app.run_test() as pilot:
        await begin(pilot)
        await thought(pilot)
        # The line of keys shows it in grey meanwhile.
        bar = app.chat.query_one(KeyBar)
        await until(pilot, lambda: not bar._shown["models"].able)
        await pilot.press("f3")
        await until(pilot, lambda: "Esc stops it" in toasts(app))
        assert app.screen is app.chat
        await pilot.press("escape")
        await rest(pilot)
        await until(pilot, lambda: bar._shown["models"].able)


async def test_a_file_that_was_named_has_its_size_and_how_it_fits(tmp_path):
    file = tmp_path / "mine.gguf"
    shutil.copy(models.FILE, file)
    engine = FakeEngine(REPLY, info=replace(fake.INFO, ref=str(file), path=str(file)))
    app = an_app(hub=StillHub(), settings=Settings(model=str(file), pace=0), load=loading(engine))
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_models(pilot)
        (row,) = [row for row in screen.list.rows if row.in_use]
        assert row.local is not None
        assert row.local.path == file
        assert row.local.size == file.stat().st_size
        assert row.fit is not None
        assert row.fit.mark == "fits"


async def test_a_fresh_start_names_the_distill_that_suits_the_machine_and_takes_no_letters():
    odd = replace(DISTILL, path=Path("/models/x.gguf"), problem="is cut off")
    app, begun = an_app(hub=StillHub([TINY, odd])), []
    app.first_frame = lambda: begun.append(bool(screen_text(app).strip()))
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ready(pilot)
        await write(pilot, "what")
        await until(pilot, lambda: app.offered and "Suits it" in screen_text(app))
        shown = " ".join(screen_text(app).split())
        assert "11.8 GB of 17.2 GB memory free · 7 threads" in shown
        assert "DeepSeek-R1-Distill-Qwen-1.5B (Q8_0) · about" in shown
        assert "1.89 GB · 5 min at 50 Mbit/s · 120 GB free on the disk" in shown
        assert "DeepSeek R1 Distill Qwen 1.5B (LM Studio: is cut off)" in shown
        assert "a built-in toy answers" in shown
        await write(pilot, " is")
        assert chat.composer.text == "what is"
        assert begun == [True]
        await pilot.press("f3")
        await until(pilot, lambda: app.screen is not chat and app.screen.row)
        await until(pilot, lambda: app.screen.row.name == "r1:1.5b")


async def test_a_larger_machine_is_offered_a_larger_entry():
    large = Machine(256 * GIB, 240 * GIB, (), 10**13, 400e9, 31)
    app = an_app(hub=StillHub(machine=large))
    async with app.run_test() as pilot:
        await ready(pilot)
        await until(pilot, lambda: app.offered)
        assert app.offered.startswith("r1:32b")


async def test_whoever_chose_a_model_is_offered_none():
    app = an_app(settings=Settings(model="other.gguf", pace=0), hub=StillHub())
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        await until(pilot, lambda: app._is_greeted)
        await pilot.pause(0.3)
        assert app.known_models.survey is None
        assert app.offered == ""
        assert "Ctrl+F" not in str(chat.query_one(".conversation--empty").content)
        assert not app.check_action("download", ())


async def test_a_real_model_that_is_here_already_is_used_where_nobody_has_chosen_one():
    app = an_app(hub=StillHub([TINY, DISTILL]))
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        hint = chat.query_one(".conversation--empty")
        await until(pilot, lambda: "was found on this machine" in str(hint.content))
        assert (app.model_ref, app.offered, app.settings.model) == (DISTILL.ref, "", None)
        screen = await open_models(pilot)
        assert screen.row.ref == DISTILL.ref
        assert screen.row.in_use


async def test_a_question_that_is_asked_while_it_is_looked_for_models_waits_for_one():
    looked = threading.Event()

    class Slow(StillHub):
        def usual(self):
            assert looked.wait(30)
            return super().usual()

    app = an_app(hub=Slow([TINY, DISTILL]))
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.is_running and app.coming is not None)
        assert "Looking for models" in app.chat.topbar.label
        await write(pilot, "hello", "enter")
        await until(pilot, lambda: app.chat.last is not None)
        assert "Waiting for the model" in app.chat.last.status
        looked.set()
        await until(pilot, lambda: app.chat.last.node is not None)
        assert app.model_ref == DISTILL.ref


async def test_a_model_that_is_picked_while_it_is_looked_for_others_is_the_one():
    looked = threading.Event()

    class Slow(StillHub):
        def usual(self):
            assert looked.wait(30)
            return super().usual()

    app = an_app(hub=Slow([TINY, DISTILL]))
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.is_running and app.coming is not None)
        app.use_model("picked.gguf")
        await until(pilot, lambda: app.model_ref == "picked.gguf" and app.engine is not None)
        looked.set()
        await pilot.pause()
        assert (app.model_ref, app.settings.model) == ("picked.gguf", "picked.gguf")


async def test_the_built_in_model_takes_the_place_of_one_that_was_found_and_fails():
    def load(ref, **options):
        if ref == DISTILL.ref:
            message = "it is broken"
            raise ModelError(message)
        return FakeEngine(REPLY)

    app = an_app(load=load, hub=StillHub([TINY, DISTILL]))
    async with app.run_test() as pilot:
        await ready(pilot)
        assert app.model_ref == "tiny"
        assert "it is broken" in toasts(app)


async def test_a_configured_model_that_is_gone_is_offered_and_tiny_can_be_used_meanwhile():
    def load(ref, **options):
        if ref == "r1:7b":
            message = "r1:7b is not on this machine"
            raise MissingModel(message, "r1:7b")
        return FakeEngine(REPLY)

    app = an_app(settings=Settings(model="r1:7b", pace=0), load=load, hub=StillHub())
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.is_running and app.offered == "r1:7b")
        label = "r1:7b is not downloaded · Ctrl+F downloads it · F3 picks one"
        assert app.chat.topbar.label == label
        assert app.check_action("download", ())
        await pilot.press("f3")
        await until(pilot, lambda: isinstance(app.screen, ModelsScreen) and app.screen.list.rows)
        await write(pilot, "tiny", "enter")
        await until(pilot, lambda: app.engine is not None)
        assert app.offered == ""


async def test_a_damaged_catalogue_is_one_line_and_the_app_lives():
    class Broken(StillHub):
        def entries(self):
            message = "the catalogue of models is damaged. Install r1chat again"
            raise ModelError(message)

    app = an_app(hub=Broken())
    async with app.run_test() as pilot:
        await ready(pilot)
        await pilot.press("f3")
        await until(
            pilot,
            lambda: (
                isinstance(app.screen, ModelsScreen)
                and "damaged" in str(app.screen.query_one("#note").content)
            ),
        )
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.chat)


async def test_something_unexpected_is_one_line_and_the_app_lives():
    class Broken(StillHub):
        def find_local(self):
            raise ZeroDivisionError

    app = an_app(hub=Broken())
    async with app.run_test() as pilot:
        await ready(pilot)
        await pilot.press("f3")
        await until(
            pilot,
            lambda: (
                isinstance(app.screen, ModelsScreen)
                and "ZeroDivisionError" in str(app.screen.query_one("#note").content)
            ),
        )


async def test_names_from_outside_are_clean_on_the_screen():
    from dataclasses import replace

    evil = replace(DISTILL, quant="Q\x1b]52;c;aGk=\x07", repo="", path=Path("/m/\x1b[31mx.gguf"))
    app = an_app(hub=StillHub([TINY, evil]))
    async with app.run_test() as pilot:
        screen = await open_models(pilot)
        await write(pilot, "lm studio")
        shown = "".join(str(option.prompt) for option in screen.list.options) + details(screen)
        assert "\x1b" not in shown
        assert "\x07" not in shown


async def test_the_columns_fit_the_screen_from_the_first_frame_on(monkeypatch):
    widths = []
    of = columns.columns
    monkeypatch.setattr(
        columns, "columns", lambda width, **more: widths.append(width) or of(width, **more)
    )
    app = an_app(settings=TOY, hub=StillHub([TINY, DISTILL]))
    async with app.run_test(size=(100, 30)) as pilot:
        await open_models(pilot)
        assert len(set(widths)) == 1


async def test_a_screen_that_is_left_while_it_still_looks_around_takes_nothing_with_it():
    looked, release = threading.Event(), threading.Event()

    class SlowHub(StillHub):
        def survey(self, also=None):
            looked.set()
            release.wait(HANGS_S)
            return super().survey(also)

    app = an_app(hub=SlowHub())
    async with app.run_test() as pilot:
        await ready(pilot)
        await pilot.press("f3")
        await until(pilot, looked.is_set)
        screen = app.screen
        work = screen._look_around()
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not screen)
        release.set()
        # The widgets are gone, and Textual has not stopped the work yet.
        await while_shown(screen, work)
        assert not app.crashed
