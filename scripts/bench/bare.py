"""Builds and runs the bare C loop."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import children
import llama_source

SOURCE = Path(__file__).with_name("bare_loop.c")
BATCH = 512


def build() -> Path:
    """Compiles the loop against the very library that r1chat uses, unless that is done."""
    libraries = llama_source.libraries()
    program = llama_source.CACHE / f"bare_loop-{llama_source.version()}"
    stamp = program.with_suffix(".from")
    origin = f"{libraries}\n{SOURCE.read_text()}"
    if program.is_file() and stamp.is_file() and stamp.read_text() == origin:
        return program
    compiler = os.environ.get("CC") or shutil.which("cc") or "gcc"
    includes = [f"-I{folder}" for folder in llama_source.headers()]
    command = [compiler, "-O2", "-Wall", "-Wextra", "-o", str(program), str(SOURCE), *includes]
    command += [f"-L{libraries}", f"-Wl,-rpath,{libraries}", "-lllama", "-lggml", "-lggml-base"]
    subprocess.run(command, check=True)
    stamp.write_text(origin)
    return program


def command(
    model: Path, prompt: Sequence[int], numbers: Sequence[int], *, repack: bool
) -> list[str]:
    """A run of the loop; its numbers are those that bare_loop.c asks for, less the last."""
    ids = llama_source.CACHE / "prompt.ids"
    ids.write_text("\n".join(map(str, prompt)))
    return [str(build()), str(model), str(ids), *map(str, numbers), str(int(repack))]


@functools.cache
def can_repack(model: Path) -> bool:
    """Whether llama.cpp survives a prompt with the weights in the processor's own layout.

    Built by some compilers it dies there on processors with AMX. It then has to do without, as
    r1chat does on every such processor.
    """
    numbers = [256, BATCH, 1, 1, 1, 0, 0, 1]
    child = children.run(command(model, range(32), numbers, repack=True), may_fail=True)
    if child.code != 0:
        llama_source.say("llama.cpp crashes with repacked weights here; they are left as they are")
    return child.code == 0


def run(
    model: Path,
    prompt: Sequence[int],
    *,
    context: int,
    threads: int,
    batch_threads: int,
    written: tuple[int, int, int],
    seed: int,
) -> children.Run:
    """Runs the loop once.

    Args:
        model: The file.
        prompt: Token ids.
        context: Tokens of context.
        threads: Threads for single tokens.
        batch_threads: Threads for the prompt.
        written: Tokens of thought, of closing words, and of answer.
        seed: Of the sampler.
    """
    numbers = [context, BATCH, threads, batch_threads, *written, seed]
    child = children.run(command(model, prompt, numbers, repack=can_repack(model)))
    figures = json.loads(child.stdout.splitlines()[-1])
    return children.Run(
        tokens_per_s=figures["tokens_per_s"],
        first_token_s=figures["prompt_s"],
        load_s=figures["load_s"],
        peak_mib=child.peak_mib,
        wall_s=child.wall_s,
        cpu_s=child.cpu_s,
        written=written,
    )
