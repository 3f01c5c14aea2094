"""Options of the plain text import."""

from __future__ import annotations

from typing import Literal

from workbench.api import Params, option
from workbench.api.textfiles import Encoding


class TextParams(Params):
    """How to cut a text into records."""

    unit: Literal["line", "paragraph"] = option(
        "line",
        what="A record for every line, or for every paragraph (lines up to an empty one).",
        when="Paragraph when lines are broken at a fixed width.",
        typical="line",
    )
    encoding: Encoding = option("utf-8", what="How the file's characters are written as bytes.", typical="utf-8")
