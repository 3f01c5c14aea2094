"""Builds the network that the options describe."""

from __future__ import annotations

from workbench_plugins.architectures.encoder_decoder.params import EncoderDecoderParams

from workbench.nn.contract import Encoder, EncoderDecoder
from workbench.nn.decoders import RecurrentDecoder, RecurrentEncoderDecoder, SourceEncoder
from workbench.nn.recurrent import RecurrentEncoder


def build(params: EncoderDecoderParams, input_size: int, target_size: int = 0) -> EncoderDecoder:
    """An encoder of ``input_size`` values a step and a decoder of symbols of ``target_size`` values.

    :class:`~workbench.api.WorkbenchError` without a ``target_size``: a decoder needs symbols to write.
    """
    locked = params.dropout_kind == "locked"
    encoder: Encoder
    if params.encoder == "none":
        encoder = SourceEncoder(input_size, params.input_dropout, locked=locked)
    else:
        both = params.encoder == "bidirectional"
        encoder = RecurrentEncoder(
            params.cell,
            input_size,
            params.hidden_size // 2 if both else params.hidden_size,
            layers=params.layers,
            bidirectional=both,
            dropout=params.dropout,
            input_dropout=params.input_dropout,
            output_dropout=params.dropout,
            locked=locked,
        )
    decoder = RecurrentDecoder(
        params.cell,
        target_size,
        params.decoder_size or params.hidden_size,
        encoder.output_size,
        layers=params.layers,
        bridge=params.bridge,
        attention=params.attention,
        attention_size=params.attention_size,
        feeding=params.feeding,
        coverage=params.coverage,
        coverage_loss=params.coverage_loss,
        dropout=params.dropout,
        input_dropout=params.input_dropout,
        locked=locked,
        schedule=params.teacher_forcing,
        forcing_start=params.forcing_start,
        forcing_end=params.forcing_end,
    )
    return RecurrentEncoderDecoder(encoder, decoder, carries=params.bridge == "copy")
