"""Conversations that last, in the app: saved, listed, searched, opened, gone on with."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import sqlite3
import sys
import threading

import pytest
from textual.content import Content
from textual.widgets import Input, Static

from r1chat import paths
from r1chat.conversation import Conversation, Origin, Turn
from r1chat.engine.fake import FakeEngine
from r1chat.events import Receipt, Reply
from r1chat.jobs import End, Jobs, Order
from r1chat.settings import Settings
from r1chat.store import Loaded, Store, Summary
from r1chat.tui.screens.reader import Reader
from r1chat.tui.titling import cleaned
from r1chat.tui.widgets.conversation import ConversationView
from r1chat.tui.widgets.history_panel import PAGE
from r1chat.wording import model_name
from tests.tui.chat import (
    ENDLESS,
    REPLY,
    Gate,
    Pause,
    an_app,
    ask,
    begin,
    engine_of,
    ready,
    rest,
    screen_text,
    thought,
    toasts,
    until,
    write,
)

EVIL = "\x1b]52;c;RVZJTA==\x07\x9b31mEVIL\x1b[2J\u202e"


@pytest.fixture
def frozen():
    """Noon of a day in the middle of a month."""
    return dt.datetime(2026, 1, 15, 12).astimezone().timestamp()


def turn(question="What is 6 * 7?", answer="It is 42.", thought="Six sevens.\n", **origin):
    """A turn as the history has it."""
    receipt = Receipt(thought_ended_by="natural", thought_tokens=4, answer_tokens=4)
    made = Origin(**{"created": 1000.0, "model": "fake", **origin})
    return Turn(question, Reply(thought, answer, receipt), origin=made)


def conversation(title, *turns, updated=1000.0, **summary):
    """A conversation with one path."""
    tree = Conversation()
    for each in turns or (turn(),):
        tree.add(each)
    about = Summary(tree.id, title, 1000.0, updated, model="fake", **summary)
    return Loaded(about, tree)


def saved(*conversations):
    """Saves conversations as an earlier start of the app would have."""
    store = Store.open()
    for each in conversations:
        store.add(each)
    assert store.flush(10)
    while not store.indexed:
        store.flush(10)
    store.close()
    return [each.conversation.id for each in conversations]


def read(name=None):
    """A conversation as it stands in the file; by default the last."""
    store = Store.open()
    try:
        assert store.flush(10)
        return store.load(name or store.last())
    finally:
        store.close()


async def panel(pilot):
    """Opens the panel and waits for its list."""
    chat = await ready(pilot)
    await pilot.press("f10")
    await until(pilot, lambda: chat.panel is not None and chat.panel.listing.entries)
    await pilot.pause()
    return chat.panel


def titles(panel):
    """What is listed, from the top."""
    return [each.title for each in panel.listing.entries]


def lines(panel):
    """The list as it is drawn, without styles."""
    return [str(option.prompt) for option in panel.listing.options]


@pytest.mark.asyncio
async def test_escape_closes_the_panel_from_where_a_conversation_was_opened_too():
    saved(conversation("one"))
    app = an_app()
    async with app.run_test(size=(120, 30)) as pilot:
        shown = await panel(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: app.chat.composer.has_focus and app.chat.last is not None)
        assert shown.is_mounted
        await pilot.press("escape")
        await until(pilot, lambda: app.chat.panel is None)
        assert app.chat.composer.has_focus
        assert app.settings.panel == "hide"


# -- saving --


@pytest.mark.asyncio
async def test_what_is_asked_is_in_the_file_with_all_its_versions_and_the_chosen_one():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ask(pilot, "two and two?")
        await pilot.press("ctrl+r")
        await rest(pilot)
        await until(pilot, lambda: len(chat.last.node.siblings) == 2)
        await pilot.press("alt+left")
        await until(pilot, lambda: chat.last and chat.last.node.version == 1)
    loaded = read()
    versions = loaded.conversation.root.children
    assert [node.turn.reply.answer for node in versions] == ["It is **4**."] * 2
    assert loaded.conversation.root.chosen == 0
    assert loaded.summary.title == "two and two?"


@pytest.mark.asyncio
async def test_a_reply_is_in_the_file_while_it_is_being_written():
    app = an_app(ENDLESS)
    async with app.run_test() as pilot:
        await begin(pilot)
        await thought(pilot, "thought 9.")
        store = app.history.store

        def stored():
            # A connection of its own, as another program would have it.
            found = store.load(store.last())
            return (
                found is not None and "thought 9." in found.conversation.last().turn.reply.thought
            )

        await until(pilot, stored)
        assert app.chat.running


@pytest.mark.asyncio
async def test_what_the_user_does_to_a_thought_is_saved_with_it():
    app = an_app((*ENDLESS[:600], "</think>", "The end."))
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await thought(pilot, "thought 2.")
        await pilot.press("ctrl+t")
        chat.slider.focus()
        await pilot.press("left", "right")
        await pilot.press("ctrl+n")
        await rest(pilot)
    acts = [act.kind for act in read().conversation.last().turn.origin.acts]
    assert "think_more" in acts
    assert "answer_now" in acts


@pytest.mark.asyncio
async def test_a_reply_that_is_gone_on_with_takes_the_place_of_the_stopped_one():
    app = an_app(ENDLESS, ("more.\n", "</think>", "Done."))
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await thought(pilot, "thought 1.")
        await pilot.press("escape")
        await rest(pilot)
        await pilot.press("ctrl+g")
        await rest(pilot)
        await until(pilot, lambda: chat.last and chat.last.node.turn.reply.answer == "Done.")
    root = read().conversation.root
    assert [node.turn.reply.answer for node in root.children] == ["Done."]


@pytest.mark.asyncio
async def test_with_saving_off_nothing_is_written_and_the_top_bar_says_so():
    app = an_app(settings=Settings(pace=0, save=False))
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        await until(pilot, lambda: chat.topbar.unsaved)
        assert "not saved" in str(chat.topbar.render())
    assert not paths.history_file().exists()


@pytest.mark.asyncio
async def test_a_history_that_cannot_be_opened_is_told_once_and_the_chat_goes_on():
    Store.open().close()
    with contextlib.closing(sqlite3.connect(paths.history_file())) as newer:
        newer.execute("PRAGMA user_version = 1000")
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        await until(pilot, lambda: chat.topbar.unsaved)
        assert toasts(app).count("not saved") == 1
        assert chat.last.node.turn.reply.answer


@pytest.mark.asyncio
@pytest.mark.skipif(sys.platform == "win32", reason="no limits for the size of files")
async def test_while_nothing_can_be_written_the_chat_goes_on_and_says_so_and_saves_it_later():
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        await until(pilot, lambda: paths.history_file().exists())
        app.history.store.flush(10)
        # As on a full disk: no file may grow beyond this.
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
        try:
            await ask(pilot, "while it is full?")
            assert chat.last.node.turn.reply.answer
            await until(pilot, lambda: chat.topbar.unsaved and "not saved" in toasts(app))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        await until(pilot, lambda: not chat.topbar.unsaved)
    assert [n.turn.question for n in read().conversation.path()] == ["while it is full?"]


# -- the panel --


@pytest.mark.asyncio
async def test_the_panel_lists_conversations_in_groups_the_newest_first(frozen):
    now = frozen
    day = 24 * 3600
    saved(
        conversation("older", updated=now - 60 * day),
        conversation("this month", updated=now - 3 * day),
        conversation("yesterday", updated=now - day),
        conversation("today", updated=now - 60),
        conversation("pinned", updated=now - 90 * day, pinned=True),
    )
    app = an_app(clock=lambda: now)
    async with app.run_test() as pilot:
        listed = await panel(pilot)
        assert titles(listed) == ["pinned", "today", "yesterday", "this month", "older"]
        heads = [each for each in lines(listed) if "\n" not in each]
        assert heads == ["Pinned", "Today", "Yesterday", "This month", "Older"]


@pytest.mark.asyncio
async def test_a_time_that_cannot_be_hides_no_conversation(frozen):
    saved(
        conversation("Never", updated=9e15),
        conversation("Now", updated=frozen),
        conversation("Then"),
    )
    async with an_app(clock=lambda: frozen).run_test() as pilot:
        listed = await panel(pilot)
        assert len(lines(listed)) == 6
        assert titles(listed) == ["Never", "Now", "Then"]


@pytest.mark.asyncio
async def test_a_long_list_is_read_in_pages():
    count = 2 * PAGE + 5
    saved(*(conversation(f"number {n}", updated=1000.0 + n) for n in range(count)))
    app = an_app()
    async with app.run_test() as pilot:
        listed = await panel(pilot)
        assert len(listed.listing.entries) == PAGE
        for _ in range(3):
            await pilot.press("end" if listed.listing.has_focus else "tab")
            listed.listing.scroll_end(animate=False)
            await pilot.pause()
        await until(pilot, lambda: len(listed.listing.entries) > PAGE)
        listed.listing.scroll_end(animate=False)
        await until(pilot, lambda: len(listed.listing.entries) == count)
        assert titles(listed) == [f"number {n}" for n in reversed(range(count))]


@pytest.mark.asyncio
async def test_a_search_shows_the_words_marked_and_enter_goes_to_the_turn():
    turns = [turn(f"question {n}", f"answer {n}") for n in range(40)]
    turns[7] = turn("What of the zebra?", "A zebra has stripes.")
    saved(conversation("animals", *turns), conversation("other"))
    app = an_app()
    async with app.run_test() as pilot:
        listed = await panel(pilot)
        chat = app.chat
        await pilot.press(*"zebra")

        def marked():
            prompts = [option.prompt for option in listed.listing.options]
            hits = [each for each in prompts if isinstance(each, Content)]
            found = [(each.plain, span) for each in hits for span in each.spans]
            return {text[s.start : s.end] for text, s in found if "underline" in str(s.style)}

        await until(pilot, lambda: marked() == {"zebra"} and len(listed.listing.options) == 1)
        await pilot.press("enter")
        await until(pilot, lambda: any("zebra" in v.question for v in chat.conversation.turns))
        shown = [view.question for view in chat.conversation.turns]
        assert "What of the zebra?" in shown
        assert not chat.conversation.at_end
        await pilot.pause()
        await until(pilot, lambda: chat.composer.has_focus)
        view = next(v for v in chat.conversation.turns if "zebra" in v.question)
        await until(pilot, lambda: view.region.overlaps(chat.conversation.region))
        # What follows is asked at the end, wherever one has looked.
        assert not chat.check_action("regenerate", ())
        await ask(pilot, "and now?")
        assert chat.conversation.at_end
        assert [n.turn.question for n in chat.session.conversation.path()][-2:] == [
            "question 39",
            "and now?",
        ]


@pytest.mark.asyncio
async def test_thoughts_are_searched_only_when_asked_for_and_the_thought_is_opened():
    saved(conversation("hidden", turn(thought="A walrus, perhaps.\n")))
    app = an_app(settings=Settings(pace=0, thoughts="hide"))
    async with app.run_test() as pilot:
        listed = await panel(pilot)
        await pilot.press(*"walrus")
        await until(pilot, lambda: not listed.listing.display)
        await pilot.press("alt+t")
        await until(pilot, lambda: listed.listing.display and listed.listing.entries)
        await pilot.press("enter")
        await until(pilot, lambda: app.chat.last is not None)
        await until(pilot, lambda: not app.chat.last.thinking.collapsed)


@pytest.mark.asyncio
async def test_a_conversation_is_renamed_pinned_and_deleted_and_the_deletion_undone():
    one, two = saved(conversation("one", updated=2000.0), conversation("two", updated=1000.0))
    app = an_app()
    async with app.run_test() as pilot:
        listed = await panel(pilot)
        await pilot.press("down", "f7")
        await until(pilot, lambda: titles(listed) == ["two", "one"])
        assert lines(listed)[0] == "Pinned"
        await pilot.press("f2")
        await until(pilot, lambda: app.screen is not app.chat)
        await pilot.press("ctrl+u", *"better", "enter")
        await until(pilot, lambda: titles(listed) == ["better", "one"])
        await pilot.press("f8")
        await until(pilot, lambda: titles(listed) == ["one"])
        assert "Ctrl+Z" in toasts(app)
        await pilot.press("ctrl+z")
        await until(pilot, lambda: titles(listed) == ["better", "one"])
    assert read(two).summary.title == "better"
    assert read(two).summary.deleted is None
    assert read(one).summary.pinned is False


@pytest.mark.asyncio
async def test_the_conversation_on_the_screen_is_left_when_it_is_deleted_and_comes_back():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ask(pilot, "two and two?")
        name = chat.shown_id
        listed = await panel(pilot)
        await pilot.press("f8")
        await until(pilot, lambda: not chat.conversation.turns and chat.shown_id != name)
        await pilot.press("ctrl+z")
        await until(pilot, lambda: titles(listed) == ["two and two?"])
        await pilot.press("enter")
        await until(pilot, lambda: chat.shown_id == name and chat.last is not None)


@pytest.mark.asyncio
async def test_the_panel_lies_beside_the_conversation_or_on_it_where_there_is_no_room():
    saved(conversation("one"))
    app = an_app()
    async with app.run_test(size=(80, 24)) as pilot:
        listed = await panel(pilot)
        chat = app.chat
        assert listed.region.right <= chat.conversation.region.x
        assert chat.conversation.region.width >= 40
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        assert listed.region.width == 60
        await pilot.press("enter")
        await until(pilot, lambda: chat.panel is None and chat.last is not None)
        assert chat.composer.has_focus


@pytest.mark.asyncio
async def test_that_the_panel_is_open_is_remembered():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        await pilot.press("f10")
        await until(pilot, lambda: chat.panel is not None)
        assert app.settings.panel == "show"
    again = an_app(settings=app.settings)
    async with again.run_test() as pilot:
        chat = await ready(pilot)
        await until(pilot, lambda: chat.panel is not None)
        assert chat.composer.has_focus
        await pilot.press("f10", "f10")
        await until(pilot, lambda: chat.panel is None)
        assert again.settings.panel == "hide"


@pytest.mark.asyncio
async def test_no_escape_sequence_of_the_file_is_shown():
    saved(conversation(EVIL, turn(EVIL, EVIL, EVIL, model=EVIL)))
    app = an_app()
    async with app.run_test() as pilot:
        listed = await panel(pilot)
        await pilot.press(*"rvzjta")
        await until(pilot, lambda: "-hits" in listed.listing.classes)
        assert not any(char in "".join(lines(listed)) for char in "\x1b\x07\x9b\u202e")


# -- resuming --


@pytest.mark.asyncio
async def test_a_conversation_is_opened_with_its_turns_versions_budget_and_gone_on_with():
    past = conversation("numbers", turn("one?"), turn("two?"))
    first = past.conversation.root.children[0]
    past.conversation.add(turn("two, really?"), first)
    past.conversation.choose(first.children[0])
    held = {"min_think": 128, "think": 1}
    (name,) = saved(Loaded(past.summary, past.conversation, budget="512", settings=held))
    app = an_app()
    async with app.run_test() as pilot:
        await panel(pilot)
        chat = app.chat
        mine = app.preferences.saved
        await pilot.press("enter")
        await until(pilot, lambda: len(chat.conversation.turns) == 2)
        await until(pilot, lambda: chat.composer.has_focus)
        assert (str(chat.slider.value), chat.slider.value.minimum) == ("512", 128)
        assert app.preferences.think == "on"
        assert [v.question for v in chat.conversation.turns] == ["one?", "two?"]
        assert len(chat.last.node.siblings) == 2
        await ask(pilot, "three?")
        request = engine_of(app).requests[-1]
        assert [m.text for m in request.messages] == [
            "one?",
            "It is 42.",
            "two?",
            "It is 42.",
            "three?",
        ]
        # What holds there is not the user's for other conversations.
        await pilot.press("f9")
        await until(pilot, lambda: not chat.conversation.turns)
        assert str(chat.slider.value) == "max"
        assert (app.preferences.think, app.preferences.saved) == ("auto", mine)
    again = read(name)
    assert [n.turn.question for n in again.conversation.path()] == ["one?", "two?", "three?"]
    assert len(list(again.conversation.nodes())) == 4


@pytest.mark.asyncio
async def test_versions_can_be_read_before_there_is_a_model():
    past = conversation("early", turn("one?"))
    root = past.conversation.root
    past.conversation.add(turn("one, really?"), root)
    past.conversation.choose(root.children[0])
    saved(past)
    app = an_app()
    async with app.run_test() as pilot:
        await panel(pilot)
        # As it is while the model is being loaded.
        app.model.engine, app.chat.state.session = None, None
        await pilot.press("enter")
        await until(pilot, lambda: app.chat.last and app.chat.last.question == "one?")
        await until(pilot, lambda: app.chat.composer.has_focus)
        await pilot.press("alt+right")
        await until(pilot, lambda: app.chat.last.question == "one, really?")


@pytest.mark.asyncio
async def test_a_conversation_opened_before_there_is_a_model_goes_on_once_it_is_there():
    saved(conversation("early", turn("one?")))
    app = an_app()
    async with app.run_test() as pilot:
        await panel(pilot)
        # As it is while the model is being loaded.
        engine, app.model.engine, app.chat.state.session = app.engine, None, None
        await pilot.press("enter")
        await until(pilot, lambda: len(app.chat.conversation.turns) == 1)
        await until(pilot, lambda: app.chat.composer.has_focus)
        app.model.engine = engine
        app.chat.model.loaded(engine)
        await ask(pilot, "two?")
        assert [m.text for m in engine.requests[-1].messages][:1] == ["one?"]


@pytest.mark.asyncio
async def test_another_model_than_that_of_the_conversation_is_said_and_one_key_loads_it():
    saved(
        Loaded(
            Summary("a" * 16, "with r1", 1000.0, 1000.0, model="r1:7b"),
            conversation("x", turn(model="r1:7b")).conversation,
        )
    )
    app = an_app()
    async with app.run_test() as pilot:
        await panel(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: app.chat.last is not None)
        assert "Written by r1:7b" in toasts(app)
        assert not app.chat.check_action("think_more", ())
        assert app.chat.check_action("its_model", ())
        await pilot.press("alt+l")
        await until(pilot, lambda: app.model_ref == "r1:7b")


async def its_model(app, pilot, ref):
    """Opens a conversation that says it was had with a model, and asks for that."""
    named = Summary("a" * 16, "theirs", 1000.0, 1000.0, model=ref)
    saved(Loaded(named, conversation("x", turn(model=ref)).conversation))
    await panel(pilot)
    await pilot.press("enter")
    await until(pilot, lambda: app.chat.last is not None)
    await pilot.press("alt+l")


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["v1#r1/tiny.gguf", "v1#m", "v1"])
async def test_no_key_sends_anything_to_an_address_that_a_conversation_names(path):
    there = f"http://192.0.2.2:18130/{path}"
    app = an_app()
    async with app.run_test() as pilot:
        await its_model(app, pilot, there)
        await until(pilot, lambda: toasts(app).count(f"say so: -m {there}") == 2)
        assert "loads" not in toasts(app)
        assert app.model_ref != there


@pytest.mark.asyncio
async def test_an_address_that_the_user_has_set_is_loaded_with_a_key():
    there = "http://192.0.2.2:18130/v1"
    app = an_app(settings=Settings(pace=0, model=f"{there}#a"))
    async with app.run_test() as pilot:
        await its_model(app, pilot, f"{there}#b")
        await until(pilot, lambda: app.model_ref == f"{there}#b")


@pytest.mark.parametrize(
    ("ref", "shown"),
    [
        ("/home/me/models/a.gguf", "a.gguf"),
        ("tiny", "tiny"),
        ("http://192.0.2.2:18130/v1#r1/tiny.gguf", "http://192.0.2.2:18130/v1#r1/tiny.gguf"),
        ("lab#r1/tiny.gguf", "lab#r1/tiny.gguf"),
    ],
)
def test_the_host_of_a_model_is_never_hidden(ref, shown):
    assert model_name(ref) == shown


@pytest.mark.asyncio
async def test_a_reply_that_a_crash_cut_off_is_shown_as_interrupted_and_gone_on_with():
    app = an_app(ENDLESS)
    async with app.run_test() as pilot:
        await begin(pilot)
        await thought(pilot, "thought 3.")
        await until(pilot, lambda: "thought 3." in _last_thought(app.history.store))
        # The file as a kill would leave it: a copy of what is written by now.
        source = sqlite3.connect(paths.history_file())
        target = sqlite3.connect(paths.history_file().with_name("killed.db"))
        source.backup(target)
        source.close()
        target.close()
    _put_in_place("killed.db")
    app = an_app(("more.\n", "</think>", "Done."))
    async with app.run_test() as pilot:
        await panel(pilot)
        chat = app.chat
        await pilot.press("enter")
        await until(pilot, lambda: chat.last is not None)
        assert "interrupted" in chat.last.status
        await pilot.press("ctrl+g")
        await rest(pilot)
        await until(pilot, lambda: chat.last and chat.last.node.turn.reply.answer == "Done.")
        assert chat.last.node.turn.reply.thought.startswith("thought 0.")
        assert chat.last.node.turn.reply.thought.endswith("more.\n")


@pytest.mark.asyncio
@pytest.mark.parametrize("late", [False, True], ids=["with its model", "before its model is there"])
async def test_a_reply_that_a_crash_cut_off_is_offered_and_one_key_continues_it(late):
    app = an_app(ENDLESS)
    async with app.run_test() as pilot:
        await begin(pilot)
        await thought(pilot, "thought 3.")
        await until(pilot, lambda: "thought 3." in _last_thought(app.history.store))
        # Another app does not offer what is still being written.
        other = an_app()
        async with other.run_test() as second:
            await until(second, lambda: other.engine and other.history.saves)
            assert other.history.store.interrupted() is None
            await other.chat._interrupted.look()
            assert not other.chat.conditions.can_continue
        source = sqlite3.connect(paths.history_file())
        target = sqlite3.connect(paths.history_file().with_name("killed.db"))
        source.backup(target)
        source.close()
        target.close()
    _put_in_place("killed.db")
    come = threading.Event()

    def load(ref, **_):
        del ref
        come.wait(30)
        return FakeEngine(("more.\n", "</think>", "Done."))

    app = an_app(load=load)
    async with app.run_test() as pilot:
        chat = app.chat
        if not late:
            come.set()
            await until(pilot, lambda: app.engine)
        await until(pilot, lambda: chat.conditions.can_continue)
        assert "was interrupted: Ctrl+G continues it." in _hint(chat)
        await pilot.press("ctrl+g")
        await until(pilot, lambda: chat.last is not None)
        assert not (late and chat.running)
        come.set()
        await until(
            pilot,
            lambda: chat.last and chat.last.node and chat.last.node.turn.reply.answer == "Done.",
        )
        assert chat.last.node.turn.reply.thought.startswith("thought 0.")
        await rest(pilot)
        assert app.history.store.interrupted() is None
        await pilot.press("f9")
        await until(pilot, lambda: not chat.conversation.turns)
        assert "interrupted" not in _hint(chat)
        assert not chat.conditions.can_continue


def _hint(chat):
    return str(chat.query(".conversation--empty").only_one().content)


def _last_thought(store):
    loaded = store.load(store.last() or "")
    return loaded.conversation.last().turn.reply.thought if loaded else ""


def _put_in_place(name):
    file = paths.history_file()
    for each in file.parent.glob(f"{file.name}*"):
        each.unlink()
    file.with_name(name).rename(file)


@pytest.mark.asyncio
async def test_a_conversation_that_another_app_changed_is_read_anew_when_it_is_opened():
    one, other = an_app(), an_app()
    async with one.run_test() as pilot:
        await ask(pilot, "from the first?")
        async with other.run_test() as second:
            await panel(second)
            await second.press("enter")
            await until(second, lambda: other.chat.last is not None)
            await until(second, lambda: other.chat.composer.has_focus)
            await ask(second, "from the second?")
        name = one.chat.shown_id
        await one.chat.open_conversation(name)
        await until(pilot, lambda: len(one.chat.conversation.turns) == 2)
        assert one.chat.last.question == "from the second?"


@pytest.mark.asyncio
async def test_a_conversation_is_copied_up_to_a_turn():
    (name,) = saved(conversation("numbers", turn("one?"), turn("two?"), turn("three?")))
    app = an_app()
    async with app.run_test() as pilot:
        await panel(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: len(app.chat.conversation.turns) == 3)
        app.chat.action_duplicate_from()
        await until(pilot, lambda: app.screen is not app.chat)
        await pilot.press("up", "enter")
        await until(pilot, lambda: len(app.chat.conversation.turns) == 2)
        assert app.chat.shown_id != name
    assert len(list(read(name).conversation.path())) == 3


# -- titles, files, figures --


@pytest.mark.asyncio
async def test_a_title_of_the_models_is_asked_for_without_a_thought_and_can_be_edited():
    app = an_app(
        ("secret thought.\n", "</think>", "It is 4."), ("</think>", '"Sum of Two Twos."\nor so')
    )
    async with app.run_test() as pilot:
        chat = await ask(pilot, "two and two?")
        chat.action_suggest_title()
        await until(pilot, lambda: app.screen is not chat)
        field = app.screen.query_one(Input)
        assert field.value == "Sum of Two Twos"
        asked = engine_of(app).requests[-1]
        assert asked.budget.off
        assert "two and two?" in asked.messages[0].text
        assert "It is 4." in asked.messages[0].text
        assert "secret" not in asked.messages[0].text
        await pilot.press(*"!", "enter")
        await until(pilot, lambda: app.titled == "Sum of Two Twos!")
        assert len(chat.session.turns) == 1
        # The conversation is read into the model's cache again.
        assert engine_of(app).prepared[-1][0].text == "two and two?"
    assert read().summary.title == "Sum of Two Twos!"
    assert read().summary.title_source == "user"


@pytest.mark.asyncio
async def test_making_a_title_can_be_stopped():
    gate = Gate()
    app = an_app(REPLY, ["</think>", "Prime", Pause(1), " numbers"], sleep=gate)
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        chat.action_suggest_title()
        await until(pilot, lambda: chat.running)
        await pilot.press("escape")
        gate.open()
        await until(pilot, lambda: not chat.running)
        assert app.screen is chat


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("Title: **Prime numbers**", "Prime numbers"),
        ("\n\n# One two three four five six seven", "One two three four five six"),
        ("“\x1b[31mRed”.", "Red"),
        ("...\n", ""),
        ("", ""),
    ],
)
def test_a_title_is_cut_out_of_what_a_model_says(said, title):
    assert cleaned(said) == title


@pytest.mark.asyncio
async def test_a_conversation_is_exported_and_nothing_is_overwritten(tmp_path):
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ask(pilot, "two and two?")
        for name, mark in (
            ("it.md", "It is **4**."),
            ("it.html", "<html"),
            ("it.json", '"schema"'),
        ):
            await chat.action_export()
            await until(pilot, lambda: app.screen.query(Input))
            app.screen.query_one(Input).value = str(tmp_path / name)
            await pilot.press("enter")
            await until(pilot, (tmp_path / name).exists)
            assert mark in (tmp_path / name).read_text()
        before = (tmp_path / "it.md").read_bytes()
        await chat.action_export()
        await until(pilot, lambda: app.screen.query(Input))
        app.screen.query_one(Input).value = str(tmp_path / "it.md")
        await pilot.press("enter")
        await until(pilot, lambda: "is there already" in toasts(app))
        assert (tmp_path / "it.md").read_bytes() == before
        await until(pilot, lambda: app.screen.query(Input))
        assert app.screen.query_one(Input).value == str(tmp_path / "it.md"), "to be changed"


@pytest.mark.asyncio
async def test_the_statistics_count_what_is_kept():
    saved(conversation("one"), conversation("two", turn(), turn()))
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        chat.action_statistics()
        await until(pilot, lambda: app.screen.query(Static))
        shown = app.screen.query_one(Static)
        await until(pilot, lambda: "replies       3" in str(shown.render()))
        await pilot.press("escape")
        assert app.screen is chat


@pytest.mark.asyncio
async def test_all_of_it_is_in_the_palette():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        offered = {command.title for command in app.get_system_commands(chat)}
        assert {"History", "Statistics"} <= offered
        assert "Rename" not in offered
        await ask(pilot)
        offered = {command.title for command in app.get_system_commands(chat)}
        assert {"Rename", "Suggest a title", "Pin", "Export this conversation"} <= offered
        assert {"Delete the conversation", "Duplicate from here"} <= offered


def test_the_first_frame_needs_no_history(run_python):
    program = (
        "import asyncio, sys\n"
        "from r1chat.settings import Settings\n"
        "from r1chat.tui.app import R1ChatApp\n"
        "class App(R1ChatApp):\n"
        "    def _begin(self):\n"
        "        print(sorted(n for n in sys.modules if 'sqlite3' in n or 'r1chat.store' in n))\n"
        "        self.exit()\n"
        "async def main():\n"
        "    app = App(given=Settings(keys={'history.pin': 'f12'}, panel='show'))\n"
        "    async with app.run_test() as pilot:\n"
        "        await pilot.pause()\n"
        "asyncio.run(main())\n"
    )
    ran = run_python("-c", program)
    assert ran.stdout == "[]\n", ran.stderr


@pytest.mark.asyncio
async def test_the_app_begins_with_the_conversation_it_is_told_and_says_how_to_come_back():
    first, second = saved(conversation("first"), conversation("second", turn("And 1 + 1?")))
    app = an_app()
    app.begins_with = first
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        await until(pilot, lambda: chat.shown_id == first)
        assert [node.turn.question for node in chat.state.tree.path()] == ["What is 6 * 7?"]
    app.shut_down()
    assert first.startswith(app.resumable)
    assert not second.startswith(app.resumable)


@pytest.mark.asyncio
async def test_an_app_in_which_nothing_was_asked_has_nothing_to_come_back_to():
    app = an_app()
    async with app.run_test() as pilot:
        await ready(pilot)
    app.shut_down()
    assert app.resumable == ""


@pytest.mark.asyncio
async def test_tags_are_given_and_sought_and_single_questions_are_listed_apart():
    from r1chat.tui.screens.one_line import OneLine

    saved(
        conversation("An old chat", tags=("work", "maths")),
        conversation("A single question", once=True),
    )
    app = an_app()
    async with app.run_test(size=(110, 30)) as pilot:
        chat = await ask(pilot, "A new chat")

        def titles():
            return [each.title for each in chat.panel.listing.entries]

        await pilot.press("f10")
        await until(pilot, lambda: chat.panel and titles() == ["A new chat", "An old chat"])
        scope = chat.panel.query_one(".history--scope", Static)
        assert scope.display
        assert "1 asked once" in str(scope.content)
        await pilot.press("alt+q")
        await until(pilot, lambda: titles() == ["A single question"])
        # A search looks into both, whatever is listed.
        chat.panel.search.value = "42"
        await until(pilot, lambda: len(set(titles())) == 2)
        chat.panel.search.value = "#wor"
        await until(pilot, lambda: titles() == ["An old chat"])
        chat.panel.search.value = "#wor 42"
        await until(pilot, lambda: titles() == ["An old chat"])
        chat.panel.search.value = ""
        await pilot.press("alt+q")
        await until(pilot, lambda: titles() == ["A new chat", "An old chat"])
        # A known tag is completed.
        await pilot.press("escape", "alt+j")
        await until(pilot, lambda: isinstance(app.screen, OneLine) and app.screen.is_mounted)
        field = app.screen.query_one(Input)
        await pilot.press("m", "a")
        await until(pilot, lambda: field._suggestion == "maths")
        await pilot.press("right")
        assert field.value == "maths"
        # What is no tag stays in its field, and that is said there.
        await write(pilot, " new!", "enter")
        await until(pilot, lambda: "no tag" in screen_text(app))
        assert field.value == "maths new!"
        await pilot.press("backspace", "enter")
        await until(pilot, lambda: app.screen is chat)
        await until(pilot, lambda: app.history.store.tags()[:1] == [("maths", 2)])
        await until(pilot, lambda: ("new", 1) in app.history.store.tags())
        # And taken away again, by an empty line.
        await pilot.press("alt+j")
        await until(pilot, lambda: isinstance(app.screen, OneLine) and app.screen.is_mounted)
        assert app.screen.query_one(Input).value == "maths new "
        await pilot.press("ctrl+u", "enter")
        await until(pilot, lambda: ("new", 1) not in app.history.store.tags())


@pytest.mark.asyncio
async def test_a_key_while_the_turns_are_being_mounted_means_the_last_of_them(monkeypatch):
    turns = [turn(f"{n}?", thought=f"Thought {n}.\n", answer=f"Answer {n}.") for n in range(4)]
    (name,) = saved(conversation("several", *turns))
    job = Jobs().add(Order("tiny", "Old?"))
    job.finish(End("done", 0))
    monkeypatch.setattr("r1chat.jobs.folder._KEPT_S", -1.0)
    mount, pressed = ConversationView._mount_node, []

    async def mounting(self, node, **options):
        await mount(self, node, **options)
        if not pressed:
            actions = (self.screen.action_copy_answer(), self.screen.action_outline())
            pressed.extend(asyncio.ensure_future(each) for each in actions)
            await asyncio.sleep(0)

    monkeypatch.setattr(ConversationView, "_mount_node", mounting)
    app = an_app()
    app.begins_with = name
    async with app.run_test() as pilot:
        await until(pilot, lambda: isinstance(app.screen, Reader))
        assert app.screen._text.text == "Thought 3.\n"
        assert app.clipboard == "Answer 3."
        # What the history does not keep so long is not kept elsewhere.
        await until(pilot, lambda: not job.folder.exists())
