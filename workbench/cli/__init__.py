"""The command line, and the worker's entry point, where all rooms are joined."""
