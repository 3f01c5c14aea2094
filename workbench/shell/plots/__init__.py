"""Plots: pyqtgraph dressed from the theme, imported with the first plot."""
