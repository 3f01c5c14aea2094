"""Finds plugins, loads each one by itself, commits what is valid and keeps the problems list."""
