"""Options of the JSON Lines import."""

from __future__ import annotations

from typing import Literal

from workbench.api import Params, option
from workbench.api.textfiles import Encoding


class JsonlParams(Params):
    """Where an object keeps its text and labels."""

    text_key: str = option("", what="Key of the text, or of the list of tokens. Empty: recognised.", typical="text")
    label_key: str = option("", what="Key of the spans, or of the list of tags. Empty: recognised.", typical="spans")
    layer: str = option("ner", what="Name of the label layer.", typical="ner")
    misaligned: Literal["widen", "drop", "stop"] = option(
        "widen",
        what="What to do with a span that begins or ends inside a token: take whole tokens, leave it out, or stop. "
        "Each is reported with its line.",
        when="Stop when the offsets must be exact.",
        typical="widen",
    )
    encoding: Encoding = option(
        "utf-8", what="How the file's characters are written as bytes.", typical="utf-8", advanced=True
    )
    skip_bad: bool = option(
        False, what="Leave out lines that cannot be read, and report them, instead of stopping.", advanced=True
    )
