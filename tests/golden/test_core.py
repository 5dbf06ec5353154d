"""Formats that stored data depend on. A failure here means that datasets already sealed would get another identity.

If that is wanted: raise the format's version, say why in CHANGELOG.md, then run `python -m tests.golden.datasets`.
"""

from __future__ import annotations

import hashlib
import json
import struct

import pytest

from seamless_lab.core.digest import leaves_of, packs_of
from tests.core.models import series
from tests.golden.datasets import GOLDEN, SETS, START, golden_of

KEPT = json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("timeframe", SETS)
def test_goldens_change_only_with_a_line_in_the_changelog(timeframe: str) -> None:
    found = golden_of(timeframe)
    assert set(found) == set(KEPT[timeframe])
    for name, value in found.items():
        assert value == KEPT[timeframe][name], f"{name} of {timeframe} differs; see the head of {__file__}"


def number(value: int) -> bytes:
    return struct.pack("<q", value)


def child(node) -> bytes:
    counts = number(node.cell) + bytes.fromhex(node.digest) + number(node.rows) + number(len(node.answered))
    return counts + b"".join(map(number, node.answered.starts.tolist() + node.answered.ends.tolist()))


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return number(len(data)) + data


@pytest.mark.parametrize("timeframe", SETS)
def test_digests_follow_the_documented_layout_byte_by_byte(timeframe: str) -> None:
    exchange, slots = SETS[timeframe]
    header, bars, answered = series(timeframe, START, slots, exchange=exchange)
    head = text(KEPT[timeframe]["header"])
    rows = bars.frame.rows(named=True)
    leaves = leaves_of(header, bars, answered)
    for leaf in leaves:
        mine = [row for row in rows if any(r.start <= row["ts"] < r.end for r in leaf.answered)]
        told = leaf.answered.pairs()
        data = text("seamless.leaf/1") + head + number(leaf.cell) + number(len(told))
        data += (
            b"".join(number(start) for start, _ in told) + b"".join(number(end) for _, end in told) + number(len(mine))
        )
        data += text("ts") + text("int64") + b"\x00" + b"".join(number(row["ts"]) for row in mine)
        for name in ("open", "high", "low", "close", "volume"):
            values = [row[name] for row in mine]
            nulls = bytes(value is None for value in values)
            data += text(name) + text("float64") + (b"\x01" + nulls if any(nulls) else b"\x00")
            data += b"".join(struct.pack("<d", value or 0.0) for value in values)
        assert hashlib.sha256(data).hexdigest() == leaf.digest
    packs = packs_of(header, leaves)
    for pack in packs:
        data = text("seamless.pack/1") + head + number(pack.cell) + number(len(pack.leaves))
        data += b"".join(child(leaf) for leaf in pack.leaves)
        assert hashlib.sha256(data).hexdigest() == pack.digest
    data = text("seamless.tree/1") + head + number(len(packs))
    data += b"".join(child(pack) for pack in packs)
    assert hashlib.sha256(data).hexdigest() == KEPT[timeframe]["fingerprint"]
