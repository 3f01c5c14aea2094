"""Options of the table imports: what every table has, and which columns hold what."""

from __future__ import annotations

from typing import Literal

from workbench.api import Params, option
from workbench.api.textfiles import Encoding

_NAMED = "Its name in the header, or its number from 1."


class TableParams(Params):
    """How a table is written."""

    delimiter: Literal["auto", "comma", "semicolon", "tab", "bar"] = option(
        "auto",
        what="What stands between two cells of a line. JSON Lines and Parquet have none.",
        when="The cells are cut at the wrong place.",
        typical="auto",
    )
    header: Literal["auto", "yes", "no"] = option(
        "auto",
        what="Whether the first line names the columns.",
        when="The first record is missing, or the names became a record.",
        typical="auto",
    )
    quotes: Literal["auto", "yes", "no"] = option(
        "auto",
        what="Whether double quotes around a cell belong to the format, or to the text.",
        when="A line end is swallowed, or the text keeps its quotes.",
        typical="auto: yes, but for tables with tabs whose quotes do not close",
        advanced=True,
    )
    split_column: str = option(
        "", what="Column that says train, validation or test of each record. " + _NAMED, typical="split", advanced=True
    )
    encoding: Encoding = option(
        "utf-8", what="How the file's characters are written as bytes.", typical="utf-8", advanced=True
    )
    skip_bad: bool = option(
        False, what="Leave out rows that cannot be read, and report them, instead of stopping.", advanced=True
    )


class LabelledTableParams(TableParams):
    """Where the text and its label stand."""

    text: str = option("", what=f"Column of the text. {_NAMED} Empty: recognised.", typical="text, sentence, review")
    label: str = option("", what=f"Column of the label. {_NAMED} Empty: recognised.", typical="label, sentiment")


class PairTableParams(TableParams):
    """Where the source and the target stand."""

    source: str = option("", what=f"Column of the source. {_NAMED} Empty: recognised.", typical="source, en")
    target: str = option("", what=f"Column of the target. {_NAMED} Empty: recognised.", typical="target, fr")


class TextTableParams(TableParams):
    """Where the text stands."""

    text: str = option("", what=f"Column of the text. {_NAMED} Empty: recognised.", typical="text")
