"""Recursive networks: plans that batch trees by height, cells, and the encoder that composes nodes with them."""

from workbench.nn.trees.cells import CELLS, BinaryLstmCell, ChildSumLstmCell, RecursiveCell, TreeCell
from workbench.nn.trees.encoder import RecursiveEncoder
from workbench.nn.trees.plan import Level, Structure, TreePlan, tree_arrays

__all__ = [
    "CELLS",
    "BinaryLstmCell",
    "ChildSumLstmCell",
    "Level",
    "RecursiveCell",
    "RecursiveEncoder",
    "Structure",
    "TreeCell",
    "TreePlan",
    "tree_arrays",
]
