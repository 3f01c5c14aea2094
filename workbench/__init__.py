"""Recurra: a workbench to build, train, use and understand recurrent networks."""

__version__ = "0.1.0"
