"""The training loop: step-based, seeded, resumable, on two CPU cores.

Two single-thread processes each take half of every step's rows and add up
their gradients; that beats one process with two threads.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
import torch.distributed as dist
from torch import multiprocessing
from torch.nn import functional

from scripts.train_tiny.data import Batches, Micro
from scripts.train_tiny.model import Shape, TinyModel
from scripts.train_tiny.optim import Optimiser
from scripts.train_tiny.teacher.sample import sample
from scripts.train_tiny.tokenizer import Tokenizer, learn

VOCABULARY = 1024
WARMUP = 60


@dataclass(frozen=True)
class Plan:
    """All that decides what a run makes.

    Attributes:
        out: folder for the tokenizer, checkpoints and the log.
        steps: optimiser steps in all.
        decay: share of the steps in which the rate falls to zero.
        seed: of weights and data.
        processes: data-parallel processes.
        tokens: tokens of a step in each process.
        save_every: steps between checkpoints.
    """

    out: Path
    steps: int = 5350
    decay: float = 0.4
    seed: int = 1
    processes: int = 2
    tokens: int = 3072
    save_every: int = 100
    muon_rate: float = 0.02
    adam_rate: float = 0.003

    def rate(self, step: int) -> float:
        """Where the schedule stands at a step: warm-up, constant, linear to zero."""
        left = (self.steps - step) / (self.steps * self.decay)
        return min(1.0, (step + 1) / WARMUP, left)


def vocabulary(out: Path) -> Tokenizer:
    """Load the run's tokenizer, or learn it from fixed samples."""
    path = out / "tokenizer.json"
    if not path.exists():
        rng = Random("vocabulary")
        texts = ("".join(part.text for part in sample(rng)) for _ in range(12_000))
        out.mkdir(parents=True, exist_ok=True)
        learn(texts, VOCABULARY).save(path)
    return Tokenizer.load(path)


def losses(model: TinyModel, micro: Micro) -> torch.Tensor:
    """Sum of the losses of the learned tokens."""
    with torch.autocast("cpu", torch.bfloat16):
        hidden = model(micro.inputs)
        logits = model.logits(hidden[micro.mask])
    return functional.cross_entropy(logits.float(), micro.targets[micro.mask], reduction="sum")


def backward(model: TinyModel, micros: list[Micro]) -> tuple[float, int]:
    """Fill the gradients with this step's mean over all processes."""
    total = 0.0
    count = 0
    for micro in micros:
        loss = losses(model, micro)
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.item()
        count += int(micro.mask.sum())
    weights = list(model.parameters())
    grads = [w.grad for w in weights if w.grad is not None]
    flat = torch.cat([*(g.reshape(-1) for g in grads), torch.tensor([total, float(count)])])
    if dist.is_initialized():
        dist.all_reduce(flat)
    total, everyone = flat[-2].item(), int(flat[-1].item())
    start = 0
    for grad in grads:
        grad.copy_(flat[start : start + grad.numel()].view_as(grad)).div_(everyone)
        start += grad.numel()
    return total / everyone, everyone


def _latest(out: Path) -> Path | None:
    found = sorted(out.glob("step-*.pt"))
    return found[-1] if found else None


def _save(plan: Plan, step: int, model: TinyModel, optimiser: Optimiser) -> None:
    path = plan.out / f"step-{step:06d}.pt"
    part = path.with_suffix(".part")
    torch.save(
        {
            "step": step,
            "shape": model.shape,
            "model": model.state_dict(),
            "state": optimiser.state(),
        },
        part,
    )
    part.replace(path)


def load_model(path: Path) -> TinyModel:
    """Read the model of a checkpoint."""
    saved = torch.load(path, weights_only=False)
    model = TinyModel(saved["shape"])
    model.load_state_dict(saved["model"])
    return model


def _run(rank: int, plan: Plan) -> None:
    torch.set_num_threads(1)
    if plan.processes > 1:
        dist.init_process_group("gloo", rank=rank, world_size=plan.processes)
    tokenizer = Tokenizer.load(plan.out / "tokenizer.json")
    torch.manual_seed(plan.seed)
    model = TinyModel(Shape(vocab=len(tokenizer)))
    optimiser = Optimiser(model, plan.muon_rate, plan.adam_rate)
    batches = Batches(tokenizer, plan.seed, rank, plan.tokens)
    step = 0
    latest = _latest(plan.out)
    if latest is not None:
        saved = torch.load(latest, weights_only=False)
        model.load_state_dict(saved["model"])
        optimiser.restore(saved["state"])
        step = saved["step"]
    started, tokens, first = time.monotonic(), 0, step
    while step < plan.steps:
        for weight in model.parameters():
            weight.grad = None
        loss, count = backward(model, batches.at(step))
        optimiser.step(plan.rate(step))
        step += 1
        tokens += count
        if rank == 0 and (step % 20 == 0 or step == plan.steps):
            seconds = time.monotonic() - started
            line = f"step {step} loss {loss:.4f} rate {plan.rate(step - 1):.3f} "
            line += f"{tokens / seconds:.0f} learned tok/s {seconds / (step - first):.2f} s/step"
            print(line, flush=True)
        if rank == 0 and (step % plan.save_every == 0 or step == plan.steps):
            _save(plan, step, model, optimiser)
    if dist.is_initialized():
        dist.destroy_process_group()


def train(plan: Plan) -> Path:
    """Run the plan to its end, from its latest checkpoint if there is one.

    Returns:
        The last checkpoint.
    """
    vocabulary(plan.out)
    if plan.processes == 1:
        _run(0, plan)
    else:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            os.environ["MASTER_PORT"] = str(free.getsockname()[1])
        os.environ["MASTER_ADDR"] = "127.0.0.1"
        multiprocessing.spawn(_run, args=(plan,), nprocs=plan.processes)
    last = _latest(plan.out)
    assert last is not None
    return last
