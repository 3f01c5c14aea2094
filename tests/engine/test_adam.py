"""Our Adam is torch's to the last bit, also after a restart and where it leaves a step to torch."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from workbench.engine.adam import FusedAdam


def networks() -> tuple[nn.Sequential, nn.Sequential]:
    found = []
    for _ in range(2):
        torch.manual_seed(3)
        found.append(nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 2)))
    return found[0], found[1]


def groups(model: nn.Module) -> list[dict[str, object]]:
    parameters = list(model.parameters())
    return [{"params": parameters[::2], "weight_decay": 0.1}, {"params": parameters[1::2], "weight_decay": 0.0}]


def learn(model: nn.Sequential, optimizer: torch.optim.Optimizer, x: Tensor, *, freeze: bool = False) -> None:
    model(x).square().sum().backward()
    if freeze:
        model[2].bias.grad = None
    optimizer.step()
    optimizer.zero_grad()


def assert_same(ours: nn.Module, theirs: nn.Module) -> None:
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_every_step_is_torchs() -> None:
    ours, theirs = networks()
    mine = FusedAdam(groups(ours), 0.01)
    other = torch.optim.Adam(groups(theirs), lr=0.01, fused=True)
    generator = torch.Generator().manual_seed(1)
    for step in range(12):
        x = torch.randn(4, 5, generator=generator)
        for optimizer in (mine, other):
            for group in optimizer.param_groups:
                group["lr"] = 0.01 / (1 + step)
        learn(ours, mine, x, freeze=step == 7)
        learn(theirs, other, x, freeze=step == 7)
        assert_same(ours, theirs)


def test_a_restored_state_goes_on_as_torchs_would() -> None:
    ours, theirs = networks()
    mine = FusedAdam(groups(ours), 0.01)
    other = torch.optim.Adam(groups(theirs), lr=0.01, fused=True)
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(2))
    for _ in range(3):
        learn(ours, mine, x)
        learn(theirs, other, x)
    fresh = FusedAdam(groups(ours), 0.01)
    learn(ours, fresh, x)  # a state of its own, which the restored one replaces
    learn(theirs, other, x)
    ours.load_state_dict(theirs.state_dict())
    fresh.load_state_dict(copy.deepcopy(other.state_dict()))
    for _ in range(3):
        learn(ours, fresh, x)
        learn(theirs, other, x)
        assert_same(ours, theirs)
