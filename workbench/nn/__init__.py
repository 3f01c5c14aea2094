"""Torch building blocks shared by plugins."""
