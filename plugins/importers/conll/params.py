"""Options of the CoNLL import."""

from __future__ import annotations

from typing import Literal

from workbench.api import Params, option
from workbench.api.textfiles import Encoding


class ConllParams(Params):
    """How to read a column file; what is left at its default is recognised from the file."""

    columns: tuple[str, ...] = option(
        (),
        what="What each column holds, from the left: `token`, the name of a label layer (`ner`, `pos`), or `_` to skip "
        "it. Empty: recognised from the file.",
        when="Name them when a column was recognised wrongly.",
        typical="token pos chunk ner",
    )
    scheme: Literal["auto", "iob1", "iob2", "iobes", "bilou", "io"] = option(
        "auto",
        what="How spans are written in the label columns; auto recognises it for each column.",
        when="Set it when a small file tells too little.",
        typical="auto",
    )
    separator: Literal["auto", "tab", "space", "whitespace"] = option(
        "auto", what="What stands between columns.", typical="auto", advanced=True
    )
    comments: Literal["auto", "yes", "no"] = option(
        "auto",
        what="Whether lines that begin with # before a sentence are comments; auto tells them from a token # by their "
        "columns.",
        typical="auto",
        advanced=True,
    )
    encoding: Encoding = option(
        "utf-8",
        what="How the file's characters are written as bytes.",
        when="Change it when the import says the file is not UTF-8.",
        typical="utf-8",
    )
    skip_bad: bool = option(
        False,
        what="Leave out sentences with a wrong number of columns, and report them, instead of stopping.",
        advanced=True,
    )
