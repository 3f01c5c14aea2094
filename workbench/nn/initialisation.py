"""How recurrent weights start.

torch draws everything, biases included, from U(±1/√H). Here input weights are Xavier and recurrent weights
orthogonal, each gate's block by itself (a 4H×H matrix made orthogonal as a whole is not orthogonal in any gate), and
biases are zero but for the forget gate of the LSTM.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

RecurrentInit = Literal["orthogonal", "identity", "xavier"]


@torch.no_grad()
def initialise_blocks(
    weight_ih: Tensor, weight_hh: Tensor, gates: int, recurrent: RecurrentInit = "orthogonal"
) -> None:
    """Fill ``weight_ih`` (G·H, D) and ``weight_hh`` (G·H, H) block by block.

    ``identity`` starts each recurrent block as the identity: with ReLU units a network that remembers by default
    (Le, Jaitly & Hinton, 2015, "A simple way to initialize recurrent networks of rectified linear units").
    """
    for block in weight_ih.chunk(gates):
        nn.init.xavier_uniform_(block)
    for block in weight_hh.chunk(gates):
        if recurrent == "orthogonal":
            nn.init.orthogonal_(block)
        elif recurrent == "identity":
            nn.init.eye_(block)
        else:
            nn.init.xavier_uniform_(block)


@torch.no_grad()
def initialise_lstm(module: nn.LSTM, forget_bias: float = 1.0) -> None:
    """Xavier, orthogonal, zero biases, and ``forget_bias`` in one of the two bias vectors that torch adds.

    Gate order in torch: input, forget, candidate, output. Source for the forget bias: Jozefowicz et al. (2015).
    """
    suffixes = [f"l{layer}{end}" for layer in range(module.num_layers) for end in _endings(module)]
    for suffix in suffixes:
        initialise_blocks(getattr(module, f"weight_ih_{suffix}"), getattr(module, f"weight_hh_{suffix}"), 4)
        if module.bias:
            getattr(module, f"bias_ih_{suffix}").zero_()
            getattr(module, f"bias_hh_{suffix}").zero_()
            forget_block(getattr(module, f"bias_ih_{suffix}")).fill_(forget_bias)


@torch.no_grad()
def initialise_chrono(module: nn.LSTM, longest: int) -> None:
    """:func:`chrono_bias` for every layer and direction; torch's second bias stays as it is."""
    for layer in range(module.num_layers):
        for end in _endings(module):
            chrono_bias(getattr(module, f"bias_ih_l{layer}{end}"), longest)


@torch.no_grad()
def chrono_bias(bias: Tensor, longest: int) -> None:
    """Set forget and input biases of ``bias`` (4H,) for memories of 1 to ``longest`` steps, evenly spread.

    Forget bias log(u), input bias -log(u), u ~ U(1, ``longest`` - 1). Source: Tallec & Ollivier (2018), "Can recurrent
    neural networks warp time?"; for dependencies beyond some 200 steps.
    """
    steps = torch.empty_like(forget_block(bias)).uniform_(1.0, max(2.0, float(longest - 1)))
    forget_block(bias).copy_(steps.log())
    bias.chunk(4)[0].copy_(-steps.log())


def forget_block(bias: Tensor) -> Tensor:
    """The forget gate's part of an LSTM bias (4H,), as a view."""
    return bias.chunk(4)[1]


def _endings(module: nn.LSTM) -> tuple[str, ...]:
    return ("", "_reverse") if module.bidirectional else ("",)


@torch.no_grad()
def initialise_embedding(weight: Tensor, padding_idx: int | None = None) -> None:
    """U(±√(3/D)), which gives each row unit variance over its D values; the padding row is zero.

    Source: Lample et al. (2016), "Neural architectures for named entity recognition".
    """
    bound = math.sqrt(3.0 / weight.shape[1])
    weight.uniform_(-bound, bound)
    if padding_idx is not None:
        weight[padding_idx].zero_()
