"""portion and intervaltree at set algebra over ranges."""

from __future__ import annotations

import numpy as np
import portion
from intervaltree import IntervalTree

_STATE: dict = {}


def load(path: str) -> None:
    with np.load(path) as held:
        for side in ("a", "b"):
            pairs = list(zip(held[f"{side}_starts"].tolist(), held[f"{side}_ends"].tolist(), strict=False))
            _STATE[f"portion_{side}"] = portion.Interval(*(portion.closedopen(start, end) for start, end in pairs))
            _STATE[f"tree_{side}"] = pairs


def portion_algebra(what: str) -> object:
    a, b = _STATE["portion_a"], _STATE["portion_b"]
    return {"union": a.__or__, "intersection": a.__and__, "difference": a.__sub__}[what](b)


def tree_algebra(what: str) -> object:
    tree = IntervalTree.from_tuples(_STATE["tree_a"])
    if what == "union":
        tree.update(IntervalTree.from_tuples(_STATE["tree_b"]))
        tree.merge_overlaps(strict=False)
    elif what == "difference":
        for start, end in _STATE["tree_b"]:
            tree.chop(start, end)
    else:
        found = IntervalTree()
        for start, end in _STATE["tree_b"]:
            for hit in tree.overlap(start, end):
                found.addi(max(hit.begin, start), min(hit.end, end))
        tree = found
    return tree
