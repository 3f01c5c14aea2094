"""The project folder, settings and schema versions."""
