#!/usr/bin/env python3
"""Measures what a thought brings a real model, by the way it is asked for, cut and closed.

For each question a model writes one thought in each style, greedily. Each thought is then cut at
every budget, and at its end, and closed by r1chat's words (or, with `--every`, by all that were
tried), in copies of its sequence: all of them are compared on the same thoughts, at the price of a
few tokens each.

    scripts/bench_thinking run --questions gsm8k.jsonl -o FILE.jsonl   # hours; goes on where it was
    scripts/bench_thinking show FILE.jsonl

Questions are JSON lines as `r1chat eval` reads them. A file of results has a line a question, with
all texts. Intervals are Wilson's, of differences the bootstrap's, as in docs/evaluation.md.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import report

from r1chat.engine import native
from r1chat.engine.native import api
from r1chat.evaluation.intervals import accuracy, difference
from r1chat.evaluation.reading import read
from r1chat.reasoning.equality import same_answer
from r1chat.reasoning.final import last_box
from r1chat.reasoning.phrases import ANSWER, BOX, CLOSE, LANDING, OPEN
from scripts.real.models import path_of

R1_WORDS = r"Please reason step by step, and put your final answer within \boxed{}."
SYSTEM = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
CHATML = (
    "<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{user}<|im_end|>\n"
    "<|im_start|>assistant\n{begun}"
)
SHORT = "Think in short lines, one step a line, without explanations."
STYLES = {
    "plain": (R1_WORDS, ""),
    "think": (R1_WORDS, f"{OPEN}\n"),
    "short": (f"{R1_WORDS}\n{SHORT}", f"{OPEN}\n"),
    "sums": (f"{R1_WORDS}\nThink in short lines, one sum a line, without words.", f"{OPEN}\n"),
    "step": (R1_WORDS, f"{OPEN}\nLet's think step by step."),
}
"""What stands behind the question, and what the reply begins with."""
BUDGETS = (64, 128, 256)
SHORTEST = 24
"""Tokens of an answer behind an opened box."""
LONGEST = {"box": SHORTEST, "landing": SHORTEST, "heading": 48, "bare": 96}
_MARKERS = (False, True)
"""No token that begins a text by itself, and markers that are markers."""
_YES = True
_CONTEXT, _BATCH, _SEQUENCES = 8192, 512, 32


@dataclass
class Row:
    """A sequence that is being written."""

    sequence: int
    position: int
    """Tokens of it that are in the cache."""
    next: int
    """The token that comes next."""
    ids: list[int] = field(default_factory=list)
    text: bytes = b""
    ended: bool = False
    """Whether the model ended it."""
    done: bool = False


class Model:
    """llama.cpp's model, with many sequences in one cache.

    Args:
        path: The file.
        threads: Threads that compute.
    """

    def __init__(self, path: Path, threads: int) -> None:
        native.start()
        self._model = api.llama_model_load_from_file(
            str(path).encode(), api.llama_model_default_params()
        )
        assert self._model, f"{path} cannot be loaded"
        self._vocabulary = api.llama_model_get_vocab(self._model)
        self._size = api.llama_vocab_n_tokens(self._vocabulary)
        params = api.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch = _CONTEXT, _BATCH, _BATCH // 2
        params.n_seq_max, params.kv_unified = _SEQUENCES, True
        params.n_threads = params.n_threads_batch = threads
        params.flash_attn_type = api.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self._context = api.llama_init_from_model(self._model, params)
        self._memory = api.llama_get_memory(self._context)
        self._batch = api.llama_batch_init(_BATCH, 0, 1)
        self._ends = {
            token for token in range(self._size) if api.llama_vocab_is_eog(self._vocabulary, token)
        }

    def tokens(self, text: str) -> list[int]:
        """Tokens of a text in which markers are markers."""
        data = text.encode()
        room = (ctypes.c_int32 * (len(data) + 16))()
        count = api.llama_tokenize(self._vocabulary, data, len(data), room, len(room), *_MARKERS)
        return list(room[:count])

    def clear(self) -> None:
        """Forgets all sequences."""
        api.llama_memory_clear(self._memory, _YES)

    def begin(self, sequence: int, text: str) -> Row:
        """Reads a text into an empty sequence."""
        tokens = self.tokens(text)
        return Row(sequence, len(tokens), self._read(sequence, tokens, 0))

    def fork(self, row: Row, kept: int, sequence: int, words: str) -> Row:
        """Copies a sequence up to so many of its written tokens, and puts words behind them."""
        at = row.position + kept
        api.llama_memory_seq_cp(self._memory, row.sequence, sequence, 0, at)
        tokens = self.tokens(words)
        return Row(sequence, at + len(tokens), self._read(sequence, tokens, at))

    def write(self, rows: list[Row], most: Callable[[Row], bool]) -> None:
        """Writes sequences side by side, greedily, until each has ended.

        Args:
            rows: The sequences.
            most: Says whether one is long enough.
        """
        while True:
            for row in rows:
                if not row.done and row.next in self._ends:
                    row.ended = row.done = True
                elif not row.done:
                    row.ids.append(row.next)
                    row.text += self._piece(row.next)
                    row.done = most(row)
            live = [row for row in rows if not row.done]
            if not live:
                return
            last = [(row.ids[-1], row.position + len(row.ids) - 1, row.sequence) for row in live]
            self._decode(last, range(len(live)))
            for at, row in enumerate(live):
                row.next = self._likeliest(at)

    def kept(self, row: Row) -> int:
        """How many written tokens are in the cache."""
        return len(row.ids) - (0 if row.ended else 1)

    def before(self, row: Row, text: str) -> int:
        """How many written tokens stand before a text in it."""
        end = len(row.text.partition(text.encode())[0])
        length = 0
        for count, token in enumerate(row.ids):
            length += len(self._piece(token))
            if length > end:
                return count
        return len(row.ids)

    def _read(self, sequence: int, tokens: list[int], position: int) -> int:
        for at in range(0, len(tokens), _BATCH):
            part = tokens[at : at + _BATCH]
            items = [(each, position + at + i, sequence) for i, each in enumerate(part)]
            self._decode(items, (len(part) - 1,))
        return self._likeliest(-1)

    def _decode(self, items: list[tuple[int, int, int]], wanted: range | tuple[int, ...]) -> None:
        batch = self._batch
        batch.n_tokens = len(items)
        for at, (token, position, sequence) in enumerate(items):
            batch.token[at], batch.pos[at] = token, position
            batch.n_seq_id[at], batch.seq_id[at][0] = 1, sequence
            batch.logits[at] = at in wanted
        status = api.llama_decode(self._context, batch)
        assert status == 0, f"llama.cpp could not evaluate a batch (error {status})"

    def _likeliest(self, at: int) -> int:
        logits = api.llama_get_logits_ith(self._context, at)
        return int(np.ctypeslib.as_array(logits, (self._size,)).argmax())

    def _piece(self, token: int) -> bytes:
        room = ctypes.create_string_buffer(512)
        count = api.llama_token_to_piece(self._vocabulary, token, room, len(room), 0, _YES)
        return room.raw[:count]


def closings(style: str, *, at_end: bool, every: bool) -> dict[str, str]:
    """The words that close a thought, by their names: those of r1chat, or all that were tried."""
    tag = "" if style == "plain" else f"{CLOSE}\n\n"
    box = f"\n{tag}{ANSWER}{BOX}" if tag else f"\n\n{ANSWER}{BOX}"
    if not at_end:
        landing = {"landing": f"\n\n{LANDING}\n{tag or chr(10)}{ANSWER}{BOX}"}
        return {**landing, "box": box} if every else landing
    found = {"box": box, "heading": box.removesuffix(BOX)} if every else {"box": box}
    return {**found, "bare": f"\n{tag}"} if every and style != "plain" else found


def ask(
    model: Model, question: str, styles: list[str], longest: int, *, every: bool
) -> dict[str, object]:
    """Has a model think about a question in all styles, and closes each thought in all ways."""
    model.clear()
    rows = {}
    for number, style in enumerate(styles):
        words, begun = STYLES[style]
        prompt = CHATML.format(system=SYSTEM, user=f"{question}\n{words}", begun=begun)
        rows[style] = model.begin(number, prompt)
    model.write(list(rows.values()), lambda row: len(row.ids) >= longest)
    found: dict[str, object] = {}
    for style, row in rows.items():
        closes = CLOSE.encode() in row.text and style != "plain"
        thought = model.before(row, CLOSE) if closes else model.kept(row)
        forks: dict[str, Row] = {}
        for cut in (*BUDGETS, None):
            if cut is not None and cut >= thought:
                continue
            for name, words in closings(style, at_end=cut is None, every=every).items():
                kept = thought if cut is None else cut
                sequence = len(styles) + len(forks)
                forks[f"{cut or 'end'} {name}"] = model.fork(row, kept, sequence, words)

        names = {row.sequence: name.partition(" ")[2] for name, row in forks.items()}

        def is_whole(fork: Row, names: dict[int, str] = names) -> bool:
            name = names[fork.sequence]
            boxed = (
                fork.text if name in {"box", "landing"} else fork.text.rpartition(b"\\boxed{")[2]
            )
            closed = b"}" in boxed and (name in {"box", "landing"} or b"\\boxed{" in fork.text)
            return closed or len(fork.ids) >= LONGEST[name]

        model.write(list(forks.values()), is_whole)
        for fork in forks.values():
            api.llama_memory_seq_rm(model._memory, fork.sequence, -1, -1)  # noqa: SLF001
        found[style] = {
            "text": row.text.decode("utf-8", "replace"),
            "tokens": thought,
            "closed": closes,
            "ended": row.ended,
            "answers": {name: fork.text.decode("utf-8", "replace") for name, fork in forks.items()},
        }
    return found


def run(options: argparse.Namespace) -> None:
    """Asks what is missing in the file of results."""
    out = Path(options.out)
    done = {each["id"] for each in results(out)} if out.exists() else set()
    model = Model(path_of(options.model), options.threads)
    styles = options.styles.split(",")
    for question in read(options.questions, limit=options.limit).questions:
        if question.id in done:
            continue
        values = ask(model, question.text, styles, options.longest, every=options.every)
        line = {"id": question.id, "answer": question.answer, "styles": values}
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
        print(f"question {question.id}", flush=True)


def results(path: Path) -> list[dict[str, object]]:
    """What a file of results holds; a line that was cut is left out."""
    found = []
    for line in path.read_text("utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def verdicts(found: list[dict[str, object]]) -> dict[str, list[float]]:
    """For each style, cut and closing, which questions came out right."""
    right: dict[str, list[float]] = {}
    for each in found:
        for style, values in each["styles"].items():  # type: ignore[attr-defined]
            answers = values["answers"]
            final = last_box(values["text"])
            cells = {"in the thought": final}
            for cut in (*map(str, BUDGETS), "end"):
                was_cut = any(name.startswith(f"{cut} ") for name in answers)
                for name in ("box", "landing", "heading", "bare"):
                    text = answers.get(f"{cut} {name}")
                    if name == "landing" and not was_cut:
                        # The thought was over before it was to be cut.
                        text = answers.get("end box")
                    if text is not None:
                        opened = BOX if name in {"box", "landing"} else ""
                        cells[f"{cut} {name}"] = last_box(opened + text)
            for name, cell in cells.items():
                same = cell is not None and same_answer(str(each["answer"]), cell)
                right.setdefault(f"{style}: {name}", []).append(float(same))
    return right


def show(options: argparse.Namespace) -> None:
    """Prints the accuracies with their intervals, and differences of pairs."""
    found = results(Path(options.out))
    right = verdicts(found)
    print(f"{report.machine()}\n{len(found)} questions of {options.out}\n")
    rows = []
    for name, values in right.items():
        estimate = accuracy(values, 1)
        if estimate is not None:
            share = (
                f"{100 * estimate.value:.0f} ({100 * estimate.low:.0f}–{100 * estimate.high:.0f})"
            )
            rows.append([name, f"{sum(values):.0f} of {len(values)}", share])
    print(report.table(("style: cut and closing", "right", "% (95 %)"), rows))
    for pair in options.pairs or []:
        one, other = (right[name.strip()] for name in pair.split(" - "))
        points = difference([a - b for a, b in zip(one, other, strict=True)])
        if points is not None:
            low, high = 100 * points.low, 100 * points.high
            print(f"{pair}: {100 * points.value:+.1f} ({low:+.1f} to {high:+.1f}) points")


def main() -> int:
    """Runs what was asked for; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    actions = parser.add_subparsers(dest="action", required=True)
    runner = actions.add_parser("run")
    runner.add_argument("-o", "--out", required=True)
    runner.add_argument("--questions", required=True, metavar="FILE")
    runner.add_argument("--model", default="qwen2.5-coder-1.5b", help="of scripts/real_models")
    runner.add_argument("--styles", default="plain,think,short")
    runner.add_argument("--limit", type=int, default=100)
    runner.add_argument("--longest", type=int, default=512, help="tokens of a thought")
    runner.add_argument("--threads", type=int, default=1)
    runner.add_argument("--every", action="store_true", help="close in all ways that were tried")
    shower = actions.add_parser("show")
    shower.add_argument("out")
    shower.add_argument("--pairs", nargs="*", help='e.g. "think: end box - plain: in the thought"')
    options = parser.parse_args()
    (run if options.action == "run" else show)(options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
