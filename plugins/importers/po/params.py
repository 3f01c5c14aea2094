"""Options of the import of gettext catalogues."""

from __future__ import annotations

from typing import Literal

from workbench.api import Params, option
from workbench.api.textfiles import Encoding


class PoParams(Params):
    """Which messages become records."""

    fuzzy: bool = option(
        False, what="Take messages marked fuzzy too: translations nobody has confirmed.", typical="off"
    )
    untranslated: bool = option(
        False, what="Take messages without a translation too, to write them here.", typical="off"
    )
    plurals: bool = option(
        True,
        what="Take every plural form as a pair of its own; off, the first form alone.",
        when="Off where one sentence is to be learned for each message.",
        typical="on",
    )
    encoding: Literal["header", Encoding] = option(
        "header",
        what="How the file's characters are written as bytes; header reads it from the catalogue's own header.",
        when="The header is wrong or missing, and the file is not UTF-8.",
        typical="header",
    )
    skip_bad: bool = option(
        False, what="Leave out messages that cannot be read, and report them, instead of stopping.", advanced=True
    )
