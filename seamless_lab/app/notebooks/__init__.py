"""Notebooks: what their cells read of sealed bars, and what they would read today."""
