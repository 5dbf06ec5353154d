"""Versions side by side, and one bar or window through time."""
