"""What can be chosen about a language model, whatever the network inside."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from workbench.api import Params, Preset, option

Units = Literal["words", "characters", "bpe", "unigram"]


class LanguageModellingParams(Params):
    """What the text is cut into, how far the gradient looks back, and how the vocabulary is read and written."""

    units: Units = option(
        "characters",
        what="What the text is cut into: words, single characters, or pieces of words learned from the text.",
        when="Characters for small texts and for spelling of its own; pieces (bpe, unigram) where words are many.",
        typical="words, or characters below a million characters",
    )
    vocabulary_size: int = option(
        10_000,
        ge=100,
        le=1_000_000,
        unit="symbols",
        what="Symbols known at most, the most frequent ones; others are read as unknown. Characters are all known.",
        when="Raise it when the unknown rate is high and there is much text.",
        typical="10,000 words, 2,000 to 16,000 pieces",
    )
    minimum_frequency: int = option(
        1,
        ge=1,
        le=10_000,
        unit="occurrences",
        advanced=True,
        what="Rarer symbols are read as unknown.",
        when="At 2 or more the model learns what an unknown word is like.",
        typical="1 to 3",
    )
    word_boundaries: Literal["punctuation", "spaces"] = option(
        "punctuation",
        advanced=True,
        what="Words end at punctuation, or at spaces alone: for text that is tokenised already.",
        when="Spaces for corpora such as the Penn Treebank, where a space stands before each full stop.",
        typical="punctuation",
    )
    lower_case: bool = option(False, advanced=True, what="Capitals are read as small letters.", typical="off")
    chunk: int = option(
        35,
        ge=1,
        le=10_000,
        unit="steps",
        what="Steps through which the gradient flows back; the state itself is carried on without end.",
        when="Raise it for characters. Batch tokens divided by it are the rows that are read side by side.",
        typical="30 to 70 for words, 50 to 150 for characters",
    )
    embedding_size: int = option(
        128,
        ge=1,
        le=4096,
        unit="dimensions",
        what="Length of the vector learned for each symbol.",
        when="Lower it for characters and for little text.",
        typical="200 to 650 for words, 32 to 128 for characters",
    )
    softmax: Literal["full", "adaptive"] = option(
        "full",
        what="full scores every symbol alike; adaptive spends less on rare ones, exactly, and is faster.",
        when="Adaptive from about 5,000 symbols on, when time is short.",
        typical="full",
    )
    tied: bool = option(
        True,
        what="Reading and writing share one matrix: fewer weights, and mostly a better model.",
        when="It has no effect with the adaptive softmax.",
        typical="on",
    )
    embedding_dropout: float = option(
        0.0,
        ge=0,
        lt=1,
        advanced=True,
        what="Share of the vocabulary silenced for a whole batch in training, each word wherever it stands.",
        when="For large models on little text.",
        typical="0, or 0.1",
    )
    input_dropout: float = option(
        0.1,
        ge=0,
        lt=1,
        what="Share of input features silenced in training, the same for all steps of a chunk.",
        when="Raise it when the validation loss rises while the training loss falls.",
        typical="0.1 to 0.5",
    )
    output_dropout: float = option(
        0.0,
        ge=0,
        lt=1,
        what="The same for the network's outputs, besides the network's own dropout.",
        typical="0 to 0.5",
    )
    activation_penalty: float = option(
        0.0,
        ge=0,
        le=1000,
        advanced=True,
        what="Weight of the mean square of the outputs, added to the loss (AR).",
        when="For large models that fit the training text too well.",
        typical="0, or 2",
    )
    slowness_penalty: float = option(
        0.0,
        ge=0,
        le=1000,
        advanced=True,
        what="Weight of the mean square of the change from step to step, added to the loss (TAR).",
        typical="0, or 1",
    )

    @property
    def ties(self) -> bool:
        return self.tied and self.softmax == "full"

    @model_validator(mode="after")
    def _adaptive_needs_a_vocabulary(self) -> Self:
        if self.softmax == "adaptive" and self.units == "characters":
            raise ValueError("an adaptive softmax needs rare symbols to treat cheaply; characters are too few")
        return self


PRESETS: tuple[Preset, ...] = (
    Preset(
        title="words",
        note="For a million words or so, with an LSTM of 256 units and batches of 480 to 1,024 tokens.",
        values={"units": "words", "embedding_size": 256, "chunk": 30, "softmax": "adaptive", "input_dropout": 0.15},
    ),
    Preset(
        title="characters",
        note="Learns to spell and then to write; good for texts of 100,000 characters and more.",
        values={"units": "characters", "embedding_size": 64, "chunk": 64, "input_dropout": 0.0},
    ),
    Preset(
        title="subwords",
        note="Pieces of words: no word is unknown, and far fewer steps than characters.",
        values={"units": "bpe", "vocabulary_size": 4000, "embedding_size": 128, "chunk": 50},
    ),
    Preset(
        title="as published (AWD-LSTM, Merity 2018)",
        note=(
            "Merity, Keskar & Socher (2018) for the Penn Treebank: 400 dimensions, tied, dropout everywhere, AR 2 and "
            "TAR 1, chunks of 70. Their LSTM has 3 layers of 1,150 units with weight dropout 0.5; they trained for "
            "hundreds of epochs."
        ),
        values={
            "units": "words",
            "word_boundaries": "spaces",
            "embedding_size": 400,
            "chunk": 70,
            "tied": True,
            "embedding_dropout": 0.1,
            "input_dropout": 0.4,
            "output_dropout": 0.4,
            "activation_penalty": 2.0,
            "slowness_penalty": 1.0,
        },
    ),
)
"""Good first choices, shown by the form of the task."""
