"""The facade: one object that researchers, notebooks, the terminal and services talk to."""

from __future__ import annotations

from inspect import isfunction

from seamless_lab.app.lab.comparing import Comparing
from seamless_lab.app.lab.fetching import Fetching
from seamless_lab.app.lab.filling import Filling
from seamless_lab.app.lab.looking import Looking
from seamless_lab.app.lab.naming import naming
from seamless_lab.app.lab.pinning import Pinning
from seamless_lab.app.lab.researching import Researching
from seamless_lab.app.lab.vouching import Vouching

__all__ = ["Lab"]


class Lab(Fetching, Filling, Looking, Comparing, Researching, Pinning, Vouching):
    """A researcher's door to market data that can vouch for itself.

    `fetch`, `backfill` and `live` have awaitable twins: `afetch`, `abackfill`, `alive`. Async code calls the other
    verbs in a thread: `await asyncio.to_thread(lab.sql, query)`. Thread-safe; any number of labs, in any number
    of processes, may share one home. A lab that has been used does not survive a fork: the child opens its own.

    Parameters
    ----------
    home
        Folder of the stores; by default `SEAMLESS_HOME`, the nearest ancestor with `.seamless/` or `seamless.lock`, or
        the user's data folder.
    config
        A YAML file; by default `SEAMLESS_CONFIG`, or `seamless.yaml` in the home.
    overrides
        Settings by dotted key, above everything else: `{"seamless.strategy": "FAIL_FAST"}`.
    exchange_url
        Ask a sandbox exchange instead of the real ones, into a home of its own.

    Examples
    --------
    >>> with Lab() as lab:  # doctest: +SKIP
    ...     bars = lab.fetch("ohlcv:binance:BTC/USDT:1m", "2024-01-01", "2024-02-01")
    ...     bars.ref
    'ohlcv:binance:BTC/USDT:1m@sha256:…'
    """


for _part in Lab.__mro__[1:-1]:  # Python's own errors name a function by its class: users know one, not its parts
    for _name, _verb in list(vars(_part).items()):
        if isfunction(_verb):
            _verb.__qualname__ = f"{Lab.__name__}.{_verb.__name__}"
            if not _name.startswith("_"):
                setattr(_part, _name, naming(_verb))
