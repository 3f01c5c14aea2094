"""Composes task and architecture, trains, evaluates, predicts and traces. Torch, no Qt."""
