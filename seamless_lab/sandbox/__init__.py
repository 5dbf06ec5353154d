"""A small local exchange with a deterministic market and faults on demand; real clients talk to it over loopback."""

from seamless_lab.sandbox.ccxt_urls import ccxt_urls
from seamless_lab.sandbox.config import SandboxConfig
from seamless_lab.sandbox.faults import FaultPlan
from seamless_lab.sandbox.journal import RequestRecord
from seamless_lab.sandbox.market import Restatement, Stretch
from seamless_lab.sandbox.running import SandboxExchange

__all__ = ["FaultPlan", "RequestRecord", "Restatement", "SandboxConfig", "SandboxExchange", "Stretch", "ccxt_urls"]
