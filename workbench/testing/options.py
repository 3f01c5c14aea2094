"""Options of the generated tasks: few, and none that needs choosing."""

from __future__ import annotations

from workbench.api import Params, option


class GeneratedParams(Params):
    """Of the tasks that read symbols."""

    embedding_size: int = option(
        8, ge=1, le=512, unit="dimensions", what="Width of the vector that stands for a symbol.", typical="8 to 32"
    )


class StreamParams(GeneratedParams):
    chunk: int = option(
        16, ge=2, le=10_000, unit="steps", what="Steps a gradient goes back through.", typical="16 to 64"
    )


class SeriesParams(Params):
    window: int = option(16, ge=2, le=10_000, unit="steps", what="Steps the network reads.", typical="16 to 64")
    horizon: int = option(2, ge=1, le=100, unit="steps", what="Steps it foretells.", typical="1 to 8")
    stride: int = option(4, ge=1, le=10_000, unit="steps", what="From one training window to the next.", typical="4")


class NoParams(Params):
    """Nothing to choose."""
