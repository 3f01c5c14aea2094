"""Labelled trees as records: what is refused, bracketed text there and back, and binary forms that can be undone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.api import LabelledTree
from workbench.api.trees import (
    binarise,
    check_parents,
    collapse_unary,
    expand_unary,
    format_bracketed,
    parse_bracketed,
    unbinarise,
)


@st.composite
def trees(draw: st.DrawFn) -> LabelledTree:
    """A tree of up to thirty nodes, with words and tags anywhere, empty ones too."""
    words: list[str] = []
    parents: list[int] = []
    tags: list[str] = []
    open_nodes: list[int] = []
    count = draw(st.integers(1, 30))
    for node in range(count):
        taken = len(open_nodes) if node == count - 1 else draw(st.integers(0, min(4, len(open_nodes))))
        for child in open_nodes[len(open_nodes) - taken :]:
            parents[child] = node
        del open_nodes[len(open_nodes) - taken :]
        open_nodes.append(node)
        parents.append(-1)
        words.append(draw(st.sampled_from(("", "saw", "-LRB-", "*U*", "é"))))
        tags.append(draw(st.sampled_from(("", "NP", "2", "-NONE-"))))
    return LabelledTree(tuple(words), tuple(parents), tuple(tags))


@given(trees())
def test_bracketed_text_is_read_as_the_tree_it_was_written_from(tree: LabelledTree) -> None:
    assert parse_bracketed(format_bracketed(tree)) == tree


@given(trees())
def test_json_keeps_a_tree(tree: LabelledTree) -> None:
    assert LabelledTree.from_json(json.loads(json.dumps(tree.to_json()))) == tree


@given(trees(), st.sampled_from(("left", "right")))
def test_binarising_leaves_two_children_at_most_and_can_be_undone(tree: LabelledTree, side: str) -> None:
    binary = binarise(tree, side)
    assert max(map(len, binary.children())) <= 2
    assert unbinarise(binary) == tree
    assert [word for word in binary.words if word] == [word for word in tree.words if word]


@given(trees())
def test_collapsing_chains_can_be_undone(tree: LabelledTree) -> None:
    collapsed = collapse_unary(tree)
    for node, below in enumerate(collapsed.children()):
        assert len(below) != 1 or collapsed.words[node]
    assert expand_unary(collapsed) == tree


def test_the_sides_of_binarising() -> None:
    tree = parse_bracketed("(X (1 a) (2 b) (3 c))")
    assert format_bracketed(binarise(tree, "left")) == "(X (@X (1 a) (2 b)) (3 c))"
    assert format_bracketed(binarise(tree, "right")) == "(X (1 a) (@X (2 b) (3 c)))"


def test_collapsing_joins_the_tags_from_the_top() -> None:
    assert format_bracketed(collapse_unary(parse_bracketed("(S (VP (VB go)))"))) == "(S+VP+VB go)"


@pytest.mark.parametrize(
    ("text", "words", "parents", "tags"),
    [
        ("(2 (3 good) (2 film))", ("good", "film", ""), (2, 2, -1), ("3", "2", "2")),
        ("((S (NP I)))", ("I", "", ""), (1, 2, -1), ("NP", "S", "")),
        ("( (S (NP I)) )", ("I", "", ""), (1, 2, -1), ("NP", "S", "")),
        ("(2 saw (2 John) (1 him))", ("John", "him", "saw"), (2, 2, -1), ("2", "1", "2")),
        ('("" saw (2 John))', ("John", "saw"), (1, -1), ("2", "")),
        ("(NP the cat)", ("the", "cat", ""), (2, 2, -1), ("", "", "NP")),
        ("( ( The cat ) sat )", ("The", "cat", "", "sat", ""), (2, 2, 4, 4, -1), ("", "", "", "", "")),
        ("( A ( big cat ) )", ("A", "big", "cat", "", ""), (4, 3, 3, 4, -1), ("", "", "", "", "")),
        ("($ $)", ("$",), (-1,), ("$",)),
    ],
)
def test_what_brackets_mean(
    text: str, words: tuple[str, ...], parents: tuple[int, ...], tags: tuple[str, ...]
) -> None:
    assert parse_bracketed(text) == LabelledTree(words, parents, tags)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("(2 (3 good)", "character 1 is not closed"),
        ("(2 good))", "something follows the tree, at character 9"),
        ("good", "an open bracket"),
        (") (", "closing bracket stands at character 1"),
        ("", "no tree"),
        ("(2 () (3 a))", "character 4 are empty"),
        ("(2 a) (2 b)", "something follows"),
    ],
)
def test_brackets_that_are_no_tree_are_refused_with_their_place(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=r"character|tree|bracket") as caught:
        parse_bracketed(text)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("parents", "says"),
    [
        ((), "at least one node"),
        ((1, 2, 0), "own ancestor"),
        ((0, -1), "own ancestor (0 → 0)"),
        ((-1, -1), "2 roots"),
        ((-1, 0), "the root comes last"),
        ((5, -1), "names 5"),
        ((-2, -1), "names -2"),
        ((2, 0, -1), "after its parent"),
        ((2, 3, 4, 4, -1), "does not stand with its parent"),
    ],
)
def test_what_is_no_tree_is_refused_in_words(parents: tuple[int, ...], says: str) -> None:
    with pytest.raises(ValueError, match=r"node|root") as caught:
        check_parents(parents)
    assert says in str(caught.value)


def test_every_node_has_a_word_and_a_tag() -> None:
    with pytest.raises(ValueError, match="2 nodes with 1 words"):
        LabelledTree(("a",), (1, -1))


def test_a_tree_five_thousand_deep_is_read_written_binarised_and_stored() -> None:
    depth = 5000
    text = "(1 (0 x) " * depth + "(1 x)" + ")" * depth
    tree = parse_bracketed(text)
    assert tree.size() == 2 * depth + 1
    assert LabelledTree.from_json(json.loads(json.dumps(tree.to_json()))) == tree
    assert parse_bracketed(format_bracketed(tree)) == tree
    assert unbinarise(binarise(tree)) == tree
    chain = parse_bracketed("(S " * depth + "(NN go)" + ")" * depth)
    assert collapse_unary(chain).size() == 1
    assert expand_unary(collapse_unary(chain)) == chain
    own_words = parse_bracketed("(1 a " * depth + "(1 a)" + ")" * depth)
    assert own_words.words == ("a",) * (depth + 1)


def test_what_the_store_and_the_filters_ask() -> None:
    tree = parse_bracketed("(2 (3 good) (2 film))")
    assert tree.search_text() == "good film"
    assert tree.labels() == {"node": frozenset({"2", "3"})}
    assert tree.size() == 3
    assert tree.leaves() == (0, 1)
    assert tree.with_tag(0, "4").tags == ("4", "2", "2")


def test_nodes_without_a_word_are_called_by_the_words_below_them() -> None:
    tree = parse_bracketed("(S (NP (DT the) (JJ old) (NN film)) (VP (VBD was) (ADJP (JJ good))) (X ((Y))))")
    below = ("the", "old", "film", "(the … film)", "was", "good", "(good)", "(was … good)")
    assert tree.names() == (*below, "∅", "∅", "∅", "(the … good)")
    assert parse_bracketed("(2 saw (2 John))").names() == ("John", "saw")


def test_a_blank_in_a_word_cannot_be_written_and_a_bracket_is_escaped() -> None:
    with pytest.raises(ValueError, match="blank"):
        format_bracketed(LabelledTree(("two words",), (-1,), ("X",)))
    assert format_bracketed(LabelledTree(("(",), (-1,), ("X",))) == "(X -LRB-)"
