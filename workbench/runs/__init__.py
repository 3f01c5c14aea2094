"""The run folder, its journal and control, and the worker processes. No torch, no Qt."""
