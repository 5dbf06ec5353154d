"""The demonstration: a year of bars from an exchange that is having a bad day."""

from __future__ import annotations

import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from seamless_lab.app import text
from seamless_lab.app.command import Call
from seamless_lab.app.lab import Lab
from seamless_lab.app.local_exchange import LocalExchange
from seamless_lab.app.results import BackfillResult, FetchResult, Json, Rendered
from seamless_lab.app.view import Badge, Code, Fact, Facts, Look, Note, Tone, View
from seamless_lab.core.coverage import Cause
from seamless_lab.errors import ConfigError, NotSealed

NODE, START, END = "ohlcv:binance:BTC/USDT:1m", "2024-01-01", "2025-01-01"
HOME = ".seamless-demo"
MARK = "made-by-seamless-demo"

BAD_DAY = {"server_error": 0.25, "reset": 0.03, "truncated": 0.03, "html": 0.03, "duplicates": 0.1, "out_of_order": 0.1}
"""More than half of the answers are wrong in some way; a page is asked for three times, so some stay unanswered."""

PATIENCE: dict[str, object] = {"seamless.backfill.max_attempts": 3, "seamless.backfill.retry_backoff_ms": 20}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DemoResult(Rendered):
    """What the demonstration ended with: the dataset it sealed, and whether everything came out as it should."""

    first: FetchResult
    repaired: BackfillResult
    pinned: FetchResult
    again: FetchResult
    home: str
    seconds: float

    @property
    def same_bytes(self) -> bool:
        """Whether the pinned read equals what an undisturbed second home got."""
        return self.pinned.content == self.again.content

    @property
    def exit_code(self) -> int:
        """0 when the year is complete, sealed, and the same in both homes."""
        return 0 if self.repaired.exit_code == 0 and self.same_bytes else 1

    def to_dict(self) -> Json:
        """The facts as JSON values."""
        return {
            "node": NODE,
            "ref": self.pinned.ref,
            "content": self.pinned.content,
            "rows": self.pinned.rows,
            "unanswered_at_first": self.first.coverage.unanswered.seconds // self.first.coverage.grid.step_s,
            "repair_requests": self.repaired.requests,
            "same_bytes_in_second_home": self.same_bytes,
            "home": self.home,
            "seconds": round(self.seconds, 1),
        }

    def view(self) -> View:
        """The dataset, and what to do with it next."""
        facts = (
            Fact("dataset", self.pinned.ref, code=True),
            Fact("content", f"sha256:{self.pinned.content}", code=True),
            Fact("bars", f"{self.pinned.rows:,}, and {self.pinned.coverage.slots(Cause.QUIET)} minutes proven quiet"),
            Fact("second home", "same bytes" if self.same_bytes else f"differs: {self.again.content}"),
            Fact("took", f"{self.seconds:.0f} s", volatile=True),
        )
        command = f"seamless manifest '{self.pinned.ref}' --home {self.home}"
        verdict = Badge("sealed", Tone.GOOD) if self.exit_code == 0 else Badge("failed", Tone.BAD)
        return View("demo", verdict, "", (Facts(facts), Note("It is yours to look at:"), Code((command,))))


def run_demo(call: Call) -> DemoResult:
    """Fetch a year through faults, look at what is missing and why, repair it, seal it, and read it back.

    Raises
    ------
    ConfigError
        The folder for the demonstration's home holds something else.
    """
    begun = time.monotonic()
    home = _fresh_home(Path(call.place.home or HOME))
    stage = _Stage(call)
    with LocalExchange("--now", "2025-06-01", "--fault-seed", "1") as exchange:
        exchange.set_faults(seed=1, rates=BAD_DAY, routes=["klines"], max_consecutive=None)
        stage.say(
            1,
            "A local exchange opens, and has a bad day",
            f"It speaks Binance's REST at {exchange.url}; prices are invented, the client is the real ccxt.\n"
            "A quarter of its answers are errors; others are cut off, HTML, doubled or shuffled.",
        )
        with Lab(str(home), overrides={**exchange.overrides(), **PATIENCE}) as lab:
            stage.say(2, "A year of one-minute bars", f"$ seamless fetch {NODE} --start {START} --end {END}")
            first = lab.fetch(NODE, START, END, on_event=call.on_event)
            stage.show(first)
            stage.say(3, "What is missing, and why", f"$ seamless gaps {NODE} --start {START} --end {END}")
            stage.show(lab.gaps(NODE, START, END))
            _refused(lab, stage)
            exchange.set_faults()
            exchange.clear_log()
            stage.say(
                5,
                "The exchange recovers; the repair asks for what is missing and nothing else",
                f"$ seamless backfill {NODE} --start {START} --end {END}",
            )
            repaired = lab.backfill(NODE, START, END, on_event=call.on_event)
            stage.show(repaired)
            head = lab.manifest(NODE)
            stage.say(
                6,
                "Sealed: the same reference gives the same bytes, for ever",
                f"$ seamless fetch '{head.ref}' --start {START} --end {END} --domain research",
            )
            pinned = lab.fetch(head.ref, START, END, domain="research")
            stage.show(pinned)
        stage.say(
            7,
            "Somebody else, another order, no faults: do they get the same?",
            "A second, empty home fetches the year from its end to its start, month by month.",
        )
        with Lab(str(home / "second"), overrides={**exchange.overrides(), **PATIENCE}) as other:
            for month in range(12, 0, -1):
                other.fetch(NODE, f"2024-{month:02d}", on_event=call.on_event)
            again = other.fetch(NODE, START, END)
        stage.tell(f"theirs  sha256:{again.content}\nours    sha256:{pinned.content}")
    return DemoResult(first, repaired, pinned, again, str(home), time.monotonic() - begun)


def _refused(lab: Lab, stage: _Stage) -> None:
    stage.say(
        4,
        "Research reads sealed versions only",
        f"$ seamless fetch {NODE} --start {START} --end {END} --domain research",
    )
    try:
        lab.fetch(NODE, START, END, domain="research")
    except NotSealed as error:
        stage.tell(f"error[{error.code}]: {error.message}\nhint: {error.hint}")


def _fresh_home(home: Path) -> Path:
    """An empty home; one that an earlier demonstration left is cleared away, anything else is refused."""
    if home.exists() and any(home.iterdir()):
        if not (home / MARK).exists():
            raise ConfigError(
                f"The folder {home} is not empty, and no demonstration made it.",
                hint="Name another one: seamless demo --home FOLDER",
                path=str(home),
            )
        shutil.rmtree(home)
    home.mkdir(parents=True, exist_ok=True)
    (home / MARK).touch()
    return home


class _Stage:
    """Where the demonstration tells its story: standard error, so that standard output has the result alone."""

    def __init__(self, call: Call) -> None:
        self._silent = call.on_event is None
        tty = sys.stderr.isatty()
        self._look = Look(
            width=min(shutil.get_terminal_size().columns, 110),
            color=tty and "NO_COLOR" not in os.environ,
            unicode="utf" in (sys.stderr.encoding or "").lower(),
        )

    def say(self, step: int, title: str, detail: str) -> None:
        """Begin a step."""
        self._write("\n" + text.paint(f"{step}. {title}", "1", self._look) + "\n")
        for line in detail.splitlines():
            self._write("   " + (text.paint(line, "36", self._look) if line.startswith("$") else line) + "\n")

    def show(self, result: Rendered) -> None:
        """Show a result as the terminal would."""
        self.tell(text.render(result.view(), self._look))

    def tell(self, lines: str) -> None:
        """Show some lines."""
        self._write("\n" + "\n".join(f"   {line}" if line else "" for line in lines.splitlines()) + "\n")

    def _write(self, lines: str) -> None:
        if not self._silent:
            sys.stderr.write(lines)
            sys.stderr.flush()
