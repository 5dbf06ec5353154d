"""Homes with a sandbox's bars: they are marked, and no real exchange is ever asked for bars to keep there."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from seamless_lab.adapters.fetcher_ccxt import CcxtFetcher, CcxtSettings
from seamless_lab.app.home import SANDBOX_MARK, is_marked
from seamless_lab.app.local_exchange import STOOD_IN_FOR
from seamless_lab.app.secret import bare_url
from seamless_lab.core.grid import Grid
from seamless_lab.core.identity import NodeId
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.events import Emit
from seamless_lab.engine.ports import Clock, Fetched, RateLimiter, SourceTraits
from seamless_lab.errors import ConfigError, RequestError, SourceUnavailable


def mark(home: Path) -> None:
    """Remember that a home holds a sandbox's bars. Raises as `making`."""
    with making(home):
        home.mkdir(parents=True, exist_ok=True)
        (home / SANDBOX_MARK).touch()


@contextmanager
def making(home: Path) -> Iterator[None]:
    """Make a home, or fail in a sentence.

    Raises
    ------
    ConfigError
        If the system refuses what is done.
    """
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"The folder {home} cannot be made: {error.strerror or error}.", hint="Choose another --home."
        ) from error


class HomeFetcher(CcxtFetcher):
    """The exchanges as one home may ask them: one marked as a sandbox's asks only those sent elsewhere by `urls`.

    One with a `sandbox_url` marks its home before it asks, so that no bar is kept in a home without the mark.
    """

    def __init__(
        self,
        home: Path,
        limiter: RateLimiter,
        clock: Clock,
        settings: dict[str, CcxtSettings],
        *,
        otherwise: CcxtSettings,
        sandbox_url: str,
        emit: Emit,
    ) -> None:
        super().__init__(limiter, clock, settings, otherwise=otherwise, emit=emit)
        self._home, self._sandbox_url = home, sandbox_url
        self._sent_elsewhere = {exchange for exchange, own in settings.items() if "urls" in own.options}

    def require(self, node: NodeId) -> None:
        """Refuse a real exchange's bars in a home that holds a sandbox's."""
        if self._sandbox_url:
            mark(self._home)
        _require_stand_in(self._home, node, self._sent_elsewhere)

    async def traits(self, node: NodeId) -> SourceTraits:
        """How this node can be asked for; see the port."""
        self.require(node)
        with self._naming_the_sandbox():
            return await super().traits(node)

    async def fetch(self, node: NodeId, grid: Grid, window: TimeRange) -> Fetched:
        """All bars that open in `window`; see the port."""
        self.require(node)
        with self._naming_the_sandbox():
            return await super().fetch(node, grid, window)

    @contextmanager
    def _naming_the_sandbox(self) -> Iterator[None]:
        """Whoever asked a sandbox does not wonder about the internet."""
        try:
            yield
        except SourceUnavailable as error:
            if (url := self._sandbox_url) and error.facts.get("status") == 0:
                error.rehint(f"Does a sandbox run at {bare_url(url)}? seamless sandbox starts one, and prints its URL.")
            raise


def _require_stand_in(home: Path, node: NodeId, sent_elsewhere: Collection[str]) -> None:
    if node.exchange in sent_elsewhere or not is_marked(home):
        return
    if node.exchange in STOOD_IN_FOR:
        raise RequestError(
            f"The home {home} holds a sandbox's bars, and {node.exchange}'s real ones would mix with them.",
            hint="Add --exchange-url URL of a running sandbox, or name another home with --home FOLDER.",
            home=str(home),
            exchange=node.exchange,
        )
    raise RequestError(
        f"A sandbox stands in for {', '.join(STOOD_IN_FOR)}, not for {node.exchange}, which is not asked for bars to "
        f"keep in {home}.",
        hint="Name one of these exchanges, or leave --exchange-url out and name another home with --home FOLDER.",
        home=str(home),
        exchange=node.exchange,
    )
