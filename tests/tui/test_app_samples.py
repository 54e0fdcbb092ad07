"""Several samples to a question: choosing how many, watching them, and what comes of it."""

from __future__ import annotations

import pytest

from r1chat.engine.fake import Pause
from r1chat.errors import EngineError, MissingModel
from r1chat.events import Drawing, Receipt, Reply, Sampled, Tallied, ThoughtText
from r1chat.reasoning.budget import Budget
from r1chat.settings import Settings
from r1chat.tui.samples import Draw
from r1chat.tui.widgets.samples_sign import SamplesSign
from r1chat.tui.widgets.tally import Tally
from tests.tui.chat import (
    REPLY,
    Gate,
    an_app,
    ask,
    begin,
    engine_of,
    ready,
    rest,
    toasts,
    until,
)

pytestmark = pytest.mark.asyncio

FOUR = Settings(pace=0, samples=4)


def script(answer: str, *before: object, words: str = "hm\n") -> list[object]:
    return [words, *before, "</think>", f"It is $\\boxed{{{answer}}}$."]


def four(*finals: str):
    return [script(final, words=f"thought of {at}\n") for at, final in enumerate(finals)]


def rows(view) -> list[str]:
    return [row.rstrip() for row in view.tally.render().plain.split("\n")]


def tree(chat):
    (node,) = chat.session.conversation.path()
    return node


async def gated(pilot, chat):
    """Waits until all samples stand still at the gate."""
    await until(pilot, lambda: chat.last.draw.samples[-1].events or chat.last.draw.at_once == 1)
    await until(pilot, lambda: chat.last and chat.last.thinking.view.text)


# -- how many --


async def test_a_key_goes_through_the_numbers_and_the_sign_shows_them():
    app = an_app()
    async with app.run_test() as pilot:
        await ready(pilot)
        sign = app.chat.query_one(SamplesSign)
        assert not sign.display
        seen = []
        for _ in range(4):
            await pilot.press("alt+k")
            seen.append((app.preferences.samples, sign.display))
        assert seen == [(4, True), (8, True), (16, True), (1, False)]
        assert app.settings.samples is None


async def test_a_click_on_the_sign_goes_on_to_the_next_number():
    app = an_app(settings=FOUR)
    async with app.run_test() as pilot:
        await ready(pilot)
        assert "×4" in str(app.chat.query_one(SamplesSign).render())
        await pilot.click(SamplesSign)
        await until(pilot, lambda: app.preferences.samples == 8)


async def test_the_palette_offers_the_numbers_by_name():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        await chat.run_action("choose_samples")
        await until(pilot, lambda: app.screen is not chat)
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: app.preferences.samples == 8)


async def test_a_number_beyond_what_the_app_draws_is_the_largest_it_does():
    app = an_app(settings=Settings(pace=0, samples=1000))
    async with app.run_test() as pilot:
        await ready(pilot)
        assert app.preferences.samples == 16
        await pilot.press("alt+k")
        assert app.preferences.samples == 1


async def test_at_a_temperature_of_0_it_says_why_not_and_asks_once():
    app = an_app(settings=Settings(pace=0, samples=8, temperature=0))
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        assert len(engine_of(app).requests) == 1
        assert not chat.query_one(SamplesSign).display
        assert not chat.query(Tally)
        await pilot.press("alt+k")
        assert "temperature of 0" in toasts(app)
        await pilot.press("alt+r")
        await pilot.pause()
        assert app.screen is chat


async def test_the_model_is_loaded_with_room_for_them():
    asked = []

    def load(ref, **options):
        asked.append(options["samples"])
        raise MissingModel(ref, ref)

    app = an_app(settings=FOUR, load=load)
    async with app.run_test() as pilot:
        await until(pilot, lambda: asked)
    assert asked == [4]


# -- asking --


async def test_the_majority_is_the_reply_and_the_samples_are_its_versions():
    app = an_app(*four("7", "8", "8", "8"), settings=FOUR, lanes=4)
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        node = tree(chat)
        assert node.turn.reply.final == "8"
        assert [each.turn.reply.final for each in node.siblings] == ["7", "8", "8", "8"]
        view = chat.last
        assert view.node is node
        assert view.thinking.view.text.strip() == "thought of 1"
        assert view.answer.source == "It is $\\boxed{8}$."
        assert "3 of 4 agree on" in view.status
        head, bars, samples = rows(view)
        assert head.startswith("3 of 4 agree on 8")
        assert bars == "8 ━━━ 3  7 ━ 1"
        assert samples.split() == ["1", "7", "▸2", "8", "3", "8", "4", "8"]


async def test_a_question_alone_has_no_votes():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        assert not chat.query(Tally)
        assert "samples" not in chat.last.status


async def test_a_sample_that_was_never_begun_is_skipped_and_one_that_wrote_something_stopped():
    cancelled = Receipt(ended_by="cancelled", answer_ended_by="cancelled")
    at_once, later = Draw(2), Draw(2)
    for draw in (at_once, later):
        draw.take(Sampled(0, ThoughtText("I add", 2)))
    at_once.stop()
    parts = Reply("I add", "", cancelled), Reply("", "", cancelled)
    later.take(Reply("I add", "", cancelled, samples=parts))
    for draw in (at_once, later):
        assert [each.state for each in draw.samples] == ["stopped", "skipped"]


async def test_once_certain_the_others_are_stopped_and_that_is_said():
    slow = script("9", *["more\n"] * 200)
    app = an_app(*four("7", "7", "7"), slow, settings=FOUR, lanes=4)
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        head, bars, samples = rows(chat.last)
        assert "1 stopped" in head
        assert bars == "7 ━━━ 3"
        assert samples.endswith(("4 stopped", "4 ×"))
        assert len(tree(chat).siblings) == 3


async def test_where_few_are_enough_it_says_so_then_and_when_it_comes_from_the_history():
    settings = Settings(pace=0, samples=8, samples_stop="likely")
    app = an_app(*four("7", "8", "8", "8"), settings=settings, lanes=8)
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        head, bars, samples = rows(chat.last)[:3]
        said = "3 of 4 agree on 8 · 4 of 8 drawn: the others would hardly change it"
        assert head.startswith(said)
        assert bars == "8 ━━━ 3  7 ━ 1"
        assert samples.split()[:9] == ["1", "7", "▸2", "8", "3", "8", "4", "8", "5"]
        draw = Draw.of(tree(chat))
        assert (draw.votes.decided, draw.votes.ended, draw.votes.samples) == ("likely", 4, 8)
        # While the stopped ones end, the same is said.
        live = Draw(8)
        live.take(Drawing(8, 2))
        live.take(Tallied((("7", 1),), 1, 8, False))
        assert "up to 8 to come" in Tally(live)._bars(100).plain
        live.take(Tallied((("8", 3), ("7", 1)), 4, 8, False, "likely"))
        live.samples[0].end(chat.last.draw.samples[0].reply)
        assert Tally(live)._progress()[0] == "1 of 8 drawn: the others would hardly change it"


async def test_while_they_think_the_votes_grow_and_the_rows_stay_where_they_are():
    gate = Gate()
    quick = four("7", "8")
    app = an_app(
        *quick, *[script("8", "a\n", "b\n", Pause(1))] * 2, settings=FOUR, sleep=gate, lanes=4
    )
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        view = chat.last
        await until(pilot, lambda: view.draw.votes.ended == 2)
        await pilot.pause()
        head, bars, _ = rows(view)
        assert head.startswith("4 samples · 2 ended · 2 thinking")
        assert bars == "7 ━ 1  8 ━ 1  ┄┄ 2 to come"
        before = view.tally.region
        gate.open()
        await rest(pilot)
        await pilot.pause()
        assert view.tally.region == before


async def test_where_memory_is_short_it_says_how_many_are_drawn_at_a_time():
    gate = Gate()
    app = an_app(script("7", Pause(1)), settings=FOUR, sleep=gate, lanes=2)
    async with app.run_test(size=(100, 30)) as pilot:
        chat = await begin(pilot)
        await until(pilot, lambda: chat.last.draw.short)
        await until(pilot, lambda: "2 at a time: memory" in rows(chat.last)[0])
        assert rows(chat.last)[2].count("waits") == 2
        gate.open()
        await rest(pilot)
        assert "4 of 4 agree" in chat.last.status


async def test_again_with_samples_keeps_the_reply_before_and_shows_its_versions():
    app = an_app(script("5"), *four("7", "8", "8", "8"), lanes=4)
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        await pilot.press("alt+r")
        await until(pilot, lambda: app.screen is not chat)
        await pilot.press("enter")
        await until(pilot, lambda: len(engine_of(app).requests) == 5)
        await rest(pilot)
        assert app.preferences.samples == 1
        node = tree(chat)
        assert [each.turn.reply.final for each in node.siblings] == ["5", "7", "8", "8", "8"]
        assert node.turn.reply.final == "8"
        await pilot.press("alt+left", "alt+left")
        await until(pilot, lambda: tree(chat).turn.reply.final == "5")
        assert not chat.query(Tally)


async def test_again_with_the_number_that_is_set_asks_nothing():
    app = an_app(*four("8", "8", "8", "8"), settings=FOUR, lanes=4)
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        await pilot.press("alt+r")
        await until(pilot, lambda: len(engine_of(app).requests) == 8)
        await rest(pilot)
        # Two draws to the same question: each has its own votes.
        assert len(tree(chat).siblings) > 4
        assert len(chat.last.draw.samples) == 4


# -- steering --


async def test_answer_now_and_another_budget_hold_for_all():
    endless = [step for _ in range(300) for step in ("hm\n", Pause(0.005))]
    app = an_app([*endless, "</think>", "It is 8."], settings=FOUR, lanes=4)
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await until(pilot, lambda: all(sample.events for sample in chat.last.draw.samples))
        chat.slider.value = Budget(tokens=10_000)
        await pilot.press("ctrl+n")
        await rest(pilot)
        replies = [node.turn.reply for node in tree(chat).siblings]
        assert {reply.receipt.thought_ended_by for reply in replies} == {"user"}
        assert {reply.receipt.budget for reply in replies} == {"10000"}


async def test_escape_stops_all_and_the_majority_so_far_is_the_reply():
    gate = Gate()
    app = an_app(
        script("7"), script("8", *["on\n"] * 9, Pause(1)), settings=FOUR, lanes=4, sleep=gate
    )
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await until(pilot, lambda: chat.last.draw.votes.ended == 2)
        await pilot.press("escape")
        gate.open()
        await rest(pilot)
        assert tree(chat).turn.reply.final == "7"
        assert "2 of 4 agree" in chat.last.status
        assert "2 stopped" in rows(chat.last)[0]


async def test_what_was_stopped_before_any_ended_can_be_gone_on_with_alone():
    gate = Gate()
    scripts = [script("8", "on\n", Pause(1), "more\n")] * 4
    app = an_app(*scripts, ["rest\n", "</think>", "It is 9."], settings=FOUR, lanes=4, sleep=gate)
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await gated(pilot, chat)
        assert rows(chat.last)[1] == "no result yet  ┄┄┄┄ 4 to come"
        await pilot.press("escape")
        gate.open()
        await rest(pilot)
        assert "stopped" in chat.last.status
        head, bars, _ = rows(chat.last)
        assert (head.startswith("no answer in 4 samples"), bars) == (True, "")
        await pilot.press("ctrl+g")
        await rest(pilot)
        assert tree(chat).turn.reply.answer == "It is 9."
        assert not chat.last.tally.display
        assert "samples" not in chat.last.status


async def test_what_is_done_to_one_thought_is_not_offered_for_several():
    gate = Gate()
    app = an_app(script("8", Pause(1)), settings=FOUR, lanes=4, sleep=gate)
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await gated(pilot, chat)
        assert chat.check_action("answer_now", ())
        assert chat.check_action("think_more", ())
        assert not chat.check_action("steer", ())
        gate.open()
        await rest(pilot)


# -- looking at each --


async def test_each_can_be_looked_at_while_they_think_and_goes_on_there():
    gate = Gate()
    scripts = [script("8", Pause(1), f"end of {at}\n", words=f"start of {at}\n") for at in range(4)]
    app = an_app(*scripts, settings=FOUR, lanes=4, sleep=gate)
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        view = chat.last
        await until(pilot, lambda: all(sample.events for sample in view.draw.samples))
        assert view.thinking.view.text.strip() == "start of 0"
        await pilot.press("alt+right", "alt+right")
        assert view.thinking.view.text.strip() == "start of 2"
        assert rows(view)[2].count("▸") == 1
        assert "▸3" in rows(view)[2]
        gate.open()
        await rest(pilot)
        # It has the majority's answer, so that it stays.
        assert view.thinking.view.text.strip() == "start of 2\nend of 2"
        assert tree(chat).turn.reply.thought == "start of 2\nend of 2\n"
        assert view.node is tree(chat)


async def test_of_those_that_nobody_looks_at_nothing_is_drawn():
    gate = Gate()
    app = an_app(script("8", *["more\n"] * 50, Pause(1)), settings=FOUR, lanes=4, sleep=gate)
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        view = chat.last
        written = []
        view.thinking.write = lambda text, _: written.append(text)
        await until(pilot, lambda: all(sample.events for sample in view.draw.samples))
        gate.open()
        await rest(pilot)
        assert "".join(written).count("hm") <= 1


async def test_a_click_shows_a_sample_and_the_keys_on_the_votes_do_too():
    app = an_app(*four("7", "8", "8", "8"), settings=FOUR, lanes=4)
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        _, in_row, columns = chat.last.tally._grid(chat.last.tally.content_size.width)
        assert in_row == 4
        await pilot.click(Tally, offset=(2 + 3 * columns + 1, 2))
        await until(pilot, lambda: tree(chat).version == 4)
        await until(
            pilot, lambda: chat.last and chat.last.thinking.view.text.strip() == "thought of 3"
        )
        chat.last.tally.focus()
        await pilot.press("left")
        await until(pilot, lambda: tree(chat).version == 3)
        await pilot.press("alt+left", "alt+left")
        await until(pilot, lambda: tree(chat).version == 1)
        assert "1 of 4 gave this answer" in chat.last.status


async def test_a_stopped_sample_can_be_read_but_not_gone_on_with():
    slow = script("9", *["more\n"] * 200, words="thought of 3\n")
    app = an_app(*four("7", "7", "7"), slow, settings=FOUR, lanes=4)
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        assert chat.check_action("think_more", ())
        chat.last.look(3)
        assert chat.last.thinking.view.text.startswith("thought of 3")
        assert chat.last.astray
        assert not chat.check_action("think_more", ())
        # Another version and back: it is still there.
        await pilot.press("alt+right")
        assert not chat.last.astray
        await pilot.press("alt+right")
        await until(pilot, lambda: tree(chat).version == 2)
        assert len(chat.last.draw.samples) == 4
        chat.last.look(3)
        assert chat.last.thinking.view.text.startswith("thought of 3")


async def test_a_failure_ends_the_draw_with_its_reason():
    app = an_app(["hm\n", EngineError("no memory")], settings=FOUR, lanes=4)
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        assert "no memory" in chat.last.status
        assert not chat.last.drawing
        assert not chat.running


async def test_thoughts_that_begin_closed_stay_closed_for_every_sample():
    app = an_app(
        *four("7", "8", "8", "8"), settings=Settings(pace=0, samples=4, thoughts="hide"), lanes=4
    )
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        assert chat.last.thinking.collapsed
        await pilot.press("alt+left")
        await until(pilot, lambda: tree(chat).version == 1)
        assert chat.last.thinking.collapsed


# -- from the history --


async def test_a_stored_conversation_shows_the_votes_again():
    slow = script("9", *["more\n"] * 200)
    app = an_app(*four("7", "7", "7"), slow, REPLY, settings=FOUR, lanes=4)
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        name = chat.shown_id
        await pilot.press("f9")
        chat.conversation.drawn = None
        assert await chat.open_conversation(name)
        await pilot.pause()
        head, bars, samples = rows(chat.last)
        assert head.startswith("3 of 4 agree on 7 · 1 stopped")
        assert bars == "7 ━━━ 3"
        assert samples.split() == ["▸1", "7", "2", "7", "3", "7"]
        assert "3 of 4 agree on" in chat.last.status
        await pilot.press("alt+right")
        await until(pilot, lambda: tree(chat).version == 2)
        assert "▸2" in rows(chat.last)[2]


# -- how it looks --


@pytest.mark.parametrize(
    ("columns", "samples", "high"), [(76, 8, 3), (76, 16, 4), (34, 8, 4), (93, 16, 4)]
)
async def test_the_samples_take_as_few_rows_as_the_width_allows(columns, samples, high):
    from r1chat.tui.samples import Draw

    assert Tally(Draw(samples)).get_content_height(None, None, columns) == high


async def test_answers_of_any_kind_stay_in_their_columns():
    finals = ["\x1bc" + "red" * 20, "四十二" * 20, "[bold]x[/bold]", "seven"]
    scripts = [["hm\n", "</think>", f"\\boxed{{{final}}}"] for final in finals]
    app = an_app(*scripts, settings=FOUR, lanes=4)
    async with app.run_test(size=(60, 24)) as pilot:
        chat = await ask(pilot)
        tally = chat.last.tally
        lines = tally.render().split("\n")
        assert max(line.cell_length for line in lines) <= tally.content_size.width, lines
        assert len(lines) == tally.size.height
        assert "\x1b" not in str(tally.render())
        assert "[bold]" in str(tally.render())


# -- from a paragraph of a thought --


async def test_a_key_draws_samples_from_the_chosen_paragraph_of_a_thought():
    gate = Gate()
    first = ["first.\n\n", "second.\n\n", "third.\n", "</think>", "It is $\\boxed{4}$."]
    others = [script(final, Pause(1), words=f"way {final}\n") for final in ("5", "6", "5", "5")]
    app = an_app(first, *others, sleep=gate, lanes=4)
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        chat.last.thinking.view.focus()
        # Not without a paragraph.
        await pilot.press("ctrl+k")
        assert len(engine_of(app).requests) == 1
        await pilot.press(*["ctrl+up"] * 3, "ctrl+k")
        await until(pilot, lambda: chat.last.drawing and chat.last.draw.samples[3].events)
        forks = engine_of(app).requests[1].forks
        assert len(forks) == 4
        assert {(each.keep, each.fork.at, each.words) for each in forks} == {(7, 7, "")}
        # While they go on, each is shown with what they share.
        for number, final in enumerate(("5", "6")):
            await until(
                pilot,
                lambda final=final: (
                    chat.last.thinking.view.text.split() == ["first.", "way", final]
                ),
            )
            if not number:
                await pilot.press("alt+right")
        gate.open()
        await rest(pilot)
        assert rows(chat.last)[0].startswith("3 of 4 agree on 5")
        node = tree(chat)
        assert [each.turn.reply.final for each in node.siblings] == ["4", "5", "6", "5", "5"]
        assert node.turn.reply.receipt.fork.at == 7
        assert node.turn.reply.thought.startswith("first.\n")
        assert [act.kind for act in node.turn.origin.acts] == ["back"]
        # The one before them is a version like any other.
        while tree(chat).turn.reply.final != "4":
            await pilot.press("alt+left")
            await pilot.pause()
        assert not chat.query(Tally)
