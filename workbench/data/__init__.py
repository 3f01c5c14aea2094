"""The dataset store, edits and their undo, importing, splits, statistics and packing."""
