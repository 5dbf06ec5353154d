"""Sealed SQL: one SELECT over pinned bars and nothing else, with the same digits every time."""
