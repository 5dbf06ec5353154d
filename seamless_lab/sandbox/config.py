"""Everything that can be set about a sandbox exchange."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from seamless_lab.sandbox.faults import FaultPlan
from seamless_lab.sandbox.market import Restatement, Stretch

DEFAULT_OUTAGE = Stretch(1_709_648_400, 1_709_648_400 + 95 * 60)
"""2024-03-05 14:20 to 15:55 UTC: nobody traded."""


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """Settings of a sandbox exchange; the same settings serve the same bars on every machine.

    Parameters
    ----------
    seed
        Of the market. Faults have a seed of their own.
    symbols
        Instruments per venue, majors first.
    now_ms
        Freeze the exchange's clock there; None follows real time.
    outages
        Stretches without any trade, on every venue.
    restatements
        Bars served differently from some moment on.
    quiet_per_million
        Share of minutes without a trade, by pair, where it should differ from the built-in one.
    listed_s
        Listing times by pair, in epoch seconds, where they should differ from the built-in ones.
    faults
        What goes wrong, how often.
    weight_limits
        Request weight per window by family; a family that is not named is not limited.
    weight_window_s
        Length of the window, aligned to real time.
    ban_after_refusals
        Refusals in one window that turn into a ban.
    ban_s
        Length of the ban.
    page_cache_bytes
        Memory for pages that will not change any more.
    """

    seed: int = 7
    symbols: int = 300
    now_ms: int | None = None
    outages: tuple[Stretch, ...] = (DEFAULT_OUTAGE,)
    restatements: tuple[Restatement, ...] = ()
    quiet_per_million: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    listed_s: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    faults: FaultPlan = field(default_factory=FaultPlan)
    weight_limits: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({"binance": 6000}))
    weight_window_s: float = 60.0
    ban_after_refusals: int = 10
    ban_s: float = 120.0
    page_cache_bytes: int = 128 << 20

    def __post_init__(self) -> None:
        if self.symbols < 1:
            raise ValueError(f"symbols must be at least 1, got {self.symbols}")
        if self.weight_window_s <= 0:
            raise ValueError(f"weight_window_s must be positive, got {self.weight_window_s}")
