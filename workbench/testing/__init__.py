"""What authors of plugins test with: fixtures, fakes, generated data sets and leak guards.

In the ``conftest.py`` of a plugin::

    pytest_plugins = ["workbench.testing.fixtures", "workbench.testing.guards"]
"""

from workbench.testing.datasets import dataset, tagged_sentences, texts
from workbench.testing.fakes import FakeHandle, FakeRegistrar, FakeWorker, contributions_of

__all__ = [
    "FakeHandle",
    "FakeRegistrar",
    "FakeWorker",
    "contributions_of",
    "dataset",
    "tagged_sentences",
    "texts",
]
