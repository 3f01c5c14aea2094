"""The public data read as published: sentence, token and entity counts of the official files, where they are."""

from __future__ import annotations

import pytest

from workbench.api import WorkbenchError, validate
from workbench.api.schemes import spans
from workbench.cli.benchmarks import specification
from workbench.cli.benchmarks.common import data_files, default_catalogue

# Tjong Kim Sang and De Meulder (2003), tables 1 and 2; UD English EWT: the data set's own README
PUBLISHED = {
    "conll2003": {
        "validation": (3250, 51362, {"LOC": 1837, "MISC": 922, "ORG": 1341, "PER": 1842}),
        "test": (3453, 46435, {"LOC": 1668, "MISC": 702, "ORG": 1661, "PER": 1617}),
    },
    "ud_ewt_pos": {"validation": (2001, 25147, None), "test": (2077, 25094, None)},
}


def records_of(name, split):
    section = specification(name)["data"]
    try:
        files = {found: path for path, found in data_files(section)}
    except WorkbenchError as missing:
        pytest.skip(f"the public data sets are not here: {missing.where}")
    importer = default_catalogue().importer(section["importer"])
    with files[split].open("rb") as stream:
        sniffed = importer.sniff.resolve()(stream.read(1 << 16), files[split])
    assert sniffed is not None
    return [
        r.record for r in importer.factory.resolve()(files[split], validate(importer.params, dict(sniffed.options)))
    ]


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "split"), [(name, split) for name, splits in PUBLISHED.items() for split in splits])
def test_counts_are_those_published(name, split):
    sentences, tokens, entities = PUBLISHED[name][split]
    records = records_of(name, split)
    layer = specification(name)["run"]["task"]["params"]["layer"]
    assert len(records) == sentences
    assert sum(len(record.tokens) for record in records) == tokens
    if entities is not None:
        found = [label for record in records for _, _, label in spans(record.layers[layer])]
        assert {label: found.count(label) for label in sorted(set(found))} == entities
