"""Typed text to sentences and tokens, in the manner of the Penn Treebank and Universal Dependencies corpora.

Rules rather than a model: the same text always gives the same tokens, and a user can foresee them. A token is never
joined or rewritten, so the tokens put together are the text without its spaces.
"""

from __future__ import annotations

import re
import unicodedata

from workbench.api import Record, TaggedTokens

_ABBREVIATION = re.compile(
    r"mr|mrs|ms|dr|prof|rev|gen|col|capt|lt|sgt|sen|rep|gov|st|jr|sr|inc|ltd|co|corp|vs|etc|fig|al|ed|dept|univ|approx"
    r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun",
    re.IGNORECASE,
)
_CONTRACTION = re.compile(r"^(.+?)(n['’]t|['’](?:s|re|ve|ll|d|m))$", re.IGNORECASE)
_WHOLE_CONTRACTIONS = {"cannot": 3, "gonna": 3, "wanna": 3, "gotta": 3}
_KEEP = re.compile(
    r"""
    https?://[^\s<>"]+[^\s<>".,;:!?')\]]   # web addresses
  | www\.[^\s<>"]+[^\s<>".,;:!?')\]]
  | [\w.+-]+@[\w-]+(?:\.[\w-]+)+           # mail addresses
  | [:;=8][-^']?[)(DPpOo/\\|](?!\w)        # :-) and its family
  | [@#]\w+
  | (?:[^\W\d_]\.){2,}                     # U.S. and e.g.
  | [+-]?\d+(?:[.,:/]\d+)*(?:st|nd|rd|th|s)?(?!\w)   # 1,000.50  12:30  1990s
  | [!?.]{2,} | … | —
  | ([*=<>$~^#_-])\1+                        # rulers and emphasis
  | [^\W_]+(?:['’._&/-][^\W_]+)*           # words, also AT&T and twenty-one
  | .
    """,
    re.VERBOSE | re.IGNORECASE,
)
_ZERO_WIDTH_JOINER = "\u200d"
_GLUE = frozenset("\u200c\u200d\ufe0e\ufe0f")
"""Joiners and variation selectors: they stand inside one written character."""
_CLOSERS = "\"'’”)]}»"
_OPENERS = "\"'‘“([{«"


def tokenise(text: str) -> list[str]:
    """The tokens of one line: punctuation apart, contractions as ``do n't`` and ``it 's``."""
    tokens: list[str] = []
    for piece in text.split():
        found = [match.group() for match in _KEEP.finditer(piece)]
        for token in found if piece.isascii() else _joined(found):
            tokens.extend(_contraction(token))
    return _abbreviations(tokens, text)


def _joined(tokens: list[str]) -> list[str]:
    """Give marks (accents, vowel signs) back to their letters, and put the parts of one emoji together again."""
    joined: list[str] = []
    open_word = False
    """Whether the last token is a word or an emoji that ends with a mark, so that what follows belongs to it."""
    for token in tokens:
        mark = unicodedata.category(token[0])[0] == "M" or token[0] in _GLUE or "\U0001f3fb" <= token[0] <= "\U0001f3ff"
        if joined and (mark or (open_word and (token[0].isalnum() or joined[-1][-1] == _ZERO_WIDTH_JOINER))):
            joined[-1] += token
        else:
            joined.append(token)
        open_word = (mark or open_word) and (joined[-1][0].isalnum() or joined[-1][-1] == _ZERO_WIDTH_JOINER)
    return joined


def _contraction(token: str) -> list[str]:
    cut = _WHOLE_CONTRACTIONS.get(token.lower())
    if cut:
        return [token[:cut], token[cut:]]
    match = _CONTRACTION.match(token)
    return [match.group(1), match.group(2)] if match else [token]


def _abbreviations(tokens: list[str], text: str) -> list[str]:
    """Give a full stop back to the abbreviation it stands at (``Dr .`` is ``Dr.``)."""
    joined: list[str] = []
    for i, token in enumerate(tokens):
        last = i == len(tokens) - 1
        if token == "." and joined and not last:
            before = joined[-1]
            single = len(before) == 1 and before.isalpha() and before.isupper()
            numbered = before.lower() in ("no", "nos", "p", "pp") and tokens[i + 1][:1].isdigit()
            if (_ABBREVIATION.fullmatch(before) or single or numbered) and before + "." in text:
                joined[-1] = before + "."
                continue
        joined.append(token)
    return joined


def split_sentences(tokens: list[str]) -> list[list[str]]:
    """Cut after ``. ! ?`` and what closes with them, where the next token does not begin in lower case."""
    sentences: list[list[str]] = []
    current: list[str] = []
    i = 0
    while i < len(tokens):
        current.append(tokens[i])
        if tokens[i] in {".", "!", "?", "...", "…"} or re.fullmatch(r"[.!?]{2,}", tokens[i]):
            while (
                i + 1 < len(tokens)
                and (tokens[i + 1] in {"!", "?"} or tokens[i + 1] in _CLOSERS)
                and (tokens[i + 1] not in "\"'" or _is_open(current, tokens[i + 1]))
            ):
                i += 1
                current.append(tokens[i])
            if i + 1 < len(tokens) and not tokens[i + 1][:1].islower():
                sentences.append(current)
                current = []
        i += 1
    if current:
        sentences.append(current)
    return sentences


def _is_open(tokens: list[str], quote: str) -> bool:
    """Whether a straight quote would close one: an odd number of them stands before."""
    return tokens.count(quote) % 2 == 1


def parse_input(text: str) -> list[Record]:
    """Sentences to tag: every line by itself, a line of several sentences cut into them; no empty ones."""
    records: list[Record] = []
    for line in text.splitlines():
        records.extend(TaggedTokens(tuple(sentence)) for sentence in split_sentences(tokenise(line)))
    return records
