"""Composition root: settings, wiring, the `Lab` facade, commands."""
