"""An encoder and a recurrent decoder joined, behind the :class:`~workbench.nn.contract.EncoderDecoder` contract."""

from __future__ import annotations

import torch
from torch import Tensor

from workbench.api import LayerTrace
from workbench.nn.contract import Encoded, Encoder, EncoderDecoder, PairInputs
from workbench.nn.decoders.recurrent import RecurrentDecoder
from workbench.nn.recurrent import RecurrentEncoder


class RecurrentEncoderDecoder(EncoderDecoder):
    """``read`` yields the memory with the decoder's keys already made; ``carries`` has the encoder yield its states.

    (An LSTM's cell after the last step of a padded row costs a slower kernel: only a bridge that copies needs it.)
    """

    decoder: RecurrentDecoder

    def __init__(self, encoder: Encoder, decoder: RecurrentDecoder, *, carries: bool = False) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.output_size = decoder.output_size
        self.carries = carries

    def read(self, source: Tensor, lengths: Tensor) -> Encoded:
        state = None
        if self.carries and isinstance(self.encoder, RecurrentEncoder):
            state = self.encoder.zero_state(source)
        memory: Encoded = self.encoder(source, lengths, state)
        return self.decoder.prepare(memory)

    def at_step(self, step: int, total_steps: int) -> None:
        self.decoder.at_step(step, total_steps)

    @torch.no_grad()
    def trace(self, inputs: PairInputs, length: int) -> tuple[LayerTrace, ...]:
        source = inputs.source[:, :length]
        layers = self.encoder.trace(source, length)
        if inputs.targets is None or inputs.target_lengths is None:
            return layers
        was = self.training
        self.eval()
        try:
            memory = self.read(source, torch.tensor([length]))
            return (*layers, *self.decoder.trace(inputs.targets, int(inputs.target_lengths[0]), memory))
        finally:
            self.train(was)
