"""A recurrent layer from a description of its step: what a new cell inherits."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from workbench.nn.masks import is_full, last_state
from workbench.nn.recurrent.base import Array, RecurrentLayer, State
from workbench.nn.recurrent.scan import Program, one_step, scan, unrolled


class ScanLayer(RecurrentLayer):
    """A layer that runs :func:`~workbench.nn.recurrent.scan.scan` over its ``program``.

    A cell gives ``program``, its parameters, :meth:`flat_inputs` (the one product with the input of all steps) and
    :meth:`tensors` (its matrices and vectors by the program's names); forward, step, trace, carried state and both
    orders of gradient follow. The first carried register is h, the second, where there is one, the cell.
    """

    program: Program

    @abstractmethod
    def flat_inputs(self, x: Tensor) -> Mapping[str, Tensor]:
        """The program's inputs (…, ·) from ``x`` (…, D), for one step or for all at once."""

    @abstractmethod
    def tensors(self) -> Mapping[str, Tensor]:
        """The program's matrices and vectors."""

    @property
    def weights(self) -> tuple[Tensor, ...]:
        return tuple(self.parameters())

    def zero_state(self, x: Tensor) -> State:
        hidden = super().zero_state(x)
        if len(self.program.carried) == 1:
            return hidden
        return hidden, x.new_zeros(x.shape[0], self.hidden_size)

    def _initial(self, x: Tensor, state: State) -> dict[str, Tensor]:
        state = self.zero_state(x) if state is None else state
        parts: Sequence[Tensor] = state if isinstance(state, tuple) else (state,)
        return {before: part for (before, _), part in zip(self.program.carried, parts, strict=True)}

    def forward(self, x: Tensor, lengths: Tensor, state: State = None) -> tuple[Tensor, State]:
        parts = dict(self.tensors())
        dtype = next(iter(parts.values())).dtype if parts else x.dtype
        # under autocast the input product comes in fewer bits; the recurrence keeps those of its weights
        inputs = {name: value.to(dtype) for name, value in self.flat_inputs(x.transpose(0, 1).contiguous()).items()}
        initial = self._initial(next(iter(inputs.values()))[0], state)
        found = scan(self.program, {**inputs, **initial, **parts})
        full = is_full(lengths, x.shape[1])
        after = tuple(values[-1] if full else last_state(values.transpose(0, 1), lengths) for values in found)
        return found[0].transpose(0, 1), after if len(after) > 1 else after[0]

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        registers = one_step(self.program, {**self.flat_inputs(x), **self._initial(x, state), **self.tensors()})
        after = tuple(registers[name] for _, name in self.program.carried)
        return after[0], after if len(after) > 1 else after[0]

    @torch.no_grad()
    def trace(self, x: Array) -> Mapping[str, Array]:
        """By the plain loop, with every value the cell names."""
        noted: dict[str, list[Tensor]] = {name: [] for name in self.gates}

        def note(name: str, value: Tensor) -> Tensor:
            if name in noted:
                noted[name].append(value[0])
            return value

        first = next(self.parameters())
        sequence = torch.from_numpy(np.ascontiguousarray(x)).to(first).unsqueeze(1)  # (T, 1, D)
        inputs = self.flat_inputs(sequence)
        found = unrolled(self.program, {**inputs, **self._initial(sequence[0], None), **self.tensors()}, note)
        shown = {name: torch.stack(values) for name, values in noted.items()}
        shown["states"] = found[0][:, 0]
        if len(found) > 1:
            shown["cell"] = found[1][:, 0]
        return {name: values.float().cpu().numpy() for name, values in shown.items()}
