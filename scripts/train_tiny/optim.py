"""Muon for the matrices of the layers, AdamW for everything else."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def orthogonal(batch: Tensor, rounds: int = 5) -> Tensor:
    """Push the singular values of each matrix towards one (Newton-Schulz)."""
    x = batch.bfloat16()
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(rounds):
        square = x @ x.mT
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return (x.mT if tall else x).float()


class Muon:
    """Momentum, made orthogonal; matrices of one shape are handled together."""

    def __init__(self, weights: list[nn.Parameter], rate: float, momentum: float = 0.95) -> None:
        """Group the weights by shape."""
        shapes: dict[tuple[int, ...], list[nn.Parameter]] = {}
        for weight in weights:
            shapes.setdefault(tuple(weight.shape), []).append(weight)
        self._groups = list(shapes.values())
        self._momentum = momentum
        self._rate = rate
        self.state = [torch.zeros(len(group), *group[0].shape) for group in self._groups]

    @torch.no_grad()
    def step(self, scale: float, decay: float = 0.05) -> None:
        """Apply one update; `scale` is where the schedule stands, 1 at most."""
        rate = self._rate * scale
        for group, mean in zip(self._groups, self.state, strict=True):
            grads = torch.stack(
                [w.grad if w.grad is not None else torch.zeros_like(w) for w in group]
            )
            mean.lerp_(grads, 1 - self._momentum)
            update = orthogonal(grads.lerp(mean, self._momentum))
            rows, columns = group[0].shape
            gain = rate * max(1.0, rows / columns) ** 0.5
            for weight, change in zip(group, update, strict=True):
                weight.mul_(1 - rate * decay).sub_(change, alpha=gain)


class Optimiser:
    """Both optimisers behind one step, with a state that can be saved."""

    def __init__(self, model: nn.Module, muon_rate: float, adam_rate: float) -> None:
        """Sort the model's weights into the two."""
        matrices = [w for n, w in model.named_parameters() if w.ndim == 2 and "embd" not in n]
        others = [w for n, w in model.named_parameters() if w.ndim != 2 or "embd" in n]
        self._muon = Muon(matrices, muon_rate)
        self._adam_rate = adam_rate
        self._adam = torch.optim.AdamW(others, lr=adam_rate, betas=(0.9, 0.95), weight_decay=0.0)

    def step(self, scale: float) -> None:
        """Update all weights at this point of the schedule."""
        self._muon.step(scale)
        for group in self._adam.param_groups:
            group["lr"] = self._adam_rate * scale
        self._adam.step()

    def state(self) -> dict[str, object]:
        """Everything a resumed run needs."""
        return {"muon": self._muon.state, "adam": self._adam.state_dict()}

    def restore(self, state: dict[str, object]) -> None:
        """Take over what `state` returned."""
        self._muon.state = state["muon"]  # type: ignore[assignment]
        self._adam.load_state_dict(state["adam"])  # type: ignore[arg-type]
