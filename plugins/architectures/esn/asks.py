"""What an echo state network with certain options needs of a task."""

from __future__ import annotations

from workbench_plugins.architectures.esn import EchoStateParams

from workbench.api import Trait


def asks(params: EchoStateParams) -> frozenset[Trait]:
    """With output feedback, answers of numbers: a fed-back class or word has no size that a weight could scale."""
    return frozenset({Trait.NUMERIC}) if params.feedback else frozenset()
