"""Which plural form serves which number: the ``Plural-Forms`` line of a catalogue's header, read without ``eval``.

The rule is an expression of C in ``n`` (GNU gettext manual, "Additional functions for plural forms"), for example
``nplurals=3; plural=n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 ? 1 : 2``. The form of n = 1 goes with ``msgid``,
every other one with ``msgid_plural``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_FORMS = re.compile(r"^plural-forms:\s*nplurals\s*=\s*(\d+)\s*;\s*plural\s*=\s*([^;\n]+)", re.IGNORECASE | re.MULTILINE)
_TOKEN = re.compile(r"\s*(\d+|n\b|&&|\|\||[<>=!]=|[<>!?:()%*/+-])")
_LONGEST = 1000
_DEEPEST = 60

_BINARY: Final[dict[str, tuple[int, Callable[[int, int], int]]]] = {
    "||": (1, lambda a, b: int(bool(a) or bool(b))),
    "&&": (2, lambda a, b: int(bool(a) and bool(b))),
    "==": (3, lambda a, b: int(a == b)),
    "!=": (3, lambda a, b: int(a != b)),
    "<": (4, lambda a, b: int(a < b)),
    ">": (4, lambda a, b: int(a > b)),
    "<=": (4, lambda a, b: int(a <= b)),
    ">=": (4, lambda a, b: int(a >= b)),
    "+": (5, lambda a, b: a + b),
    "-": (5, lambda a, b: a - b),
    "*": (6, lambda a, b: a * b),
    "/": (6, lambda a, b: a // b),
    "%": (6, lambda a, b: a % b),
}
"""Operators with how tightly they bind, and what they do; all numbers here are 0 or more."""


def plural_forms(header: str) -> tuple[int, int] | None:
    """(number of forms, the form of n = 1) from the text of a header; None without the line or with a placeholder.

    :class:`ValueError` for a rule that is none, or whose form of 1 does not exist.
    """
    match = _FORMS.search(header)
    if match is None:
        if re.search(r"^plural-forms:", header, re.IGNORECASE | re.MULTILINE) and "EXPRESSION" not in header:
            raise ValueError("it has no number of forms (nplurals) or no rule (plural)")
        return None
    count = int(match[1])
    one = form_of(match[2], 1)
    if not 1 <= count <= 20 or not 0 <= one < count:
        raise ValueError(f"its rule gives form {one} for the number 1, and there are {count} forms")
    return count, one


def form_of(rule: str, n: int) -> int:
    """The value of ``rule`` for ``n``; :class:`ValueError` where it is no expression of a plural rule."""
    if len(rule) > _LONGEST:
        raise ValueError("its rule is too long to be one")
    tokens, place = [], 0
    rule = rule.rstrip()
    while place < len(rule):
        match = _TOKEN.match(rule, place)
        if match is None:
            raise ValueError(f"its rule has {rule[place : place + 10].strip()!r}, which no plural rule has")
        tokens.append(match[1])
        place = match.end()
    reader = _Rule(tokens, n)
    value = reader.choice(0)
    if reader.tokens:
        raise ValueError(f"its rule has {reader.tokens[0]!r} where it should end")
    return value


class _Rule:
    """Recursive descent over the tokens of a rule, evaluating as it goes."""

    def __init__(self, tokens: list[str], n: int) -> None:
        self.tokens = tokens
        self.n = n

    def choice(self, depth: int) -> int:
        """``condition ? value : choice``, or a plain value."""
        if depth > _DEEPEST:
            raise ValueError("its rule is nested too deeply to be one")
        condition = self._binary(1, depth)
        if not self._took("?"):
            return condition
        first = self.choice(depth + 1)
        self._need(":")
        second = self.choice(depth + 1)
        return first if condition else second

    def _binary(self, least: int, depth: int) -> int:
        left = self._single(depth)
        while self.tokens and self.tokens[0] in _BINARY and _BINARY[self.tokens[0]][0] >= least:
            operator = self.tokens.pop(0)
            strength, work = _BINARY[operator]
            right = self._binary(strength + 1, depth + 1)
            if operator in "/%" and right == 0:
                raise ValueError("its rule divides by 0")
            left = work(left, right)
        return left

    def _single(self, depth: int) -> int:
        if depth > _DEEPEST:
            raise ValueError("its rule is nested too deeply to be one")
        if self._took("!"):
            return int(not self._single(depth + 1))
        if self._took("("):
            value = self.choice(depth + 1)
            self._need(")")
            return value
        if not self.tokens:
            raise ValueError("its rule ends where a number should follow")
        token = self.tokens.pop(0)
        if token == "n":
            return self.n
        if not token.isdigit() or len(token) > 9:
            raise ValueError(f"its rule has {token!r} where a number should stand")
        return int(token)

    def _took(self, token: str) -> bool:
        if self.tokens and self.tokens[0] == token:
            self.tokens.pop(0)
            return True
        return False

    def _need(self, token: str) -> None:
        if not self._took(token):
            raise ValueError(f"its rule lacks a {token!r}")
