"""Encoder-decoder: one network reads a sequence (or a vector, or an image), another writes one of its own length."""

from __future__ import annotations

from workbench_plugins.architectures.encoder_decoder.explained import DIAGRAM, EQUATIONS, SYMBOLS
from workbench_plugins.architectures.encoder_decoder.params import EncoderDecoderParams

from workbench.api import Architecture, IOShape, Preset, Ref, Registrar, Trait, hookimpl

ENCODER_DECODER = Architecture(
    id="encoder_decoder",
    title="Encoder-decoder",
    summary="Reads a whole input, then writes an output of another length: translation, captions, transcripts.",
    params=EncoderDecoderParams,
    factory=Ref("workbench_plugins.architectures.encoder_decoder.model:build"),
    shapes=frozenset({IOShape.ONE_TO_MANY, IOShape.MANY_TO_MANY}),
    accepts=frozenset({Trait.SEQUENCE, Trait.DECODER}),
    equations=EQUATIONS,
    symbols=SYMBOLS,
    diagram=DIAGRAM,
    presets=(
        Preset(title="small", values={"hidden_size": 64, "cell": "gru"}, note="Trains in a minute; a first look."),
        Preset(title="medium", values={"hidden_size": 256, "dropout": 0.3}, note="A good first choice."),
        Preset(
            title="large",
            values={"hidden_size": 512, "layers": 2, "dropout": 0.3, "feeding": "input"},
            note="For a hundred thousand pairs and more.",
        ),
        Preset(
            title="as published: Bahdanau 2015",
            values={
                "cell": "gru",
                "hidden_size": 2000,
                "decoder_size": 1000,
                "attention": "additive",
                "attention_size": 1000,
                "feeding": "context",
                "bridge": "tanh",
                "dropout": 0.0,
            },
            note="RNNsearch: 1,000 units in each direction; ours answers with tanh where theirs had a maxout layer.",
        ),
        Preset(
            title="as published: Luong 2015",
            values={
                "cell": "lstm",
                "encoder": "forward",
                "hidden_size": 1000,
                "layers": 4,
                "attention": "general",
                "feeding": "input",
                "bridge": "copy",
                "dropout": 0.2,
                "dropout_kind": "plain",
            },
            note="Global attention with input feeding; they also gave the source in reverse.",
        ),
        Preset(
            title="context vector only: Cho 2014",
            values={
                "cell": "gru",
                "encoder": "forward",
                "hidden_size": 1000,
                "attention": "none",
                "feeding": "context",
                "dropout": 0.0,
            },
            note="Everything the decoder knows of the source is one vector: compare it on long inputs.",
        ),
    ),
    comparison={
        "key feature": "Two networks: one reads, one writes; attention lets each output look back at the input.",
        "strengths": "Output of any length and order; shows what each output was made from.",
        "weaknesses": "Writes step by step, so it is slower in use; needs many pairs; errors feed on themselves.",
        "typical use": "Translation, summaries, captions of images, transcripts.",
    },
)


@hookimpl
def register_architectures(registry: Registrar) -> None:
    registry.add(ENCODER_DECODER)
