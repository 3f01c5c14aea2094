"""Fixtures for the tests of a plugin.

Switch them on in a ``conftest.py``::

    pytest_plugins = ["workbench.testing.fixtures"]
"""

from __future__ import annotations
