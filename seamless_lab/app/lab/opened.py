"""What every part of a lab has: its parts, its thread, and how it ends."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType
from typing import Never, Self

from seamless_lab.app import inspect
from seamless_lab.app.command import Place
from seamless_lab.app.door import Door
from seamless_lab.app.home import find_home, is_marked, user_folders
from seamless_lab.app.opening import keep_apart, stood_in
from seamless_lab.app.portal import LOOK_UP_S, Portal
from seamless_lab.app.wiring import Wiring, wire
from seamless_lab.core.numbers import as_written
from seamless_lab.engine.events import Emit
from seamless_lab.errors import ConfigError, RequestError

OFFERED_TIMEFRAMES = ("1m", "1h", "1d")
"""Of symbols that are configured and not stored: every exchange has them."""

_PARAMETERS = ("home", "config", "overrides", "exchange_url")


class Opened:
    """An open lab without its verbs; thread-safe."""

    def __init__(
        self,
        home: str | None = None,
        *,
        config: str | None = None,
        overrides: Mapping[str, object] | None = None,
        exchange_url: str | None = None,
        **unknown: Never,
    ) -> None:
        if unknown:
            raise _no_parameter(next(iter(unknown)))
        stand_in = None if exchange_url is None else stood_in(exchange_url, own_home=_has_own(home))
        self._parts = wire(
            home=home, config=config, stand_in=stand_in, overrides={} if overrides is None else overrides
        )
        named = (None if each is None else os.fspath(each) for each in (home, config, exchange_url))
        self.place = Place(*named).options()
        """Options that name this lab as it was named, in the commands of its results and hints."""
        self._door = Door(self._parts)
        self._thread = Portal()
        self._closing = threading.RLock()
        self._process: int | None = None
        if exchange_url is not None:
            try:
                keep_apart(self._parts, exchange_url)
            except RequestError:
                self.close()
                raise

    @property
    def wiring(self) -> Wiring:
        """Settings, home and parts, for front ends and diagnosis."""
        self._require_own_process()
        return self._parts

    @property
    def door(self) -> Door:
        """The parser of what users write, for front ends."""
        self._require_own_process()
        return self._door

    def add_sink(self, sink: Emit) -> Callable[[], None]:
        """Send every event to `sink`, on the engine's threads; returns the function that ends it.

        A sink that raises stops nothing: it is told of once, as a `RuntimeWarning`, or on stderr where warnings are
        errors.
        """
        return self.wiring.events.add(sink)

    def wait(self, on_event: Emit | None = None) -> None:
        """Wait for fills that partial answers left behind."""
        self._portal.call(lambda: self.wiring.engine.wait_behind(), on_event)  # noqa: PLW0108  # parts of a loop are found on it

    def nodes(self) -> Sequence[str]:
        """All series that the stores hold, sorted."""
        return inspect.nodes(self.wiring)

    def known(self) -> Sequence[str]:
        """What completes a reference: the pins as `pin:NAME`, their series, all series, and the configured symbols.

        A broken lockfile has no pins.
        """
        try:
            lock = self.wiring.pins.found()
        except ConfigError:  # the command that is typed will say so
            lock = None
        pins = [] if lock is None else [pin for _, pin in sorted(lock.pins.items())]
        configured = [
            f"ohlcv:{exchange}:{symbol}:{timeframe}"
            for exchange, settings in self.wiring.settings.exchanges.items()
            for symbol in settings.symbols
            for timeframe in OFFERED_TIMEFRAMES
        ]
        series = dict.fromkeys([*self.nodes(), *(str(pin.node) for pin in pins), *configured])
        return [*(pin.ref for pin in pins), *series]

    def close(self) -> None:
        """Cancel what runs, close connections and files. Idempotent; a lab that is used again is to be closed again.

        In a process that was forked from the one that uses the lab there is nothing to close: all of it is the other's.

        Raises
        ------
        RequestError
            In a sink, which the engine waits for; nothing was closed.
        """
        if self._process not in (None, os.getpid()):
            return
        self._portal.require_other_thread()
        while not self._closing.acquire(timeout=LOOK_UP_S):  # a second one would take away what the first still closes
            pass
        try:
            with self.wiring.leaving_loop():
                self._portal.close(self.wiring.close)
        finally:
            try:
                self.wiring.close_files()
            finally:
                self._closing.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _portal(self) -> Portal:
        self._require_own_process()
        self._parts.events.require_no_sink()
        return self._thread

    def _require_own_process(self) -> None:
        """Refuse a lab that another process used before it forked this one: its threads and locks stayed there."""
        if self._process is None:
            self._process = os.getpid()
        elif self._process != os.getpid():
            raise RequestError(
                f"This lab was used in process {self._process} before it forked process {os.getpid()}, where its "
                "threads do not exist.",
                hint="Open a new Lab in the new process, started with multiprocessing's forkserver or spawn.",
                process=self._process,
            )


def _has_own(home: str | None) -> bool:
    """Whether a home is named, by the argument or the environment, or is a sandbox's in which one stands."""
    if (home is not None and as_written(home) != "") or os.environ.get("SEAMLESS_HOME"):
        return True
    return is_marked(find_home(None, os.environ, Path.cwd(), user_folders()).root)


def _no_parameter(name: str) -> TypeError:
    """The error of a keyword that no lab has; Python itself suggests near ones since 3.13 only."""
    near = get_close_matches(name, _PARAMETERS, n=1, cutoff=0.5)
    guess = f"Did you mean {near[0]}?" if near else f"It has {', '.join(_PARAMETERS)}."
    return TypeError(f"Lab has no parameter {name!r}. {guess}")
