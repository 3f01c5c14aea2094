"""Labelled trees: a record of nodes in post-order, its bracketed writing, and the two-children form cells ask for.

Everything here walks with a stack of its own or in one pass, never by recursion: a tree may be thousands deep.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

EMPTY_LABEL = '""'
"""Written for a node without a label where its place must be held: ``("" saw (2 John))``."""
BINARISED = "@"
"""Begins the tag of a node that :func:`binarise` put in."""
JOINED = "+"
"""Joins the tags of a chain of single children that :func:`collapse_unary` made one node."""

_PIECES = re.compile(r"\(([^\s()]*)|(\))|([^\s()]+)")
_BRACKETS = {"(": "-LRB-", ")": "-RRB-"}
"""How the Penn treebank writes a bracket that is a word."""


@dataclass(frozen=True, slots=True)
class LabelledTree:
    """A tree whose every node may carry a word and a tag.

    Nodes are in post-order: children before their parent, siblings in order, the root last. ``words`` has one entry a
    node, "" where it has none (the inner nodes of a constituency tree); ``parents`` the number of each node's parent,
    -1 for the root; ``tags`` the label of each node, "" for none. ``ValueError`` for anything that is not one tree.
    """

    KIND: ClassVar[str] = "labelled_tree"

    words: tuple[str, ...]
    parents: tuple[int, ...]
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", tuple(self.words))
        object.__setattr__(self, "parents", tuple(self.parents))
        object.__setattr__(self, "tags", tuple(self.tags) or ("",) * len(self.words))
        check_parents(self.parents)
        if len(self.words) != len(self.parents) or len(self.tags) != len(self.parents):
            raise ValueError(
                f"{len(self.parents)} nodes with {len(self.words)} words and {len(self.tags)} tags: "
                "every node needs one of each, which may be empty"
            )

    def children(self) -> list[list[int]]:
        """The children of every node, in order."""
        found: list[list[int]] = [[] for _ in self.parents]
        for node, parent in enumerate(self.parents[:-1]):
            found[parent].append(node)
        return found

    def leaves(self) -> tuple[int, ...]:
        """The nodes without children, from left to right."""
        inner = set(self.parents)
        return tuple(node for node in range(len(self.parents)) if node not in inner)

    def names(self) -> tuple[str, ...]:
        """What to call each node: its word, or the words below it, as "(film)" or "(the … film)"; "∅" without any."""
        first, last = list(self.words), list(self.words)
        seen = [False] * len(self.words)
        for node, parent in enumerate(self.parents[:-1]):
            if last[node] and not self.words[parent]:
                first[parent] = first[parent] if seen[parent] else first[node]
                last[parent], seen[parent] = last[node], True
        return tuple(
            self.words[node] or (f"({a} … {b})" if a != b else f"({a})" if a else "∅")
            for node, (a, b) in enumerate(zip(first, last, strict=True))
        )

    def with_tag(self, node: int, tag: str) -> LabelledTree:
        """The same tree with another tag at ``node``."""
        return LabelledTree(self.words, self.parents, (*self.tags[:node], tag, *self.tags[node + 1 :]))

    def to_json(self) -> dict[str, Any]:
        """Three flat lists, so that the depth of a tree is nothing to JSON."""
        return {"words": list(self.words), "parents": list(self.parents), "tags": list(self.tags)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(tuple(data["words"]), tuple(int(parent) for parent in data["parents"]), tuple(data.get("tags", ())))

    def search_text(self) -> str:
        return " ".join(word for word in self.words if word)

    def labels(self) -> dict[str, frozenset[str]]:
        return {"node": frozenset(tag for tag in self.tags if tag)}

    def size(self) -> int:
        return len(self.parents)


def check_parents(parents: Sequence[int]) -> None:
    """Refuse with a ``ValueError`` in words what is not one tree in post-order."""
    count = len(parents)
    if not count:
        raise ValueError("a tree needs at least one node")
    last = count - 1
    open_nodes: list[int] = []  # the roots of the finished subtrees, from left to right
    for node, parent in enumerate(parents):
        if parent <= node or parent > last:
            if parent == -1 and node == last:
                pass
            else:
                raise ValueError(_what_is_wrong(parents))
        while open_nodes and parents[open_nodes[-1]] == node:
            open_nodes.pop()
        open_nodes.append(node)
    if len(open_nodes) != 1:
        # a subtree was still waiting for its parent when that parent, further left on the stack, had come and gone
        node = open_nodes[0]
        raise ValueError(
            f"node {node} does not stand with its parent {parents[node]} in post-order: "
            "between a node and its parent only the parent's other children and what is below them may stand"
        )


def _what_is_wrong(parents: Sequence[int]) -> str:
    """The first thing that keeps ``parents`` from being a tree in order, the worst kinds first."""
    count = len(parents)
    roots = [node for node, parent in enumerate(parents) if parent == -1]
    for node, parent in enumerate(parents):
        if parent < -1 or parent >= count:
            return f"node {node} names {parent} as its parent, but the nodes are 0 to {count - 1}"
    state = [0] * count  # 1: on the way up that is being walked, 2: known to reach a root
    for start in range(count):
        way = []
        node = start
        while node != -1 and state[node] == 0:
            state[node] = 1
            way.append(node)
            node = parents[node]
        if node != -1 and state[node] == 1:
            circle = [*way[way.index(node) :], node]
            shown = [str(one) for one in circle]
            if len(shown) > 8:
                shown = [*shown[:6], "…", shown[-1]]
            return f"node {node} is its own ancestor ({' → '.join(shown)}): a cycle, not a tree"
        for one in way:
            state[one] = 2
    if len(roots) > 1:
        return f"there are {len(roots)} roots (nodes {', '.join(map(str, roots[:5]))}): a tree has one"
    if parents[-1] != -1:
        return f"node {count - 1} is the last one and not the root; in post-order the root comes last"
    node = next(node for node, parent in enumerate(parents[:-1]) if parent <= node)
    return f"node {node} comes after its parent {parents[node]}; children stand before their parent"


# -- bracketed text ---------------------------------------------------------------------------------------------------


def parse_bracketed(text: str) -> LabelledTree:
    """The tree of ``(2 (3 good) (2 film))``: the label directly after the bracket, then a word or subtrees.

    ``( word)`` and ``((S …))`` have no label. A single word between a label and subtrees is the node's own
    (``(2 saw (2 John))``: dependency trees); several words are children without labels, and so are the words of a node
    without a label that has subtrees. ``ValueError`` with the character at which the brackets go wrong.
    """
    words: list[str] = []
    tags: list[str] = []
    parents: list[int] = []
    taken_back: set[int] = set()
    # of every open bracket: its label, the finished nodes below it, the first of them that is a bare word and how many
    # are, and where it stands
    stack: list[_Open] = []
    done = False
    for piece in _PIECES.finditer(text):
        label, closing, word = piece.groups()
        if done:
            rest = text[piece.start() :][:20]
            raise ValueError(f"something follows the tree, at character {piece.start() + 1}: {rest!r}")
        if label is not None:
            stack.append(_Open(label, piece.start()))
            continue
        if not stack:
            found = "a closing bracket" if closing else repr(word)
            place = piece.start() + 1
            raise ValueError(f"{found} stands at character {place} where a tree begins with an open bracket")
        top = stack[-1]
        if word is not None:
            top.bare.append(len(words))
            top.below.append(len(words))
            words.append(word)
            tags.append("")
            parents.append(-1)
            continue
        stack.pop()
        if not top.label and not top.below:
            raise ValueError(f"the brackets at character {top.start + 1} are empty")
        own = ""
        if len(top.bare) == 1 and top.bare[0] == top.below[0] and (top.label or len(top.below) == 1):
            # the node's own word: it was put down as a child, and is taken back
            own = words[top.bare[0]]
            taken_back.add(top.bare[0])
            del top.below[0]
        for child in top.below:
            parents[child] = len(words)
        if stack:
            stack[-1].below.append(len(words))
        else:
            done = True
        words.append(own)
        tags.append("" if top.label == EMPTY_LABEL else top.label)
        parents.append(-1)
    if stack:
        raise ValueError(f"the bracket at character {stack[-1].start + 1} is not closed")
    if not done:
        raise ValueError("there is no tree here")
    return _without(taken_back, words, parents, tags)


@dataclass(slots=True)
class _Open:
    """A bracket that is open while a tree is read: the nodes below it so far, and those of them that are bare words."""

    label: str
    start: int
    below: list[int] = field(default_factory=list)
    bare: list[int] = field(default_factory=list)


def _without(gone: set[int], words: list[str], parents: list[int], tags: list[str]) -> LabelledTree:
    """The tree without the nodes ``gone``, which have no children."""
    kept = [node for node in range(len(words)) if node not in gone]
    number = {-1: -1, **{node: new for new, node in enumerate(kept)}}
    return LabelledTree(
        tuple(words[node] for node in kept),
        tuple(number[parents[node]] for node in kept),
        tuple(tags[node] for node in kept),
    )


def format_bracketed(tree: LabelledTree) -> str:
    """One line that :func:`parse_bracketed` reads as the same tree.

    A bracket within a word is written as the Penn treebank does (``-LRB-``); ``ValueError`` for a blank within one.
    """
    pieces: list[str] = []
    children = tree.children()
    # (node, whether its children are done)
    stack = [(len(tree.parents) - 1, False)]
    while stack:
        node, ready = stack.pop()
        if ready:
            pieces.append(")")
            continue
        below, word, tag = children[node], _written(tree.words[node]), _written(tree.tags[node])
        if not tag and ((word and below) or (not word and not below)):
            tag = EMPTY_LABEL
        pieces.append(" (" + tag)
        if word:
            pieces.append(" " + word)
        stack.append((node, True))
        stack += [(child, False) for child in reversed(below)]
    return "".join(pieces)[1:]


def _written(text: str) -> str:
    if any(character.isspace() for character in text):
        raise ValueError(f"{text!r} has a blank in it, which would make it two words in brackets")
    return "".join(_BRACKETS.get(character, character) for character in text)


# -- trees for cells and parsers of two children ----------------------------------------------------------------------


def binarise(tree: LabelledTree, side: str = "left", marker: str = BINARISED) -> LabelledTree:
    """``tree`` with at most two children a node.

    ``side`` "left" joins a, b, c as ((a b) c), "right" as (a (b c)). The nodes put in carry the tag of the node they
    belong to after ``marker``, by which :func:`unbinarise` takes them out again. ``ValueError`` where a tag of the
    tree begins with it already.
    """
    if side not in ("left", "right"):
        raise ValueError(f"side is left or right, not {side!r}")
    if any(tag.startswith(marker) for tag in tree.tags):
        raise ValueError(f"a tag begins with {marker!r} already: the tree is binarised, or needs another marker")
    words: list[str] = []
    parents: list[int] = []
    tags: list[str] = []

    def add(word: str, tag: str, below: Iterable[int]) -> int:
        for child in below:
            parents[child] = len(words)
        words.append(word)
        parents.append(-1)
        tags.append(tag)
        return len(words) - 1

    children = tree.children()
    # what is done with a node: "open" puts its parts on the stack, "join" n takes n finished subtrees together
    finished: list[int] = []
    stack: list[tuple[int, str]] = [(len(tree.parents) - 1, "open")]
    while stack:
        node, step = stack.pop()
        word, tag = tree.words[node], tree.tags[node]
        if step == "open":
            below = children[node]
            stack.append((node, "close"))
            if len(below) > 2 and side == "left":
                for child in reversed(below[2:]):
                    stack += [(child, "open"), (node, "join")]
                stack += [(child, "open") for child in reversed(below[:2])]
            else:
                if len(below) > 2:
                    stack += [(node, "join")] * (len(below) - 2)
                stack += [(child, "open") for child in reversed(below)]
        elif step == "join":
            pair = [finished.pop(), finished.pop()]
            finished.append(add("", marker + tag, pair))
        else:
            count = min(2, len(children[node]))
            last = [finished.pop() for _ in range(count)]
            finished.append(add(word, tag, last))
    return LabelledTree(tuple(words), tuple(parents), tuple(tags))


def unbinarise(tree: LabelledTree, marker: str = BINARISED) -> LabelledTree:
    """What :func:`binarise` was given: nodes whose tag begins with ``marker`` hand their children to their parent."""
    gone = [tag.startswith(marker) for tag in tree.tags]
    if gone[-1]:
        raise ValueError("the root cannot be a node that was put in")
    real = [-1] * len(gone)  # of a node that goes: the node its children belong to
    for node in range(len(gone) - 1, -1, -1):
        real[node] = real[tree.parents[node]] if gone[node] else node
    kept = [node for node in range(len(gone)) if not gone[node]]
    number = {node: new for new, node in enumerate(kept)}
    parents = tuple(-1 if tree.parents[node] < 0 else number[real[tree.parents[node]]] for node in kept)
    return LabelledTree(tuple(tree.words[n] for n in kept), parents, tuple(tree.tags[n] for n in kept))


def collapse_unary(tree: LabelledTree, joiner: str = JOINED) -> LabelledTree:
    """``tree`` with every chain of single children made one node: (S (VP (VB go))) → (S+VP+VB go).

    A node with a word of its own stays, with its chain above it joined in. ``ValueError`` where a tag holds ``joiner``
    already, so that :func:`expand_unary` is the inverse.
    """
    if any(joiner in tag for tag in tree.tags):
        raise ValueError(f"a tag holds {joiner!r} already: name another joiner")
    count = len(tree.parents)
    children = [0] * count
    for parent in tree.parents[:-1]:
        children[parent] += 1
    # the topmost node of each node's chain; parents come later in the list, so from the root down
    top = list(range(count))
    for node in range(count - 2, -1, -1):
        parent = tree.parents[node]
        if children[parent] == 1 and not tree.words[parent]:
            top[node] = top[parent]
    chains: dict[int, list[str]] = {}
    words = [""] * count
    for node in range(count - 1, -1, -1):
        chains.setdefault(top[node], []).append(tree.tags[node])
        words[top[node]] = tree.words[node] or words[top[node]]
    kept = [node for node in range(count) if top[node] == node]
    number = {node: new for new, node in enumerate(kept)}
    return LabelledTree(
        tuple(words[node] for node in kept),
        tuple(-1 if tree.parents[node] < 0 else number[top[tree.parents[node]]] for node in kept),
        tuple(joiner.join(chains[node]) for node in kept),
    )


def expand_unary(tree: LabelledTree, joiner: str = JOINED) -> LabelledTree:
    """What :func:`collapse_unary` was given."""
    words: list[str] = []
    parents: list[int] = []
    tags: list[str] = []
    lowest: list[int] = []
    highest: list[int] = []
    for node, tag in enumerate(tree.tags):
        chain = tag.split(joiner)
        lowest.append(len(words))
        for place, part in enumerate(reversed(chain)):
            words.append("" if place else tree.words[node])
            tags.append(part)
            parents.append(len(words))
        highest.append(len(words) - 1)
    for node, parent in enumerate(tree.parents):
        parents[highest[node]] = lowest[parent] if parent >= 0 else -1
    return LabelledTree(tuple(words), tuple(parents), tuple(tags))
