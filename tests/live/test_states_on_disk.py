"""What a model has read outlives its process: saved a little at a time, loaded as it was."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from r1chat import paths
from r1chat.compose import resolve
from r1chat.engine.base import Continuation, Message, Request, Sampling
from r1chat.engine.context import ContextOptions
from r1chat.engine.llama import LlamaEngine, LoadOptions
from r1chat.engine.loading import free_model, open_model
from r1chat.engine.machine import MAIN, TokenMachine
from r1chat.engine.native import AbortByte, api
from r1chat.events import Evaluating, Event, Receipt, Reply, Sampled, ThoughtText
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control, ControlGroup
from r1chat.states import States
from tests.conftest import ROOT, Run
from tests.factory import write_model
from tests.kinds import KINDS, STATEFUL, write_kind

GREEDY = Sampling(temperature=0)
LONG = "one two three four five six seven eight nine ten " * 3
READ = 100
"""Tokens of it, rather fewer than more."""
TALK = "talk"


def engine_of(path: Path, *, states: bool = True, ctx: int = 1024) -> LlamaEngine:
    options = LoadOptions(trusted=True, ctx=ctx, states=States() if states else None)
    return LlamaEngine(path, options=options)


def request_of(
    messages: Sequence[Message], *, tokens: int = 24, state: str = TALK, **others: Any
) -> Request:
    return Request(
        tuple(messages),
        budget=Budget(tokens=tokens),
        sampling=GREEDY,
        max_answer=12,
        state=state,
        **others,
    )


def reply_to(engine: LlamaEngine, request: Request) -> Reply:
    *_, last = engine.stream(request, Control(request.budget))
    assert isinstance(last, Reply)
    assert last.error is None
    return last


def talk(*texts: str) -> list[Message]:
    return [
        Message("assistant" if number % 2 else "user", text) for number, text in enumerate(texts)
    ]


def settle(engine: LlamaEngine) -> None:
    """Waits until all that was to be saved is written."""

    def flush(_: object) -> None:
        assert engine._keeper is not None
        assert engine._keeper._writer.flush(60)

    engine.inside(flush)


def files() -> list[Path]:
    return [each.path for each in States().entries()]


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_kind(tmp_path_factory.mktemp("kinds") / f"{request.param}.gguf", request.param)


@pytest.fixture
def model(random_models: dict[str, Path]) -> Path:
    return random_models["r1"]


def logits(machine: TokenMachine) -> np.ndarray[Any, Any]:
    found = api.llama_get_logits_ith(machine.context.handle, -1)
    return np.ctypeslib.as_array(found, (machine.vocabulary.size,)).copy()


def test_a_loaded_state_goes_on_to_the_bit_like_the_one_that_was_saved(kind: Path) -> None:
    model = open_model(kind)
    sizes = ContextOptions(512, 1, 1)
    machines = [TokenMachine(model, sizes, AbortByte()) for _ in range(2)]
    tokens = [Random(3).randrange(256) for _ in range(60)]
    try:
        ours, other = machines
        ours.evaluate(tokens[:40])
        for token in tokens[40:50]:
            ours.evaluate([token])
        steps = [(0, 17), (17, 18), (18, 50)] if ours.in_parts else [(0, 50)]
        for first, last in steps:
            data = ours.state(MAIN, first, last)
            assert data is not None
            assert other.add_state(tokens[first:last], bytearray(data))
        assert other.tokens(MAIN) == tokens[:50]
        for token in tokens[50:]:
            for machine in machines:
                machine.evaluate([token])
            assert (logits(ours) == logits(other)).all()
        assert ours.in_parts == (kind.stem not in STATEFUL | {"gemma3"})
    finally:
        for machine in machines:
            machine.close()
        free_model(model)


def test_a_state_that_does_not_fit_leaves_an_empty_or_the_same_sequence(kind: Path) -> None:
    model = open_model(kind)
    machine = TokenMachine(model, ContextOptions(512, 1, 1), AbortByte())
    try:
        machine.evaluate(list(range(20)))
        data = machine.state(MAIN, 0, 20)
        assert data is not None
        machine.clear()
        for bad in (bytearray(), bytearray(data)[:-1], bytearray(data)[:9], bytearray(8)):
            assert not machine.add_state(list(range(20)), bad)
            assert machine.position == 0
        assert not machine.add_state(list(range(19)), bytearray(data))
        machine.evaluate([1, 2, 3])
        assert machine.position == 3
    finally:
        machine.close()
        free_model(model)


def test_a_conversation_of_every_kind_is_not_read_again_by_the_next_process(kind: Path) -> None:
    first = talk(LONG)
    with closing(engine_of(kind)) as engine:
        reply = reply_to(engine, request_of(first))
        messages = [*first, Message("assistant", reply.answer), *talk("And then?")]
        engine.prepare(tuple(messages[:-1]), state=TALK)
        engine.wait_ahead()
        expected = reply_to(engine, replace(request_of(messages), state=""))
    with closing(engine_of(kind)) as engine:
        again = reply_to(engine, request_of(messages))
    assert (again.thought, again.answer) == (expected.thought, expected.answer)
    receipt, other = again.receipt, expected.receipt
    assert receipt.prompt_tokens == other.prompt_tokens
    assert receipt.prompt_reused_tokens >= other.prompt_reused_tokens > READ


def test_without_reading_ahead_the_prompt_is_still_there(kind: Path) -> None:
    first = talk(LONG)
    with closing(engine_of(kind)) as engine:
        reply = reply_to(engine, request_of(first))
    messages = [*first, Message("assistant", reply.answer), *talk("And then?")]
    with closing(engine_of(kind)) as engine:
        again = reply_to(engine, request_of(messages))
    assert again.receipt.prompt_reused_tokens > READ
    with closing(engine_of(kind, states=False)) as engine:
        assert reply_to(engine, request_of(messages)).receipt.prompt_reused_tokens == 0


def broken_off(engine: LlamaEngine, request: Request, thought: int) -> Reply:
    """A reply as the history has it of a process that was killed after so much of a thought."""
    text = ""
    control = Control(request.budget)
    events: Iterator[Event] = engine.stream(request, control)
    for event in events:
        if isinstance(event, ThoughtText):
            text += event.text
        if len(text) > thought:
            break
    # What is saved at the end is what a process that is killed cannot save.
    engine._keeper = None
    control.cancel()
    list(events)
    return Reply(text, "", Receipt(ended_by="cancelled", answer_ended_by="cancelled"))


def test_a_thought_goes_on_from_the_state_that_was_saved_while_it_was_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("r1chat.engine.states._SHARE", 1e9)
    monkeypatch.setattr("r1chat.engine.states._LEAST", 8)
    path = resolve("tiny")
    request = request_of(talk("What is 44 + 41 + 25?"), tokens=400)
    with closing(engine_of(path, states=False)) as engine:
        whole = reply_to(engine, request)
    with closing(engine_of(path)) as engine:
        killed = broken_off(engine, request, len(whole.thought) // 2)
        keeper = engine._keeper
    assert keeper is None
    with closing(engine_of(path)) as engine:
        events = list(
            engine.stream(replace(request, resume=Continuation(killed)), Control(request.budget))
        )
    reply = events[-1]
    assert isinstance(reply, Reply)
    assert (reply.thought, reply.answer) == (whole.thought, whole.answer)
    read = next(event for event in events if isinstance(event, Evaluating))
    assert reply.receipt.prompt_tokens < read.reused < read.total < read.reused + 16


def test_samples_are_drawn_behind_what_was_saved_and_save_what_they_share(kind: Path) -> None:
    request = request_of(talk(LONG))
    for read in (0, READ):
        with closing(engine_of(kind)) as engine:
            events = list(engine.stream_many(request, ControlGroup(Control(request.budget), 3)))
        replies = [each.event for each in events if isinstance(each, Sampled)]
        assert sum(isinstance(each, Reply) and not each.error for each in replies) == 3
        (found,) = [each for each in events if isinstance(each, Evaluating)][:1]
        assert found.reused >= read
        assert bool(found.reused) is bool(read)


def test_a_full_context_begins_where_an_earlier_process_had_it_begin(model: Path) -> None:
    messages: list[Message] = []
    with closing(engine_of(model, ctx=512)) as engine:
        for number in range(15):
            messages.append(Message("user", f"Question {number}: {'why ' * 8}?"))
            reply_to(engine, request_of(messages))
            messages.append(Message("assistant", f"It is {number}."))
            engine.prepare(tuple(messages), state=TALK)
            engine.wait_ahead()
        assert engine._window.left_out > 2
        settle(engine)
        messages.append(Message("user", "And now?"))
        expected = reply_to(engine, replace(request_of(messages), state="")).receipt
    with closing(engine_of(model, ctx=512)) as engine:
        receipt = reply_to(engine, request_of(messages)).receipt
    assert receipt.prompt_tokens == expected.prompt_tokens
    assert receipt.prompt_reused_tokens == expected.prompt_reused_tokens > READ


def changed(path: Path, rng: Random) -> None:
    data = bytearray(path.read_bytes())
    match rng.randrange(4):
        case 0:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        case 1:
            del data[rng.randrange(len(data)) :]
        case 2:
            at = rng.randrange(len(data))
            data[at : at + 64] = rng.randbytes(64)
        case _:
            data = bytearray(rng.randbytes(rng.randrange(3 * len(data))))
    path.write_bytes(data)


@pytest.mark.parametrize("tries", [12, pytest.param(1000, marks=pytest.mark.long)])
def test_damaged_states_are_read_again_and_replaced(model: Path, tries: int) -> None:
    rng = Random(tries)
    messages = talk(LONG)
    with closing(engine_of(model)) as engine:
        expected = reply_to(engine, request_of(messages))
    (path,) = files()
    good = path.read_bytes()
    with closing(engine_of(model)) as engine:
        # The cache of this process has nothing of it either.
        for _ in range(tries):
            settle(engine)
            path.write_bytes(good)
            changed(path, rng)
            reply_to(engine, request_of(talk("x"), state=""))
            reply = reply_to(engine, request_of(messages))
            assert reply.thought == expected.thought
            assert reply.receipt.prompt_reused_tokens < 20
    assert len(files()) == 1
    with closing(engine_of(model)) as engine:
        assert reply_to(engine, request_of(messages)).receipt.prompt_reused_tokens > READ


def test_a_state_that_takes_the_process_down_is_not_loaded_again(
    model: Path, run_python: Run
) -> None:
    with closing(engine_of(model)) as engine:
        reply_to(engine, request_of(talk(LONG)))
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from r1chat.engine.machine import TokenMachine\n"
        "from tests.live.test_states_on_disk import *\n"
        "TokenMachine.add_state = lambda *_: os.abort()\n"
        "reply_to(engine_of(Path(sys.argv[1])), request_of(talk(LONG)))\n"
    )
    assert run_python("-c", code, str(model), cwd=ROOT).returncode < 0
    with closing(engine_of(model)) as engine:
        assert reply_to(engine, request_of(talk(LONG))).receipt.prompt_reused_tokens == 0
    with closing(engine_of(model)) as engine:
        assert reply_to(engine, request_of(talk(LONG))).receipt.prompt_reused_tokens > READ


def nothing_changed(path: Path, tmp_path: Path) -> Path:
    del tmp_path
    return path


def touched(path: Path, tmp_path: Path) -> Path:
    shutil.copyfile(path, there := tmp_path / "model.gguf")
    return there


def other_weights(path: Path, tmp_path: Path) -> Path:
    """The same header, and weights of which one byte in the middle differs; the same times."""
    there = tmp_path / "model.gguf"
    data = bytearray(path.read_bytes())
    data[len(data) // 2 + 5] ^= 1
    there.write_bytes(data)
    status = path.stat()
    os.utime(there, ns=(status.st_atime_ns, status.st_mtime_ns))
    return there


@pytest.mark.parametrize(
    ("change", "fits"), [(nothing_changed, True), (touched, False), (other_weights, False)]
)
def test_a_state_fits_the_file_that_it_was_made_with_and_no_other(
    change: Callable[[Path, Path], Path], fits: bool, model: Path, tmp_path: Path
) -> None:
    with closing(engine_of(model)) as engine:
        reply_to(engine, request_of(talk(LONG)))
    (ours,) = files()
    other = change(model, tmp_path)
    with closing(engine_of(other)) as engine:
        key = engine.inside(lambda loaded: loaded.state_key)
        if not fits:
            # As if the two had the same name.
            shutil.copyfile(ours, ours.with_name(f"{ours.name.partition('-')[0]}-{key[:20]}.state"))
        reply = reply_to(engine, request_of(talk(LONG)))
    assert (reply.receipt.prompt_reused_tokens > 0) is fits


def test_a_conversation_without_a_name_leaves_nothing(model: Path) -> None:
    with closing(engine_of(model)) as engine:
        reply_to(engine, request_of(talk(LONG), state=""))
        engine.prepare(tuple(talk(LONG, "Yes.")))
        engine.wait_ahead()
    assert files() == []


def test_conversations_by_turns_have_each_their_own(model: Path) -> None:
    texts = {name: f"{name} {LONG}" for name in ("first", "second")}
    with closing(engine_of(model)) as engine:
        for name in [*texts, *texts]:
            reply = reply_to(engine, request_of(talk(texts[name]), state=name))
            engine.prepare(tuple(talk(texts[name], reply.answer)), state=name)
    # The second time each of them was loaded.
    assert reply.receipt.prompt_reused_tokens > READ
    assert len(files()) == 2


def test_two_engines_with_one_conversation_do_not_mislead_each_other(model: Path) -> None:
    with closing(engine_of(model)) as one, closing(engine_of(model)) as other:
        for text in ("a", "b", "c"):
            for engine in (one, other):
                messages = talk(LONG, "Yes.", text * 3)
                reply = reply_to(engine, request_of(messages))
                settle(engine)
                fresh = reply_to(one, request_of(messages, state="", reuse=False))
                assert reply.thought[:8] == fresh.thought[:8]
    with closing(engine_of(model)) as engine:
        assert reply_to(engine, request_of(messages)).receipt.prompt_reused_tokens > READ


def test_models_that_are_made_alike_do_not_share_states(model: Path, tmp_path: Path) -> None:
    twin = write_model(tmp_path / "twin.gguf", seed=1)
    with closing(engine_of(model)) as engine:
        reply_to(engine, request_of(talk(LONG)))
    with closing(engine_of(twin)) as engine:
        assert reply_to(engine, request_of(talk(LONG))).receipt.prompt_reused_tokens == 0
    assert len(files()) == 2


def asked(run_python: Run, *arguments: str) -> dict[str, Any]:
    done = run_python("-m", "r1chat", "ask", "--format", "json", *arguments)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_ask_continues_what_an_earlier_process_has_read(run_python: Run) -> None:
    first = asked(run_python, "What is 44 + 41 + 25?")
    (path,) = files()
    again = asked(run_python, "-c", "What is 2 + 2?")
    assert first["receipt"]["prompt_reused_tokens"] == 0
    assert again["receipt"]["prompt_reused_tokens"] >= first["receipt"]["prompt_tokens"] - 3
    saved = States().entries()[0].saved
    assert saved is not None
    assert saved.origin.conversation == first["conversation"]
    assert run_python("-m", "r1chat", "history", "rm", first["conversation"], "-y").returncode == 0
    assert files() == [path]
    purge = ("history", "rm", "--purge", first["conversation"], "-y")
    assert run_python("-m", "r1chat", *purge).returncode == 0
    assert files() == []


@pytest.mark.parametrize("off", ["--no-save", "keep_state", "state_space"])
def test_whoever_wants_no_state_has_none(off: str, run_python: Run) -> None:
    asked(run_python, "What is 2 + 2?")
    (path,) = files()
    path.unlink()
    if off != "--no-save":
        value = {"keep_state": "off", "state_space": "0"}[off]
        assert run_python("-m", "r1chat", "settings", "set", off, value).returncode == 0
    options = [off] if off == "--no-save" else []
    found = asked(run_python, "-c", *options, "What is 4 + 4?")
    assert found["receipt"]["prompt_reused_tokens"] == 0
    assert files() == []


def test_history_state_shows_and_clears_what_is_kept(run_python: Run) -> None:
    def state(*arguments: str) -> tuple[str, str]:
        done = run_python("-m", "r1chat", "history", "state", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    ids = [asked(run_python, f"What is {n} + 2?")["conversation"] for n in (2, 3)]
    (paths.states() / "bad.state").write_bytes(b"nothing")
    table, said = state()
    assert all(each[:8] in table for each in ids)
    assert "What is 3 + 2?" in table
    assert "(cannot be read)" in table
    assert "3 saved states" in said
    assert "at most" in said
    (found,) = json.loads(state("--format", "json", ids[0][:6])[0])["states"]
    assert (found["conversation"], found["model"]) == (ids[0], "tiny")
    assert "1 saved state removed" in state("--clear", ids[0])[1]
    assert len(files()) == 2
    assert "2 saved states removed" in state("--clear")[1]
    assert files() == []
