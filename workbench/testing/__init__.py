"""Fixtures and fakes for plugin authors."""
