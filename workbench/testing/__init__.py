"""What authors of plugins test with: fixtures, fakes, generated data sets and leak guards.

In the ``conftest.py`` of a plugin::

    pytest_plugins = ["workbench.testing.fixtures", "workbench.testing.guards"]
"""

from workbench.testing.datasets import dataset, labelled_texts, labelled_vectors, short_series, tagged_sentences, texts
from workbench.testing.fakes import FakeHandle, FakeRegistrar, FakeWorker, contributions_of
from workbench.testing.pair_tasks import described_vectors, reversed_pairs
from workbench.testing.tasks import GeneratedTasks
from workbench.testing.tree_task import expression_trees

__all__ = [
    "FakeHandle",
    "FakeRegistrar",
    "FakeWorker",
    "GeneratedTasks",
    "contributions_of",
    "dataset",
    "described_vectors",
    "expression_trees",
    "labelled_texts",
    "labelled_vectors",
    "reversed_pairs",
    "short_series",
    "tagged_sentences",
    "texts",
]
