"""Plugins that each fail in another way; none may take the application or another plugin with it."""
