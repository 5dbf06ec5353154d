"""Cached files whose bytes a disk changed: size, modification time and inode stay, so that nobody looks again."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl


def rot(cache: Path) -> list[str]:
    """Change a price in each cached segment; returns their digests."""
    found = sorted(cache.rglob("*.arrow"))
    for path in found:
        stamp, data = path.stat(), bytearray(path.read_bytes())
        closes = pl.read_ipc(path)["close"][:3].to_numpy().tobytes()
        place = data.find(closes)
        data[place : place + 8] = np.float64(1e9).tobytes()
        path.chmod(0o644)
        with path.open("r+b") as file:
            file.write(data)
        path.chmod(0o444)
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    return [path.stem for path in found]
