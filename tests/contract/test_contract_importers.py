"""Every importer meets files that are not for it: it declines or says so in words, and never breaks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from contract_subjects import contributions, loaded, name_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.api import Importer, Sniff, WorkbenchError

IMPORTERS = contributions(Importer)
HEAD_BYTES = 65536
ALPHABET = 'aB-I O\t\n\r 1.#{}":,[]\\éx'
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
JUNK: dict[str, bytes] = {
    "empty": b"",
    "blank lines": b"\n\n\r\n\n",
    "a byte-order mark alone": b"\xef\xbb\xbf",
    "zeros": b"\0" * 4096,
    "a picture": PNG + bytes(range(256)) * 8,
    "UTF-16": "Ada B-PER\nsings O\n\n".encode("utf-16"),
    "Latin-1": "Zoë B-PER\nsingt O\n\n".encode("latin-1"),
    "cut within a character": "a O\nü".encode()[:-1],
    "ragged columns": b"a\tb\tc\nd\n\te\t\t\n\nf g h i j\n",
    "one endless line": b"word " * 20000,
    "half of JSON": b'{"text": "Ada sings", "spans": [{"start": 0, "end": 3, "la',
    "JSON of another kind": b'[1, 2, {"a": null}]\n"text"\nnull\n{}\n',
    "spans beside the text": b'{"text": "Ada", "spans": [{"start": -4, "end": 99, "label": "PER"}]}\n',
    "numbers that are no numbers": b"x-y\tA\tB\tC\tD\tE\tF\tG\tH\tI\n1.1.1\tA\t\t\t\t\t\t\t\t\n",
    "a page of HTML": b"<!DOCTYPE html><html><body>404</body></html>\n",
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2\nsize 12345\n",
}


def read_all(importer: Importer, path: Path) -> int:
    """Read ``path`` as an import does; the number of records. Only :class:`WorkbenchError` may come out."""
    sniffed = importer.sniff.resolve()(path.read_bytes()[:HEAD_BYTES], path)
    assert sniffed is None or isinstance(sniffed, Sniff)
    options = importer.params()
    if sniffed is not None:
        assert 0 <= sniffed.confidence <= 1
        assert sniffed.reason
        options = importer.params(**sniffed.options)
    expected = loaded().catalogue.record_type(importer.record).cls
    stream = importer.factory.resolve()(path, options)
    count, line = 0, 0
    for item in stream:
        assert isinstance(item.record, expected)
        assert item.line > line, "lines only go forward"
        line = item.line
        count += 1
    done, total = stream.position()
    assert 0 <= done <= total
    json.dumps(stream.format)
    json.dumps(stream.layers)
    return count


def refusal(importer: Importer, path: Path) -> WorkbenchError | None:
    """What the importer says against ``path``, or None when it read it; any other exception fails the test."""
    try:
        read_all(importer, path)
    except WorkbenchError as error:
        return error
    return None


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("importer", IMPORTERS, ids=name_of)
def test_junk_is_read_or_refused_in_words(importer: Importer, junk: str, tmp_path: Path) -> None:
    path = tmp_path / f"junk{importer.extensions[0]}"
    path.write_bytes(JUNK[junk])
    error = refusal(importer, path)
    assert error is None or (error.what and error.file is not None and path.name in error.file)


@pytest.mark.parametrize("importer", IMPORTERS, ids=name_of)
def test_a_file_that_is_not_there_is_refused_in_words(importer: Importer, tmp_path: Path) -> None:
    for path in (tmp_path / "gone", tmp_path):
        with pytest.raises(WorkbenchError):
            list(importer.factory.resolve()(path, importer.params()))


@pytest.mark.parametrize("importer", IMPORTERS, ids=name_of)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(max_size=300), st.text(ALPHABET, max_size=300).map(str.encode)))
def test_any_bytes_are_read_or_refused_in_words(importer: Importer, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"any{importer.extensions[0]}"
    path.write_bytes(content)
    error = refusal(importer, path)
    assert error is None or error.what
