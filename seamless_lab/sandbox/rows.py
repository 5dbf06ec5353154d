"""Rows of text from integer columns, all rows at once.

Numbers are cut into groups of four digits that index tables of four-byte texts; unused places hold NUL bytes, which one
pass over the whole block deletes. A page of a thousand bars costs well under a millisecond.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    numbers = [number for part in parts for number in _numbers(part)]
    texts = iter(_digits(numbers) if numbers else [])
    cells = [cell for part in (*parts, "\n") for cell in _cells(count, part, texts)]
    return np.concatenate(cells, axis=1).tobytes().translate(None, b"\0")[:-1]


def _numbers(part: Part) -> list[Integers]:
    """The integers a part needs in digits. A fraction gets a 1 in front, which keeps its leading zeros."""
    match part:
        case Whole():
            return [part.values]
        case Fixed():
            unit = 10**part.decimals
            whole = part.values // unit
            return [whole, (unit + part.values - unit * whole) * 10 ** (_MAX_PLACES - part.decimals)]
    return []


def _cells(count: int, part: Part, texts: Iterator[Bytes]) -> list[Bytes]:
    """The bytes of a part, one row each; `texts` yields the digits of its numbers."""
    match part:
        case str():
            literal = np.frombuffer(part.encode(), dtype=np.uint8)
            return [np.broadcast_to(literal, (count, len(literal)))]
        case Whole():
            return [next(texts)]
        case Fixed():
            whole, fraction = next(texts), next(texts)[:, -_MAX_PLACES:]
            return [whole, *_cells(count, ".", texts), fraction[:, : part.places]] if part.places else [whole]
        case Either():
            width = max(len(part.if_true), len(part.if_false))
            both = b"".join(text.encode().ljust(width, b"\0") for text in (part.if_false, part.if_true))
            return [np.frombuffer(both, dtype=np.uint8).reshape(2, width)[part.mask.astype(np.int64)]]


def _digits(columns: list[Integers]) -> list[Bytes]:
    """The digits of each column, right-aligned in as many groups of four bytes as its largest number needs."""
    rest = np.stack(columns)
    groups = [-(-len(str(largest)) // 4) for largest in rest.max(axis=1).tolist()]
    most = max(groups)
    digits = np.empty((*rest.shape, most), dtype=np.uint32)
    table = _LAST
    for place in range(most - 1, -1, -1):
        higher = rest // _GROUP  # by a constant, this is several times faster than divmod
        digits[:, :, place] = table[rest - _GROUP * higher + _GROUP * (higher > 0)]
        rest, table = higher, _LEADING
    return [cell[:, 4 * (most - needed) :] for cell, needed in zip(digits.view(np.uint8), groups, strict=True)]


def fixed_text(value: int, decimals: int, places: int = _MAX_PLACES) -> str:
    """One number as `Fixed` prints it."""
    return rendered(1, [Fixed(np.array([value], dtype=np.int64), decimals, places)]).decode()
