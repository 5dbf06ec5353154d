"""One command while it runs in a terminal: its lab, its progress, and what stays after the answer."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from seamless_lab.app.command import Place
from seamless_lab.app.grammar import Invocation
from seamless_lab.app.opening import open_lab
from seamless_lab.cli.screen import Screen, encodes

if TYPE_CHECKING:
    from seamless_lab.app.lab import Lab
    from seamless_lab.app.render.view import Block, View
    from seamless_lab.engine.events import Emit, Event
    from seamless_lab.sandbox import SandboxExchange

LIVE_EVERY_S, SPARSE_EVERY_S = 0.1, 5.0
LOOK_UP_S = 0.2
_ERASE = "\r\x1b[K"


class TerminalProgress:
    """Progress on standard error: one moving line on a terminal, a line now and then elsewhere, nothing with `-q`.

    A sink of the lab's events, so it also hears of fills that go on behind an answer. Thread-safe.
    """

    def __init__(self, screen: Screen, *, quiet: bool) -> None:
        from seamless_lab.app.progress import Progress

        self._screen = screen
        self._quiet = quiet
        self._lock = threading.Lock()
        self._progress = Progress()
        self._said_at = 0.0
        self._line = ""
        self._told = False
        self.behind = False
        """Whether a fill goes on behind an answer."""
        self.failed = ""
        """What stood against it at last."""

    def begin(self, asked: Invocation) -> None:
        """Show at once that something happens."""
        if self._screen.live and not self._quiet and asked.command.name not in ("sandbox", "demo"):
            self._draw(f"{asked.command.name} …")

    def note(self, event: Event) -> None:
        """Take an event in, and show it when it is time."""
        with self._lock:
            news = self._progress.note(event)
            self.behind |= event.name == "seamless.backfill.behind"
            if self.behind and event.name in ("seamless.backfill.fail", "seamless.backfill.behind_failed"):
                self.failed = str(event.fields.get("message") or event.fields.get("error"))
            if event.name == "seamless.backfill.plan":
                self._told = False
            # Where lines stay, the plan is told when it is carried out: a source may refuse it before.
            begins = event.name == "seamless.backfill.attempt" and not self._told
            self._told |= begins
            if not self._quiet and (begins or (news and (self._screen.live or self._told))):
                self._show(planned=begins)

    def clear(self) -> None:
        """Take the moving line away."""
        with self._lock:
            if self._line and self._screen.live:
                self._screen.draw(_ERASE)
            self._line = ""

    def finish(self) -> None:
        """Say in one line what was asked for."""
        self.clear()
        if not self._quiet and (summary := self._progress.summary()):
            self._screen.note(summary)

    def _show(self, *, planned: bool) -> None:
        every = LIVE_EVERY_S if self._screen.live else SPARSE_EVERY_S
        if planned or time.monotonic() - self._said_at >= every:
            self._said_at = time.monotonic()
            whole = planned and not self._screen.live
            line = self._progress.plan() if whole else self._progress.line(unicode=encodes(self._screen.err, "█"))
            self._draw(line)

    def _draw(self, line: str) -> None:
        if line == self._line:
            return
        self._line = line
        if self._screen.live:
            self._screen.draw(f"{_ERASE}{line[: self._screen.width - 1]}")
        else:
            self._screen.note(line)


class TerminalCall:
    """The `Call` of a terminal; as a context, it closes what the command opened."""

    def __init__(self, asked: Invocation, screen: Screen) -> None:
        self.place: Place = asked.place
        self.progress = TerminalProgress(screen, quiet=asked.quiet)
        self.on_event: Emit | None = None  # the progress is a sink of the whole lab
        self._asked = asked
        self._screen = screen
        self._lab: Lab | None = None
        self._exchange: SandboxExchange | None = None

    def where(self) -> Place:
        """Where the line says."""
        return self.place

    def lab(self) -> Lab:
        """The lab, opened when first asked for."""
        if self._lab is None:
            self._lab = open_lab(self.place)
            self._lab.add_sink(self.progress.note)
        return self._lab

    def watch(self, lab: Lab) -> None:
        """Show the progress of a lab that the command opened itself."""
        lab.add_sink(self.progress.note)

    def tell(self, view: View | str) -> None:
        """Show something on standard output, unless that is for JSON."""
        self.progress.clear()
        if not (self._screen.json or self._asked.quiet):
            self._screen.tell(view)

    def kernel(self) -> None:
        """None: a terminal has no cells."""
        return

    def keep(self, exchange: SandboxExchange) -> Block:
        """Keep an exchange until Ctrl-C."""
        from seamless_lab.app.render.view import Code

        self._exchange = exchange
        fetch = "seamless fetch ohlcv:binance:BTC/USDT:1m --start 2024-01-01 --end 2024-02-01"
        return Code((f"{fetch} --exchange-url {exchange.url} --home ./sandbox-home",), volatile=True)

    def linger(self) -> None:
        """After the answer: wait for fills behind a partial one, or run the exchange until Ctrl-C."""
        if self._exchange is not None:
            if not self._screen.json:
                self._screen.note("Running; Ctrl-C stops it.")
            for_ever = threading.Event()
            while not for_ever.wait(LOOK_UP_S):  # polars' handler of SIGINT lets no bare wait be interrupted
                pass
        if self._lab is not None and self.progress.behind:
            if not self._asked.quiet:
                self._screen.note("What is missing is filled behind this answer; Ctrl-C leaves it to the next fetch.")
            self._lab.wait()
            if self.progress.failed and not self._asked.quiet:
                self.progress.clear()
                self._screen.note(f"Not all of it could be filled: {self.progress.failed}")

    @property
    def serving(self) -> bool:
        """Whether an exchange runs here."""
        return self._exchange is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._exchange is not None:
            self._exchange.__exit__(None, None, None)
        if self._lab is not None:
            try:
                self._lab.close()
            finally:
                for notice in self._lab.wiring.notices:
                    self._screen.note(f"note: {notice}")
