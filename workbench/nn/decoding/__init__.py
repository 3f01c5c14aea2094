"""Writing with a model: greedy, beam search and sampling, for decoders and language models alike."""

from workbench.nn.decoding.beam import beam_search
from workbench.nn.decoding.choose import decode
from workbench.nn.decoding.hypotheses import Hypothesis, copy_unknowns, final_score
from workbench.nn.decoding.options import Decoding, Symbols
from workbench.nn.decoding.single import greedy, sample
from workbench.nn.decoding.stepper import Begun, DecoderStepper, EncoderStepper, Stepper

__all__ = [
    "Begun",
    "Decoding",
    "DecoderStepper",
    "EncoderStepper",
    "Hypothesis",
    "Stepper",
    "Symbols",
    "beam_search",
    "copy_unknowns",
    "decode",
    "final_score",
    "greedy",
    "sample",
]
