"""The counting loop of the CoNLL shared tasks' ``conlleval`` written out token by token, to compare with.

After the Perl script of Erik Tjong Kim Sang (2004): chunks are never built, only their beginnings and ends are noticed.
"""

from __future__ import annotations


def _parts(tag: str) -> tuple[str, str]:
    return ("O", "") if tag == "O" else (tag[0], tag[2:])


def _ends(previous: str, tag: str, previous_type: str, type_: str) -> bool:
    if (previous, tag) in {("B", "B"), ("B", "O"), ("I", "B"), ("I", "O")}:
        return True
    return previous != "O" and previous_type != type_


def _starts(previous: str, tag: str, previous_type: str, type_: str) -> bool:
    if (previous, tag) in {("B", "B"), ("I", "B"), ("O", "B"), ("O", "I")}:
        return True
    return tag != "O" and previous_type != type_


def conlleval(pairs) -> tuple[int, int, int]:
    """(correct, guessed, gold) chunks of (gold tags, guessed tags) sentences in IOB."""
    correct = guessed = gold = 0
    last_gold = last_guess = ("O", "")
    in_correct = False
    for gold_tags, guess_tags in pairs:
        # the empty line between sentences reads as a token outside
        for gold_tag, guess_tag in [*zip(gold_tags, guess_tags, strict=True), ("O", "O")]:
            g, p = _parts(gold_tag), _parts(guess_tag)
            if in_correct:
                gold_ends = _ends(last_gold[0], g[0], last_gold[1], g[1])
                guess_ends = _ends(last_guess[0], p[0], last_guess[1], p[1])
                if gold_ends and guess_ends and last_guess[1] == last_gold[1]:
                    in_correct = False
                    correct += 1
                elif gold_ends != guess_ends or p[1] != g[1]:
                    in_correct = False
            gold_starts = _starts(last_gold[0], g[0], last_gold[1], g[1])
            guess_starts = _starts(last_guess[0], p[0], last_guess[1], p[1])
            if gold_starts and guess_starts and p[1] == g[1]:
                in_correct = True
            gold += gold_starts
            guessed += guess_starts
            last_gold, last_guess = g, p
    return correct + in_correct, guessed, gold
