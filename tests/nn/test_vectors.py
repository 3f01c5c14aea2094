"""Files of word vectors: what is read, what is refused, and that only what is wanted is held."""

from __future__ import annotations

import os
import tracemalloc

import numpy as np
import pytest
import torch

from workbench.api import WorkbenchError
from workbench.nn.vector_embedding import VectorEmbedding
from workbench.nn.vectors import VectorFile, fingerprint_of, match_words

PLAIN = "the 0.1 -0.2 3e-1\nLondon 1 2 3\ncafé -1.5 0 2.25\n"


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def write(tmp_path, content, name="vectors.txt"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def opened(tmp_path, content, name="vectors.txt"):
    return VectorFile.open(write(tmp_path, content, name), cache=tmp_path / "cache")


def refused(tmp_path, content):
    with pytest.raises(WorkbenchError) as caught:
        opened(tmp_path, content)
    return caught.value


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        "3 3\n" + PLAIN,
        "3 3\n" + PLAIN.replace("\n", " \n"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace(" ", "\t"),
        "\ufeff" + PLAIN,
        PLAIN + "\n\n",
        PLAIN.rstrip("\n"),
    ],
    ids=["glove", "header", "fasttext", "crlf", "tabs", "byte-order mark", "blank end", "no last line end"],
)
def test_every_way_to_write_the_file_gives_the_same_words_and_vectors(tmp_path, content):
    file = opened(tmp_path, content)
    assert list(file.words()) == ["the", "London", "café"]
    assert (file.count, file.size) == (3, 3)
    assert np.allclose(file.read([2, 0]), [[-1.5, 0, 2.25], [0.1, -0.2, 0.3]])


def test_words_with_blanks_inside_are_words(tmp_path):
    file = opened(tmp_path, "the 1 2\n. . . 3 4\nat name@domain.com 5 6\n")
    assert list(file.words()) == ["the", ". . .", "at name@domain.com"]
    assert file.read([1, 2]).tolist() == [[3, 4], [5, 6]]


def test_a_word_may_be_a_number(tmp_path):
    file = opened(tmp_path, "1996 1 2\n2003\t3\t4\n")
    assert list(file.words()) == ["1996", "2003"]


def test_reading_no_rows_gives_no_vectors(tmp_path):
    assert opened(tmp_path, PLAIN).read([]).shape == (0, 3)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"Paris 1 2\n", "2 numbers, the ones before it have 3"),
        (b"Paris 1 2 3 4\n", "4 numbers, the ones before it have 3"),
        (b"Paris 1 nan 3\n", "not a finite number"),
        (b"Paris 1 -inf 3\n", "not a finite number"),
        (b"Paris 1 zwei 3\n", "not a finite number"),
        (b"Z\xfcrich 1 2 3\n", "not UTF-8 (byte 0xfc)"),
        (b"Paris\n", "0 numbers, the ones before it have 3"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, said):
    error = refused(tmp_path, b"the 1 2 3\nof 4 5 6\n" + line + b"to 7 8 9\n")
    assert said in error.what
    assert error.line == 3
    assert error.fix


@pytest.mark.parametrize("value", ["1.2.3", "1e999", "--4", "1e39"])
def test_a_value_that_only_looks_like_a_number_is_named_when_it_is_read(tmp_path, value):
    file = opened(tmp_path, f"3 2\nthe 1 2\nParis {value} 3\nof 4 5\n")
    assert file.read([0, 2]).tolist() == [[1, 2], [4, 5]]
    with pytest.raises(WorkbenchError, match="not a finite number") as caught:
        file.read([1])
    assert caught.value.line == 3


def test_a_file_that_was_cut_short_is_told_by_its_first_line(tmp_path):
    error = refused(tmp_path, "400 3\n" + PLAIN)
    assert "says it has 400 words, but has 3" in error.what
    assert '"3 3"' in error.fix


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x1f\x8b\x08\x00packed", "packed (gzip)"),
        (b"PK\x03\x04glove", "packed (zip)"),
        (b"3 2\nthe \x00\x00\x80\x3f", "not text"),
        ("the 1 2\n".encode("utf-16"), "not text"),
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"400 3\n", "no word vectors"),
        (b"word\nother\n", "not a file of word vectors"),
        (b"<html><body>Not found</body></html>\n", "not a file of word vectors"),
    ],
)
def test_other_files_are_refused_in_words(tmp_path, content, said):
    error = refused(tmp_path, content)
    assert said in error.what
    assert error.fix


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    for path in (tmp_path / "none.txt", tmp_path):
        with pytest.raises(WorkbenchError) as caught:
            VectorFile.open(path, cache=tmp_path)
        assert caught.value.file == str(path)


def test_the_index_is_kept_and_made_again_when_the_file_changes(tmp_path, cache, monkeypatch):
    path = write(tmp_path, PLAIN)
    first = VectorFile.open(path, cache=cache)
    with monkeypatch.context() as patched:
        patched.setattr("workbench.nn.vectors._index", lambda *_: pytest.fail("indexed again"))
        again = VectorFile.open(path, cache=cache)
    assert list(again.words()) == list(first.words())
    assert np.array_equal(again.read([0, 1, 2]), first.read([0, 1, 2]))
    write(tmp_path, "new 1 2\n")
    os.utime(path, ns=(1, 1))
    assert list(VectorFile.open(path, cache=cache).words()) == ["new"]
    assert fingerprint_of(path) != first.fingerprint


def test_a_damaged_index_is_made_again(tmp_path, cache):
    path = write(tmp_path, PLAIN)
    VectorFile.open(path, cache=cache)
    (kept,) = (cache / "vectors").iterdir()
    for damage in (b"", b"PK\x03\x04 nothing", kept.read_bytes()[:100]):
        kept.write_bytes(damage)
        assert VectorFile.open(path, cache=cache).count == 3


def test_a_cache_that_cannot_be_written_does_no_harm(tmp_path):
    path = write(tmp_path, PLAIN)
    blocked = write(tmp_path, b"a file", "blocked")
    assert VectorFile.open(path, cache=blocked).count == 3


def test_words_are_matched_by_key_and_the_first_of_several_counts(tmp_path):
    file = opened(tmp_path, "the 1\nUS 2\nus 3\nParis 4\nlondon 5\n")
    found = match_words(file, ["us", "paris", "rome"], str.lower, fold=True, more=9)
    assert found.rows == (1, 3, -1)
    assert found.others == ("the", "london")
    assert found.other_rows == (0, 4)


def test_only_capitals_may_differ_and_only_when_asked(tmp_path):
    file = opened(tmp_path, "us 1\nUS 2\nlondon 3\n")
    known = ["US", "Us", "London", "Paris"]
    assert match_words(file, known, str, fold=False).rows == (1, -1, -1, -1)
    assert match_words(file, known, str, fold=True).rows == (1, 0, 2, -1)


def test_memory_grows_with_the_words_and_not_with_the_vectors(tmp_path):
    rng = np.random.default_rng(3)
    row = " ".join(f"{value:.5f}" for value in rng.normal(size=300))
    path = tmp_path / "large.txt"
    with path.open("w") as handle:
        for number in range(4000):
            handle.write(f"word{number} {row}\n")
    assert path.stat().st_size > 10_000_000
    tracemalloc.start()
    try:
        file = VectorFile.open(path, cache=tmp_path)
        vectors = file.read(range(0, 4000, 100))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert vectors.shape == (40, 300)
    assert peak < 4_000_000


# --- the embedding


ROWS = (-1, -1, 1, -1, 0, 2)
"""Of padding, unknown, two words of which one is in the file, another, and one that only the file knows."""


def embedding(tmp_path, *, freeze):
    made = VectorEmbedding(ROWS, 3, freeze=freeze, fixed_from=5, unknown=1, padding=0)
    made.begin(opened(tmp_path, PLAIN))
    return made


@pytest.mark.parametrize("freeze", [False, True])
def test_words_begin_with_their_vector(tmp_path, freeze):
    found = embedding(tmp_path, freeze=freeze)(torch.tensor([[2, 4, 5, 0, 1]])).detach()
    wanted = [[1, 2, 3], [0.1, -0.2, 0.3], [-1.5, 0, 2.25], [0, 0, 0]]
    assert torch.allclose(found[0, :4], torch.tensor(wanted))
    assert torch.allclose(found[0, 4], torch.tensor(wanted[:3]).mean(0))


@pytest.mark.parametrize("freeze", [False, True])
def test_frozen_vectors_and_words_unseen_in_training_never_change(tmp_path, freeze):
    made = embedding(tmp_path, freeze=freeze)
    ids = torch.tensor([0, 1, 2, 3, 4, 5])
    before = made(ids).detach().clone()
    optimizer = torch.optim.Adam(made.parameters(), lr=0.1)
    made(ids).square().sum().backward()
    optimizer.step()
    changed = (made(ids).detach() != before).any(1)
    assert changed.tolist() == [False, True, not freeze, True, not freeze, False]


def test_the_weights_hold_the_vectors(tmp_path):
    made = embedding(tmp_path, freeze=True)
    other = VectorEmbedding(ROWS, 3, freeze=True, fixed_from=5, unknown=1, padding=0)
    assert other(torch.tensor([2])).isnan().all()
    other.load_state_dict(made.state_dict())
    ids = torch.arange(6)
    assert torch.equal(other(ids), made(ids))


def test_without_a_fixed_word_the_embedding_is_learned_as_a_whole(tmp_path):
    made = VectorEmbedding((-1, -1, 1), 3, freeze=False, fixed_from=3, unknown=1, padding=0)
    made.begin(opened(tmp_path, PLAIN))
    assert made(torch.tensor([2])).tolist() == [[1, 2, 3]]
    assert not len(made.fixed)
