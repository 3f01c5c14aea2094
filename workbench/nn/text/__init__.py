"""Text as numbers: words, characters and subwords, fitted on training texts. No torch here, so that Qt may have it."""

from workbench.nn.text.cutting import Piece
from workbench.nn.text.tokeniser import END, KINDS, PAD, SPECIALS, START, UNKNOWN, Kind, Tokeniser, normalise

__all__ = ["END", "KINDS", "PAD", "SPECIALS", "START", "UNKNOWN", "Kind", "Piece", "Tokeniser", "normalise"]
