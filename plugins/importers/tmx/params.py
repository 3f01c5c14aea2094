"""Options of the import of translation memories."""

from __future__ import annotations

from workbench.api import Params, option


class TmxParams(Params):
    """Which of the memory's languages are source and target."""

    source: str = option(
        "",
        what="The source's language as the file names it; en takes en-GB too. Empty: the first of the first unit.",
        when="The memory has several languages, or is to be learned the other way.",
        typical="en",
    )
    target: str = option(
        "", what="The target's language. Empty: the second of the first unit.", typical="de"
    )
    skip_bad: bool = option(
        False,
        what="Leave out units that lack one of the two languages, and report them, instead of stopping.",
        advanced=True,
    )
