"""Rows of text from integer columns, all rows at once.

Numbers are cut into groups of four digits that index tables of four-byte texts; unused places hold NUL bytes, which one
pass over the whole block deletes. A page of a thousand bars costs well under a millisecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seamless_lab.sandbox.randomness import Integers

Bytes = NDArray[np.uint8]
_GROUP = 10_000
_MAX_PLACES = 8


def _table(texts: list[str]) -> NDArray[np.uint32]:
    return np.frombuffer("".join(texts).encode(), dtype=np.uint32)


# Each table has two halves: groups that open a number (no leading zeros), groups that continue one (all four digits).
_CONTINUES = [f"{group:04d}" for group in range(_GROUP)]
_LEADING = _table([f"{group or '':\0>4}" for group in range(_GROUP)] + _CONTINUES)
_LAST = _table([f"{group:\0>4}" for group in range(_GROUP)] + _CONTINUES)  # zero itself is "0"


@dataclass(frozen=True, slots=True)
class Whole:
    """A column of non-negative integers."""

    values: Integers


@dataclass(frozen=True, slots=True)
class Fixed:
    """A column of non-negative numbers in units of `10**-decimals`, printed with `places` (up to 8) decimals."""

    values: Integers
    decimals: int
    places: int = _MAX_PLACES


@dataclass(frozen=True, slots=True)
class Either:
    """A column of two texts."""

    mask: NDArray[np.bool_]
    if_true: str
    if_false: str


Part = str | Whole | Fixed | Either


def rendered(count: int, parts: Sequence[Part]) -> bytes:
    """`count` lines, newlines between them; each is the concatenation of literals and columns of length `count`."""
    if count == 0:
        return b""
    cells = [_cell(count, part) for part in (*parts, "\n")]
    return np.concatenate(cells, axis=1).tobytes().translate(None, b"\0")[:-1]


def _cell(count: int, part: Part) -> Bytes:
    match part:
        case str():
            literal = np.frombuffer(part.encode(), dtype=np.uint8)
            return np.broadcast_to(literal, (count, len(literal)))
        case Whole():
            return _whole(part.values)
        case Fixed():
            return _fixed(part)
        case Either():
            width = max(len(part.if_true), len(part.if_false))
            texts = np.frombuffer(
                b"".join(t.encode().ljust(width, b"\0") for t in (part.if_false, part.if_true)), np.uint8
            )
            return texts.reshape(2, width)[part.mask.astype(np.int64)]


def _whole(values: Integers) -> Bytes:
    groups = -(-len(str(values.max())) // 4)
    digits = np.empty((len(values), groups), dtype=np.uint32)
    table = _LAST
    for place in range(groups - 1, 0, -1):
        rest = values // _GROUP  # by a constant, this is several times faster than divmod
        digits[:, place] = table[values - _GROUP * rest + _GROUP * (rest > 0)]
        values, table = rest, _LEADING
    digits[:, 0] = table[values]
    return digits.view(np.uint8)


def _fixed(part: Fixed) -> Bytes:
    unit = 10**part.decimals
    whole = part.values // unit
    fraction = (part.values - unit * whole) * 10 ** (_MAX_PLACES - part.decimals)
    high = fraction // _GROUP
    before = _whole(whole)
    point = before.shape[1]
    cell = np.empty((len(whole), point + 1 + _MAX_PLACES), dtype=np.uint8)
    cell[:, :point] = before
    cell[:, point] = ord(".")
    cell[:, point + 1 : point + 5] = _LAST[high + _GROUP].view(np.uint8).reshape(-1, 4)
    cell[:, point + 5 :] = _LAST[fraction - _GROUP * high + _GROUP].view(np.uint8).reshape(-1, 4)
    return cell[:, : point + 1 + part.places] if part.places else before


def fixed_text(value: int, decimals: int, places: int = _MAX_PLACES) -> str:
    """One number as `Fixed` prints it."""
    return rendered(1, [Fixed(np.array([value], dtype=np.int64), decimals, places)]).decode()
