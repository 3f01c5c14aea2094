"""Options of the encoder-decoder, and which of them go together."""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from workbench.api import Params, RecurrentParams, option


class CellOfBoth(Params):
    """Stands before the inherited options, since pydantic takes the fields of the last base first."""

    cell: Literal["lstm", "gru", "rnn", "mogrifier", "min_gru", "min_lstm", "ind_rnn"] = option(
        "lstm",
        what="The kind of cell that reads and that writes.",
        when="GRU for fewer weights and faster training on a CPU.",
        typical="lstm or gru",
    )


class EncoderDecoderParams(RecurrentParams, CellOfBoth):
    """Options of the encoder-decoder. ``hidden_size`` counts the encoder's states, both directions together."""

    encoder: Literal["bidirectional", "forward", "none"] = option(
        "bidirectional",
        what="How the input is read: with half of the units in each direction, forwards only, or not at all.",
        when="none for a vector or an image whose features come from elsewhere.",
        typical="bidirectional",
    )
    decoder_size: int = option(
        0,
        ge=0,
        le=8192,
        unit="units",
        advanced=True,
        what="Units of each decoder layer; 0 takes hidden_size.",
        when="Rarely: a large encoder beside a small decoder.",
        typical="0",
    )
    bridge: Literal["tanh", "linear", "copy"] = option(
        "tanh",
        advanced=True,
        what="How the decoder's first state is made of the encoder's last: by a layer, or copied layer by layer.",
        when="copy with a forward encoder, as in the first published models.",
        typical="tanh",
    )
    attention: Literal["general", "dot", "additive", "concat", "none"] = option(
        "general",
        what="How the decoder finds where to look in the input; none leaves it the encoder's last state alone.",
        when="additive often learns best and costs most; none to see what attention is worth.",
        typical="general or additive",
    )
    attention_size: int = option(
        0,
        ge=0,
        le=8192,
        unit="units",
        advanced=True,
        what="Hidden units of additive and concat attention; 0 takes as many as the decoder has.",
        typical="0",
    )
    feeding: Literal["none", "input", "context"] = option(
        "none",
        what="What the decoder reads beside its last symbol: nothing, its last answer, or what it looks at.",
        when="input or context when words are left out or repeated; none trains fastest, all steps at once.",
        typical="none",
    )
    coverage: bool = option(
        False,
        advanced=True,
        what="Attention also sees how much it has looked at each place before.",
        when="When outputs repeat themselves.",
        typical="off",
    )
    coverage_loss: float = option(
        0.0,
        ge=0,
        le=100,
        advanced=True,
        what="Weight of the penalty, in training, for looking at one place again.",
        when="1 in the last part of the training of a summariser, with coverage.",
        typical="0 or 1",
    )
    teacher_forcing: Literal["constant", "linear", "exponential", "inverse_sigmoid"] = option(
        "constant",
        advanced=True,
        what="How the share of training steps that see the gold symbol changes, from its start to its end value.",
        when="A falling one when teacher-forced and free-running results lie far apart; it trains slower.",
        typical="constant",
    )
    forcing_start: float = option(
        1.0,
        ge=0,
        le=1,
        advanced=True,
        what="Share of steps given the gold symbol when training begins; the rest get the model's own.",
        typical="1",
    )
    forcing_end: float = option(
        0.5,
        ge=0,
        le=1,
        advanced=True,
        what="The same when training ends, for every schedule but constant.",
        typical="0 to 0.7",
    )

    @field_validator("encoder")
    @classmethod
    def _halves(cls, value: str, info: ValidationInfo) -> str:
        if value == "bidirectional" and info.data.get("hidden_size", 2) % 2:
            raise PydanticCustomError(
                "combination", "each direction gets half of hidden_size, which is therefore to be even"
            )
        return value

    @field_validator("bridge")
    @classmethod
    def _copies(cls, value: str, info: ValidationInfo) -> str:
        size = info.data.get("decoder_size", 0)
        if value == "copy" and (
            info.data.get("encoder") != "forward" or size not in (0, info.data.get("hidden_size", size))
        ):
            raise PydanticCustomError("combination", "copy needs encoder = forward and a decoder of the same size")
        return value

    @field_validator("attention")
    @classmethod
    def _compares(cls, value: str, info: ValidationInfo) -> str:
        size = info.data.get("decoder_size", 0)
        if (
            value == "dot"
            and info.data.get("encoder") != "none"
            and size not in (0, info.data.get("hidden_size", size))
        ):
            raise PydanticCustomError("combination", "dot compares states of one size: general takes any")
        return value

    @field_validator("feeding", "coverage", "coverage_loss")
    @classmethod
    def _attends(cls, value: object, info: ValidationInfo) -> object:
        if info.data.get("attention") == "none" and (value == "input" or (value and value not in ("none", "context"))):
            raise PydanticCustomError("combination", "this needs an attention, and attention is none")
        return value
