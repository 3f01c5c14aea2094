"""Options of the import of bracketed trees."""

from __future__ import annotations

from typing import Literal

from workbench.api import Params, option
from workbench.api.textfiles import Encoding


class BracketedParams(Params):
    """How the trees lie in the file."""

    layout: Literal["line", "spread"] = option(
        "line",
        what="A tree on every line, or trees that each go on until their brackets are closed.",
        when="Spread for the Penn treebank's own files, whose trees are indented over many lines.",
        typical="line",
    )
    wrapping: Literal["drop", "keep"] = option(
        "drop",
        what="What to do with brackets without a label around a whole tree, ((S …)): leave them out, and write them "
        "again in an export, or make them a node.",
        when="Keep them only where they mean something.",
        typical="drop",
    )
    encoding: Encoding = option(
        "utf-8", what="How the file's characters are written as bytes.", typical="utf-8", advanced=True
    )
    skip_bad: bool = option(
        False,
        what="Leave out trees that cannot be read, and report them, instead of stopping.",
        advanced=True,
    )
