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
    divide: Literal["no", "90/5/5", "80/10/10"] = option(
        "no",
        what="Shares of the file, from its beginning to its end, for train, validation and test.",
        when="For one long text without files of its own to validate and test on. The name of a file goes before it.",
        typical="90/5/5 for a language model",
    )
    encoding: Encoding = option("utf-8", what="How the file's characters are written as bytes.", typical="utf-8")
