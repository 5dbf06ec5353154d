"""Verbs that look at what is known and what is sealed."""

from __future__ import annotations

from dataclasses import replace

from seamless_lab.app import inspect
from seamless_lab.app.lab.opened import Opened
from seamless_lab.app.restoring import restoration, restoring
from seamless_lab.app.results import (
    ArtifactList,
    CoverageResult,
    GapTable,
    Manifest,
    OneVersion,
    SlaReport,
    VerifyReport,
)
from seamless_lab.core.time import TimeLike, parse_time_ms


class Looking(Opened):
    """Coverage, gaps, datasets, and how fetches did."""

    def coverage(self, node: str, start: TimeLike | None = None, end: TimeLike | None = None) -> CoverageResult:
        """What is known about a window, by cause; without a window, from the first to the last slot answered or failed.

        Of a reference, `NODE@SELECTOR` or `pin:NAME`, it is what that sealed version holds, inside the window of a pin.
        Asks no source.
        """
        asked = self.door.asked(node)
        if asked.selector is None:
            header = self.door.header(asked.node)
            return inspect.coverage(self.wiring, header, self.door.known_window(header, start, end))
        version = asked.selected()
        window = self.door.version_window(asked, version, start, end)
        pin = "" if asked.pin is None else asked.pin.name
        return inspect.sealed_coverage(self.wiring, asked.store, OneVersion(asked.written, version, pin), window)

    def gaps(self, node: str, start: TimeLike | None = None, end: TimeLike | None = None) -> GapTable:
        """Stretches without a bar, each with its cause, its evidence and the command that repairs it.

        Of a reference those of the sealed version, as `coverage` has it. Asks no source.
        """
        return inspect.gaps(self.wiring, self.coverage(node, start, end))

    def artifacts(self, node: str | None = None) -> ArtifactList:
        """The sealed datasets of the store; with a node, all its versions, newest last.

        With `pin:NAME` those of the pin's node, in the store that the pin is read from.
        """
        if node is None:
            return inspect.catalogue(self.wiring)
        pin = self.door.pin(node)
        if pin is not None:
            store = self.wiring.pins.store(pin)
            with restoring(self.wiring, store):
                return inspect.history(store, pin.node)
        return inspect.history(self.wiring.sealed, self.door.node(node))

    def manifest(self, ref: str) -> Manifest:
        """The manifest of one version; of the newest when `ref` is a bare node."""
        asked = self.door.asked(ref)
        return Manifest(asked.selected())

    def verify(self, ref: str | None = None) -> VerifyReport:
        """Rehash everything that a version (or a node, or the whole store) consists of."""
        asked = None if ref is None else self.door.asked(ref)
        if asked is None:
            report = inspect.verify(self.wiring.sealed, None, None)
        else:
            report = inspect.verify(asked.store, asked.node, asked.selector)
            if report.offenders and asked.store.url != self.wiring.sealed.url:
                report = replace(report, hints=(restoration(asked.store),))
        if report.dropped:
            self.wiring.read_cache.clear()  # fetches may have kept what those files gave
        return report

    def sla(self, node: str | None = None, *, since: TimeLike = "-7d") -> SlaReport:
        """How fetches did against their budgets."""
        series, now_ms = None if node is None else self.door.node(node), self.wiring.clock.now_ms()
        self._portal.call(lambda: self.wiring.engine.wait_logged())  # noqa: PLW0108  # parts of a loop are found on it
        return inspect.sla(self.wiring, series, parse_time_ms(since, now_ms=now_ms))
