"""The lockfile: pins, what checks them, and what moves them on purpose."""
