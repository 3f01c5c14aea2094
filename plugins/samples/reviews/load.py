"""Making the reviews: a small grammar, drawn from with a fixed seed, so that they are the same on every machine.

What makes them worth a recurrent network: "not" and "never" turn the next judgement round, and of two judgements
joined by "but" the second decides, so that no list of good and bad words is enough.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from workbench.api import LabelledText

SIZES = {"train": 1600, "validation": 200, "test": 200}
PLAIN = 60
"""The first reviews of the training split are plain ones: whoever opens the data sees at once what it is about."""
_SEED = 2026
POSITIVE, NEGATIVE = "praise", "complaint"

_THINGS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    # what may be judged, words of praise, words of complaint
    "food": (
        ("the soup", "the pasta", "the bread", "dinner", "breakfast", "the fish", "my salad", "the dessert"),
        ("good", "fresh", "delicious", "tasty", "excellent", "warm", "perfect"),
        ("bad", "stale", "bland", "cold", "salty", "awful", "greasy"),
    ),
    "people": (
        ("the waiter", "the staff", "the owner", "our guide", "the driver", "the man at the desk", "the nurse"),
        ("friendly", "kind", "helpful", "patient", "polite", "wonderful", "quick"),
        ("rude", "slow", "unkind", "careless", "impatient", "useless", "loud"),
    ),
    "place": (
        ("the room", "the bathroom", "the garden", "the view", "our table", "the pool", "the lobby", "the bed"),
        ("clean", "quiet", "lovely", "bright", "comfortable", "spotless", "beautiful"),
        ("dirty", "noisy", "ugly", "dark", "broken", "smelly", "terrible"),
    ),
    "work": (
        ("the film", "the book", "the show", "the plot", "the ending", "the music", "the story", "the acting"),
        ("moving", "clever", "funny", "brilliant", "exciting", "original", "great"),
        ("boring", "silly", "predictable", "weak", "dull", "confusing", "poor"),
    ),
}
_DEGREE = ("", "", "", "very ", "really ", "so ", "quite ", "rather ")
_LIKED = ("we loved {}", "I enjoyed {}", "I would choose {} again", "I can recommend {}", "{} made us happy")
_DISLIKED = ("we hated {}", "I regret {}", "I cannot recommend {}", "{} made us angry", "I would avoid {}")
_OPENINGS = ("", "", "", "", "honestly, ", "last week ", "for the price, ", "to be fair, ", "as always, ")
_CLOSINGS = ("", "", "", "", " this time", " again", " for us", " on our last evening")
_TURNS = (", but ", ", yet ", "; still, ", ", however ")
_ANDS = (", and ", ". Besides, ", "; also, ")


def records() -> Iterator[tuple[str, str, LabelledText]]:
    """(split, document, review) triples; no review occurs twice."""
    draw = random.Random(_SEED)
    seen: set[str] = set()
    for split, size in SIZES.items():
        count = 0
        while count < size:
            text, good = _plain_review(draw) if split == "train" and count < PLAIN else _review(draw)
            if text not in seen:
                seen.add(text)
                count += 1
                yield split, "", LabelledText(text, POSITIVE if good else NEGATIVE)


def _plain_review(draw: random.Random) -> tuple[str, bool]:
    """One judgement, and none that is turned round."""
    good = draw.random() < 0.5
    things, praise, complaint = _THINGS[draw.choice(sorted(_THINGS))]
    thing = draw.choice(things)
    if draw.random() < 0.5:
        return f"We {'loved' if good else 'hated'} {thing}.", good
    verb = "were" if thing == "the staff" else "was"
    return f"{thing[0].upper() + thing[1:]} {verb} {(praise if good else complaint)[0]}.", good


def _review(draw: random.Random) -> tuple[str, bool]:
    good = draw.random() < 0.5
    kind = draw.random()
    if kind < 0.5:
        text = _clause(draw, good)
    elif kind < 0.8:
        text = _clause(draw, not good) + draw.choice(_TURNS) + _clause(draw, good)
    else:
        text = _clause(draw, good) + draw.choice(_ANDS) + _clause(draw, good)
    text = draw.choice(_OPENINGS) + text + draw.choice(_CLOSINGS) + draw.choice((".", ".", ".", "!", ""))
    return text[0].upper() + text[1:], good


def _clause(draw: random.Random, good: bool) -> str:
    things, praise, complaint = _THINGS[draw.choice(sorted(_THINGS))]
    thing = draw.choice(things)
    if draw.random() < 0.3:
        return draw.choice(_LIKED if good else _DISLIKED).format(thing)
    verb = "were" if thing == "the staff" else "was"
    turned = draw.random() < 0.35
    word = draw.choice(praise if good != turned else complaint)
    if turned:
        return f"{thing} {verb} {draw.choice(('not', 'never', 'hardly', 'anything but'))} {word}"
    return f"{thing} {verb} {draw.choice(_DEGREE)}{word}"
