"""Receipts: what results depended on, and reproducing them."""
