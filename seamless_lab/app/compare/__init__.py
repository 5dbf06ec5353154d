"""Versions side by side, and one bar or window through time."""

from __future__ import annotations

ROWS = 20
"""Bars shown in full, unless somebody asks for more or fewer."""
