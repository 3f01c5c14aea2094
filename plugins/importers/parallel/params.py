"""Options of the import of parallel files."""

from __future__ import annotations

from workbench.api import Params, option
from workbench.api.textfiles import Encoding


class ParallelParams(Params):
    """Which file is read as the source and which as the target."""

    source: str = option(
        "",
        what="The part of the file's name that names the source's language; empty takes the file's own.",
        when="To translate the other way, exchange source and target.",
        typical="de",
    )
    target: str = option(
        "",
        what="What stands in that place in the name of the other file; empty looks for it in the folder.",
        when="The folder holds the text in more than two languages.",
        typical="en",
    )
    encoding: Encoding = option("utf-8", what="How the files' characters are written as bytes.", typical="utf-8")
    skip_bad: bool = option(
        False,
        what="Leave out lines of which one side is empty or missing, and report them, instead of stopping.",
        advanced=True,
    )
