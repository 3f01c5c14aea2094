"""Options of the CoNLL-U import."""

from __future__ import annotations

from workbench.api import Params, option
from workbench.api.textfiles import Encoding


class ConlluParams(Params):
    """Which columns become label layers."""

    layers: tuple[str, ...] = option(
        ("upos", "xpos"),
        what="Columns to learn from: upos, xpos, feats, lemma or deprel. The others stay as they are on export.",
        when="Add feats for morphology.",
        typical="upos xpos",
    )
    encoding: Encoding = option(
        "utf-8", what="How the file's characters are written as bytes.", typical="utf-8", advanced=True
    )
    skip_bad: bool = option(
        False, what="Leave out sentences that are not CoNLL-U, and report them, instead of stopping.", advanced=True
    )
