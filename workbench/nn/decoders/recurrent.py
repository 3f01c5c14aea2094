"""A recurrent decoder of any cell, with or without attention.

Whatever does not hang on the step before is done for all steps at once: without feeding and scheduled sampling the
cells run as one scan over the target, and attention is one product over (T, S). What does hang on it goes step by step
with the same parameters and the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from workbench.api import LayerTrace, WorkbenchError
from workbench.nn.attention import Attention, AttentionKind, coverage_penalty, make_attention
from workbench.nn.contract import Decoder, Encoded, State
from workbench.nn.decoders.bridge import Bridge, BridgeKind
from workbench.nn.decoders.memory import Memory
from workbench.nn.decoders.schedules import ForcingSchedule, forcing_ratio
from workbench.nn.decoders.tracing import trace_layer
from workbench.nn.dropout import LockedDropout
from workbench.nn.masks import is_full, last_state, sequence_mask, zero_padding
from workbench.nn.recurrent import RecurrentLayer, make_layer

Feeding = Literal["none", "input", "context"]
Feedback = Callable[[Tensor], Tensor]


class RecurrentDecoder(Decoder):
    """``layers`` of ``cell`` that read the symbol before, and answer with (B, T, ``hidden_size``).

    With attention the answer is tanh(W [context ; state]). ``feeding`` says what the first layer reads beside the
    symbol: nothing; with *input* the answer before (Luong et al., 2015, input feeding); with *context* what attention
    finds with the state before (Bahdanau et al., 2015), or without attention the encoder's final state (Cho et al.,
    2014). ``coverage`` lets attention see where it has looked, ``coverage_loss`` weighs the penalty for looking twice.

    The state is a dictionary: "layers" (one state each), "feed" (B, H), "coverage" (B, S); None where unused.
    """

    shares_memory = True
    """Rows may be K hypotheses for each row of the memory, side by side: it is then not copied for each of them."""

    def __init__(
        self,
        cell: str,
        target_size: int,
        hidden_size: int,
        memory_size: int,
        *,
        final_size: int | None = None,
        layers: int = 1,
        bridge: BridgeKind = "tanh",
        attention: AttentionKind | Literal["none"] = "general",
        attention_size: int = 0,
        feeding: Feeding = "none",
        coverage: bool = False,
        coverage_loss: float = 0.0,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        locked: bool = True,
        schedule: ForcingSchedule = "constant",
        forcing_start: float = 1.0,
        forcing_end: float = 1.0,
        **cell_options: Any,
    ) -> None:
        super().__init__()
        if target_size < 1:
            raise WorkbenchError(
                "A decoder needs a vocabulary of symbols to write, and this task has none.",
                why="What it wrote last is what it reads next.",
                fix="Choose a task that writes a sequence, or an architecture that only reads.",
            )
        attends = attention != "none"
        if not attends and (feeding == "input" or coverage or coverage_loss):
            raise WorkbenchError(
                "Input feeding and coverage need an attention.",
                why="What is fed, and what is covered, is what attention found.",
                fix="Choose an attention, or switch them off.",
            )
        self.hidden_size = self.output_size = hidden_size
        self.feeding: Feeding = feeding
        fed = {"none": 0, "input": hidden_size, "context": memory_size if attends else final_size or memory_size}
        sizes = [target_size + fed[feeding]] + [hidden_size] * (layers - 1)
        self.layers = nn.ModuleList(make_layer(cell, size, hidden_size, **cell_options) for size in sizes)
        self.bridge = Bridge(bridge, final_size or memory_size, self._layers())
        self.attention: Attention | None = None
        self.combine: nn.Linear | None = None
        if attention != "none":
            self.attention = make_attention(
                attention, hidden_size, memory_size, size=attention_size, coverage=coverage
            )
            self.combine = nn.Linear(memory_size + hidden_size, hidden_size, bias=False)
            nn.init.xavier_uniform_(self.combine.weight)
        self.coverage, self.coverage_loss = coverage, coverage_loss
        self.dropout, self.input_dropout, self.locked = dropout, input_dropout, locked
        self.schedule: ForcingSchedule = schedule
        self.forcing_start, self.forcing_end = forcing_start, forcing_end
        self.ratio = forcing_start
        """The share of steps at which training gives the gold symbol; the rest get the model's own."""

    def at_step(self, step: int, total_steps: int) -> None:
        self.ratio = forcing_ratio(self.schedule, self.forcing_start, self.forcing_end, step / max(1, total_steps))

    def prepare(self, memory: Encoded) -> Memory:
        """``memory`` with its keys and mask."""
        if isinstance(memory, Memory):
            return memory
        states, lengths = memory.states, memory.lengths
        keys = mask = None
        if self.attention is not None:
            keys = self.attention.keys(states)
            mask = None if is_full(lengths, states.shape[1]) else sequence_mask(lengths, states.shape[1], states.device)
        return Memory(states, lengths, memory.final, memory.state, keys=keys, mask=mask)

    def select_memory(self, memory: Encoded, rows: Tensor) -> Encoded:
        return self.prepare(memory).rows(rows)

    # --- step by step

    def start(self, memory: Encoded) -> State:
        size, steps = memory.states.shape[:2]
        fed = memory.states.new_zeros(size, self.hidden_size) if self.feeding == "input" else None
        covered = memory.states.new_zeros(size, steps) if self.coverage else None
        return {"layers": self.bridge(memory), "feed": fed, "coverage": covered}

    def step(self, y_t: Tensor, state: State, memory: Encoded) -> tuple[Tensor, State, Tensor | None]:
        return self._step(y_t, state, self.prepare(memory), None)

    def _step(
        self,
        y_t: Tensor,
        state: State,
        memory: Memory,
        masks: Sequence[Tensor | None] | None,
        read: list[Tensor] | None = None,
    ) -> tuple[Tensor, State, Tensor | None]:
        """``masks`` are dropped units between the layers and, last, of the answer; None drops nothing.

        ``read`` is given what each layer reads, for a trace.
        """
        weights: Tensor | None = None
        context: Tensor | None = None
        x, after = y_t, []
        if self.feeding == "input":
            x = torch.cat([x, state["feed"]], dim=1)
        elif self.feeding == "context":
            if self.attention is None:
                context = memory.final
                if len(context) != len(x):
                    context = context.repeat_interleave(len(x) // len(context), dim=0)
            else:
                context, weights = self._look(_hidden(state["layers"][-1]), state["coverage"], memory)
            x = torch.cat([x, context], dim=1)
        for depth, layer in enumerate(self._layers()):
            if depth:
                x = _dropped(x, masks, depth - 1)
            if read is not None:
                read.append(x)
            x, carried = layer.step(x, state["layers"][depth])
            after.append(carried)
        if self.combine is not None:
            if context is None:
                context, weights = self._look(x, state["coverage"], memory)
            x = self.combine(torch.cat([context, x], dim=1)).tanh()
        x = _dropped(x, masks, len(self.layers) - 1)
        covered = state["coverage"]
        if covered is not None and weights is not None:
            covered = covered + weights
        return x, {"layers": tuple(after), "feed": x if self.feeding == "input" else None, "coverage": covered}, weights

    def _look(self, query: Tensor, covered: Tensor | None, memory: Memory) -> tuple[Tensor, Tensor]:
        """Context (R, M) and weights (R, S) of ``query`` (R, Q): R rows are R/B hypotheses for each sentence."""
        assert self.attention is not None
        assert memory.keys is not None
        sentences = len(memory.states)
        grouped = query.view(sentences, -1, query.shape[-1])
        seen = None if covered is None else covered.view(sentences, -1, covered.shape[-1])
        context, weights = self.attention(grouped, memory.keys, memory.states, memory.mask, seen)
        return context.view(len(query), -1), weights.view(len(query), -1)

    # --- teacher forced

    def forward(
        self, targets: Tensor, lengths: Tensor, memory: Encoded, feedback: Feedback | None = None
    ) -> Encoded:
        prepared = self.prepare(memory)
        sampling = self.training and feedback is not None and self.ratio < 1.0
        hangs = self.feeding == "input" or (self.feeding == "context" and self.attention is not None)
        targets = self._input_dropout(targets)
        if sampling or hangs:
            states, weights = self._loop(targets, prepared, feedback if sampling else None)
        else:
            states, weights = self._whole(targets, prepared)
        penalty = None
        if weights is not None:
            weights = zero_padding(weights, lengths)
            if self.coverage_loss and self.training:
                penalty = coverage_penalty(weights) * self.coverage_loss
        states = zero_padding(states, lengths)
        return Encoded(states, lengths, last_state(states, lengths), attention=weights, penalty=penalty)

    def _whole(self, targets: Tensor, memory: Memory) -> tuple[Tensor, Tensor | None]:
        """The cells as one scan; attention over all steps at once (step by step where each depends on the last)."""
        batch, steps = targets.shape[:2]
        masks = self._masks(targets, steps)
        x = targets
        if self.feeding == "context":
            x = torch.cat([x, memory.final.unsqueeze(1).expand(-1, steps, -1)], dim=2)
        # what is padded comes last and nobody asks for the state after it: as full rows the kernels are at their best
        full = torch.full((batch,), steps)
        for depth, (layer, before) in enumerate(zip(self._layers(), self.bridge(memory), strict=True)):
            if depth:
                x = _dropped(x, masks, depth - 1)
            x, _ = layer(x, full, before)
        weights: Tensor | None = None
        if self.attention is not None and self.combine is not None:
            assert memory.keys is not None
            if self.coverage:
                context, weights = self._look_in_turn(x, memory)
            else:
                context, weights = self.attention(x, memory.keys, memory.states, memory.mask)
            x = self.combine(torch.cat([context, x], dim=2)).tanh()
        return _dropped(x, masks, len(self.layers) - 1), weights

    def _look_in_turn(self, queries: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        covered = queries.new_zeros(len(queries), memory.states.shape[1])
        contexts, weights = [], []
        for query in queries.unbind(1):
            context, looked = self._look(query, covered, memory)
            covered = covered + looked
            contexts.append(context)
            weights.append(looked)
        return torch.stack(contexts, dim=1), torch.stack(weights, dim=1)

    def _loop(self, targets: Tensor, memory: Memory, feedback: Feedback | None) -> tuple[Tensor, Tensor | None]:
        steps = targets.shape[1]
        masks = self._masks(targets, steps)
        at: list[list[Tensor | None]] = [
            [None if mask is None else mask[:, min(t, mask.shape[1] - 1)] for mask in masks] for t in range(steps)
        ]
        # drawn on the CPU in one piece: reproducible on every device, and no step waits for it
        gold = torch.rand(len(targets), steps) < self.ratio if feedback is not None else None
        state = self.start(memory)
        outputs: list[Tensor] = []
        looked: list[Tensor] = []
        for t, y in enumerate(targets.unbind(1)):
            if t and gold is not None and feedback is not None and not bool(gold[:, t].all()):
                own = feedback(outputs[-1].detach())
                y = torch.where(gold[:, t].to(y.device, non_blocking=True).unsqueeze(1), y, own.to(y.dtype))
            output, state, weights = self._step(y, state, memory, at[t])
            outputs.append(output)
            if weights is not None:
                looked.append(weights)
        return torch.stack(outputs, dim=1), torch.stack(looked, dim=1) if looked else None

    def _input_dropout(self, x: Tensor) -> Tensor:
        if not self.training or not self.input_dropout:
            return x
        return LockedDropout(self.input_dropout)(x) if self.locked else nn.functional.dropout(x, self.input_dropout)

    def _masks(self, like: Tensor, steps: int) -> list[Tensor | None]:
        """For the output of each layer (the last: of the answer) a scaled mask (B, 1 or T, H); None without dropout."""
        if not self.training or not self.dropout:
            return [None] * len(self.layers)
        keep = 1.0 - self.dropout
        size = (len(like), 1 if self.locked else steps, self.hidden_size)
        return [like.new_empty(size).bernoulli_(keep).div_(keep) for _ in self.layers]

    def _layers(self) -> list[RecurrentLayer]:
        return [layer for layer in self.layers if isinstance(layer, RecurrentLayer)]

    # --- looked into

    @torch.no_grad()
    def trace(self, targets: Tensor, length: int, memory: Encoded) -> tuple[LayerTrace, ...]:
        """States and gates of each layer over one target ``targets`` (1, T, E): (``length``, H)."""
        prepared = self.prepare(memory)
        state = self.start(prepared)
        read: list[list[Tensor]] = []
        carried = [state["layers"]]
        for t in range(length):
            inputs: list[Tensor] = []
            _, state, _ = self._step(targets[:, t], state, prepared, None, inputs)
            read.append(inputs)
            carried.append(state["layers"])
        return tuple(
            trace_layer(
                layer,
                f"decoder {depth + 1}",
                [inputs[depth] for inputs in read],
                [layers[depth] for layers in carried],
            )
            for depth, layer in enumerate(self._layers())
        )


def _hidden(state: State) -> Tensor:
    """h of a layer's state: itself, or the first of a tuple."""
    hidden: Tensor = state[0] if isinstance(state, tuple) else state
    return hidden


def _dropped(x: Tensor, masks: Sequence[Tensor | None] | None, which: int) -> Tensor:
    mask = masks[which] if masks is not None else None
    return x if mask is None else x * mask
