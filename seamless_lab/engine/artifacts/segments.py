"""What the sealed store needs for rows: a codec for stored segments, and a cache of verified ones on this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import polars as pl


class SegmentCodec(Protocol):
    """Frames of bars to stored bytes and back."""

    def encode(self, frame: pl.DataFrame) -> bytes:
        """The stored form of a frame in the canonical schema of `Bars`."""
        ...

    def decode(self, data: bytes, *, path: str, checked: bool = True) -> pl.DataFrame:
        """Inverse of `encode`, in one chunk. Raises `Corrupted`, naming `path`.

        Without `checked`, what can be read of damaged bytes: never to be delivered, but it tells where they differ.
        """
        ...


class SegmentCache(Protocol):
    """Verified segments by digest, cheap to open, shared by processes, safe to lose at any time."""

    def load(self, digest: str, verify: Callable[[pl.DataFrame], bool]) -> pl.DataFrame | None:
        """A segment, or None when not held. One that may have changed since it was stored is given to `verify`."""
        ...

    def store(self, digest: str, frame: pl.DataFrame) -> pl.DataFrame:
        """Keep a verified segment; returns it in its cheapest form. A cache that cannot be written returns `frame`."""
        ...

    def recheck(self, digest: str, verify: Callable[[pl.DataFrame], bool]) -> bool:
        """Give what is held to `verify`, whatever was known of it; False when it was not that, and was dropped."""
        ...


class NoSegmentCache:
    """A `SegmentCache` that holds nothing."""

    def load(self, digest: str, verify: Callable[[pl.DataFrame], bool]) -> pl.DataFrame | None:
        """Nothing."""
        return None

    def store(self, digest: str, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame as it is."""
        return frame

    def recheck(self, digest: str, verify: Callable[[pl.DataFrame], bool]) -> bool:
        """Nothing that could be wrong."""
        return True
