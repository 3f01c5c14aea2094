"""Options of the import of gettext catalogues."""

from __future__ import annotations

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
    encoding: Encoding = option("utf-8", what="How the file's characters are written as bytes.", typical="utf-8")
    skip_bad: bool = option(
        False, what="Leave out messages that cannot be read, and report them, instead of stopping.", advanced=True
    )
