"""Decoders: networks that write a sequence of their own length while they look at what an encoder has read."""

from workbench.nn.decoders.memory import Memory, SourceEncoder
from workbench.nn.decoders.pair import RecurrentEncoderDecoder
from workbench.nn.decoders.recurrent import RecurrentDecoder
from workbench.nn.decoders.schedules import ForcingSchedule, forcing_ratio

__all__ = [
    "ForcingSchedule",
    "Memory",
    "RecurrentDecoder",
    "RecurrentEncoderDecoder",
    "SourceEncoder",
    "forcing_ratio",
]
