"""Measures saved states: what they spare, what they cost, and what they survive.

Each part prints lines, and appends what it measured to a file, so that a run that was broken off
goes on where it was: parts that are in the file already are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r1chat import compose, paths
from r1chat.conversation import Conversation
from r1chat.engine.base import Continuation, Engine, Message, Request, Sampling
from r1chat.engine.llama import LlamaEngine
from r1chat.engine.states import StateKeeper
from r1chat.events import AnswerText, Evaluating, Event, InjectedText, Reply, ThoughtText
from r1chat.history import History
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control
from r1chat.session import Session
from r1chat.states import States

if TYPE_CHECKING:
    from typing_extensions import Self

_GREEDY = Sampling(temperature=0)
_QUESTION = "What is 44 + 41 + 25?"
_LEAST_THOUGHT = 1500
_PACE = 60.0
"""Tokens a second of a thought that is to be killed: about what a real model writes."""
_WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "while", "seven")


def text_of(words: int, seed: int = 0) -> str:
    """Some words that no other seed has."""
    rng = random.Random(seed)
    return " ".join(rng.choice(_WORDS) for _ in range(words))


def reply_to(engine: Engine, request: Request) -> tuple[Reply, list[Event]]:
    """Asks, and returns the reply and all events."""
    events = list(engine.stream(request, Control(request.budget)))
    reply = events[-1]
    assert isinstance(reply, Reply)
    assert reply.error is None, reply.error
    return reply, events


def request_of(*texts: str, state: str, answer: int) -> Request:
    """A conversation whose last text is the question."""
    roles: tuple[Any, ...] = ("user", "assistant")
    messages = tuple(Message(roles[i % 2], text) for i, text in enumerate(texts))
    budget = Budget(tokens=64)
    return Request(messages, budget, sampling=_GREEDY, max_answer=answer, state=state)


def keeper_of(engine: Engine) -> StateKeeper | None:
    """What saves an engine's states."""
    assert isinstance(engine, LlamaEngine)
    return engine._keeper  # noqa: SLF001  (nobody else needs to know of it)


def flush(engine: Engine) -> None:
    """Waits until all that was to be saved is written."""
    keeper = keeper_of(engine)
    assert isinstance(engine, LlamaEngine)
    assert keeper is not None
    engine.inside(lambda _: keeper._writer.flush(60))  # noqa: SLF001


def reads(events: list[Event]) -> Evaluating:
    """What was read of a prompt, and what was not."""
    return next(event for event in events if isinstance(event, Evaluating))


# -- in a process of their own, which may be killed --


def first_turn(model: str, words: int) -> None:
    """Asks, and waits to be killed once all is saved."""
    engine = compose.load(model, states=States())
    reply, _ = reply_to(engine, request_of(text_of(words), state="talk", answer=24))
    flush(engine)
    print(json.dumps({"answer": reply.answer}), flush=True)
    time.sleep(600)


def next_turn(model: str, words: int, answer: str, *, saved: bool) -> None:
    """Asks the next question, and says how long the first token took."""
    engine = compose.load(model, states=States() if saved else None)
    request = request_of(text_of(words), answer, "And now in one word?", state="talk", answer=24)
    reply, events = reply_to(engine, request)
    receipt = reply.receipt
    found = {
        "first_token_s": receipt.first_token_s,
        "tokens": receipt.prompt_tokens,
        "reused": reads(events).reused,
        "answer": reply.answer,
    }
    print(json.dumps(found), flush=True)
    engine.close()


def think(resumes: bool) -> None:  # noqa: FBT001  (from the command line)
    """Thinks at a steady pace, and prints each piece; or continues the last thought."""
    history = History()
    history.open()
    engine = compose.load("tiny", states=States())
    control = Control(Budget(minimum=0 if resumes else _LEAST_THOUGHT), None if resumes else _PACE)
    control.max_waits = 1000
    loaded = history.store.load(history.store.last() or "") if resumes else None
    tree = loaded.conversation if loaded is not None else Conversation()
    session = Session(engine, prepare=False, conversation=tree, recorder=history)
    resume = parent = None
    if resumes:
        node = tree.last()
        assert node.turn is not None
        resume, parent = Continuation(node.turn.reply), node.parent
    for event in session.ask(
        _QUESTION, control=control, sampling=_GREEDY, resume=resume, parent=parent
    ):
        if isinstance(event, (ThoughtText, InjectedText)) and not resumes:
            print(json.dumps(event.text), flush=True)
        elif isinstance(event, Evaluating) and resumes and event.done == event.reused:
            print(json.dumps([event.reused, event.total]), flush=True)
        elif isinstance(event, Reply) and resumes:
            print(json.dumps([event.thought, event.answer, event.error]), flush=True)
    engine.close()
    history.close()


# -- the parts --


class Bench:
    """Runs the parts that are not in a file of results yet.

    Args:
        options: Of the command line.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._model = options.model
        self._words = options.words
        self._kills = options.kills
        self._rounds = options.rounds
        self._out = Path(options.out)
        self._done = {}
        if self._out.is_file():
            lines = self._out.read_text(encoding="utf-8").splitlines()
            self._done = {each["part"]: each for each in map(json.loads, lines)}

    def run(self, parts: list[str]) -> None:
        """Runs some parts."""
        for part in parts:
            if part not in self._done:
                with tempfile.TemporaryDirectory() as home:
                    os.environ["R1CHAT_HOME"] = home
                    found = getattr(self, part)()
                with self._out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"part": part, **found}) + "\n")
                self._done[part] = found
            print(part, json.dumps(self._done[part]), flush=True)

    def _child(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, __file__, "--model", self._model, "--words", str(self._words)]
        return subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True)

    def _said(self, *arguments: str) -> Any:  # noqa: ANN401  (a line of JSON)
        child = self._child(*arguments)
        out, _ = child.communicate()
        assert child.returncode == 0, child.returncode
        return json.loads(out.splitlines()[-1])

    def start(self) -> dict[str, object]:
        """A process is killed and another continues: time to the next token, and reading again."""
        child = self._child("--child", "first")
        assert child.stdout is not None
        answer = json.loads(child.stdout.readline())["answer"]
        child.kill()
        child.wait()
        size = sum(each.size for each in States().entries())
        ratios = []
        saved = fresh = {}
        for _ in range(self._rounds):
            kept = paths.states()
            shutil.copytree(kept, kept.with_name("kept"))
            saved = self._said("--child", "saved", "--answer", answer)
            shutil.rmtree(kept)
            kept.with_name("kept").rename(kept)
            fresh = self._said("--child", "fresh", "--answer", answer)
            ratios.append(saved["first_token_s"] / fresh["first_token_s"])
        return {
            "ratio": statistics.median(ratios),
            "saved": saved,
            "fresh": fresh,
            "bytes": size,
            "same": saved["answer"] == fresh["answer"],
        }

    def greedy(self) -> dict[str, object]:
        """How many continuations are the same after loading, and after reading again."""
        same = as_fresh = loaded = 0
        count = 50
        for number in range(count):
            shutil.rmtree(paths.states(), ignore_errors=True)
            question = f"{text_of(60, number)}\nWhat is {number} + 41 + 25?"
            with closing(compose.load("tiny", states=States())) as engine:
                reply, _ = reply_to(engine, request_of(question, state="talk", answer=24))
                flush(engine)
                request = request_of(
                    question, reply.answer or "?", f"What is {number} + 7?", state="talk", answer=40
                )
                shutil.copytree(paths.states(), paths.states().with_name("kept"))
                expected, _ = reply_to(engine, request)
            shutil.rmtree(paths.states())
            paths.states().with_name("kept").rename(paths.states())
            with closing(compose.load("tiny", states=States())) as engine:
                again, events = reply_to(engine, request)
            with closing(compose.load("tiny")) as engine:
                fresh, _ = reply_to(engine, request)
            loaded += reads(events).reused > 0
            same += again.ids == expected.ids
            as_fresh += again.ids == fresh.ids
        return {"of": count, "loaded": loaded, "same": same, "as_read_anew": as_fresh}

    def kill(self) -> dict[str, object]:
        """Kills a process in its thought, and has another continue."""
        whole = ""
        lost, left, failed, misled, unreadable = [], [], 0, 0, 0
        rng = random.Random(1)
        for _ in range(self._kills):
            shutil.rmtree(os.environ["R1CHAT_HOME"])
            child = self._child("--child", "think")
            told, killed = _told_until(child, rng.uniform(0.3, 4))
            unreadable += sum(each.saved is None for each in States().entries())
            again = self._child("--child", "resume")
            out, _ = again.communicate()
            lines = [json.loads(each) for each in out.splitlines()]
            if again.returncode or len(lines) < 2 or lines[-1][2]:
                failed += 1
                continue
            kept = _kept()
            spoken = ""
            for when, text in told:
                spoken += text
                if not kept.startswith(spoken[: len(kept)]) or len(spoken) > len(kept):
                    lost.append(killed - when)
                    break
            left.append(lines[0][1] - lines[0][0])
            whole = max(whole, lines[-1][0], key=len)
            misled += not lines[-1][0].startswith(kept)
        return {
            "kills": self._kills,
            "most_lost_s": max(lost, default=0.0),
            "read_again_tokens": statistics.median(left),
            "failed": failed,
            "misled": misled,
            "unreadable": unreadable,
        }

    def stream(self) -> dict[str, object]:
        """Tokens a second with states saved and without, and the longest stall of a thread."""
        speeds: dict[bool, list[float]] = {True: [], False: []}
        costs: dict[bool, list[float]] = {True: [], False: []}
        stalls: dict[bool, list[float]] = {True: [], False: []}
        copies: list[float] = []
        # One engine for both: another would have other threads.
        with closing(compose.load(self._model, states=States())) as engine:
            assert isinstance(engine, LlamaEngine)
            keeper = keeper_of(engine)
            for number in range(4 * self._rounds):
                on = number % 4 in {0, 3}
                engine._keeper = keeper if on else None  # noqa: SLF001
                request = Request(
                    (Message("user", text_of(60, number // 2) + "\nWrite a long story."),),
                    sampling=_GREEDY,
                    max_answer=150,
                    state=f"talk-{number}",
                )
                events = engine.stream(request, Control(request.budget))
                next(event for event in events if isinstance(event, AnswerText))
                began = time.process_time()
                with Heartbeat() as beat:
                    *_, reply = events
                assert isinstance(reply, Reply)
                costs[on].append((time.process_time() - began) / reply.receipt.answer_tokens)
                speeds[on].append(reply.receipt.tokens_per_s)
                stalls[on].append(beat.longest)
                assert keeper is not None
                copies += [keeper._took] if on else []  # noqa: SLF001
        pairs = zip(speeds[True], speeds[False], strict=True)
        cpu = zip(costs[True], costs[False], strict=True)
        return {
            "ratio": statistics.median(one / other for one, other in pairs),
            "processor_ratio": statistics.median(one / other for one, other in cpu),
            "with": statistics.median(speeds[True]),
            "without": statistics.median(speeds[False]),
            "stall_with_s": statistics.median(stalls[True]),
            "stall_without_s": statistics.median(stalls[False]),
            "longest_copy_s": max(copies),
        }


class Heartbeat:
    """A thread that wants to run all the time, as the screen's does."""

    def __enter__(self) -> Self:
        self.longest = 0.0
        self._over = False
        self._thread = threading.Thread(target=self._beat)
        self._thread.start()
        return self

    def _beat(self) -> None:
        last = time.perf_counter()
        while not self._over:
            time.sleep(0.005)
            now = time.perf_counter()
            self.longest = max(self.longest, now - last - 0.005)
            last = now

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._thread.join()


def _told_until(
    child: subprocess.Popen[str], seconds: float
) -> tuple[list[tuple[float, str]], float]:
    """What a child tells, each piece with its time, until it is killed; and when that was."""
    assert child.stdout is not None
    told: list[tuple[float, str]] = []
    for text in child.stdout:
        now = time.monotonic()
        told.append((now, json.loads(text)))
        if now > told[0][0] + seconds:
            break
    child.kill()
    killed = time.monotonic()
    child.wait()
    return told, killed


def _kept() -> str:
    """The thought that the history had of the process that was killed."""
    history = History()
    history.open()
    loaded = history.store.load(history.store.last() or "")
    history.close()
    assert loaded is not None
    first = loaded.conversation.root.children[0]
    assert first.turn is not None
    return first.turn.reply.thought


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help="start, greedy, kill, stream; default: all")
    parser.add_argument("--model", default="tiny", help="for start and stream; default: tiny")
    parser.add_argument("--words", type=int, default=1000, help="of the conversation")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", default="bench_state.jsonl", help="results so far, and new ones")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--answer", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    match options.child:
        case "first":
            first_turn(options.model, options.words)
        case "saved" | "fresh" as how:
            next_turn(options.model, options.words, options.answer, saved=how == "saved")
        case "think" | "resume" as how:
            think(how == "resume")
        case _:
            Bench(options).run(options.parts or ["start", "greedy", "kill", "stream"])


if __name__ == "__main__":
    main()
