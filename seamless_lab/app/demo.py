"""The demonstration: a year of bars from an exchange that is having a bad day."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from seamless_lab.app.command import Call, Place
from seamless_lab.app.lab import Lab
from seamless_lab.app.local_exchange import LocalExchange
from seamless_lab.app.render.view import Badge, Code, Fact, Facts, Note, Tone, View
from seamless_lab.app.results import BackfillResult, FetchResult, Json, Rendered
from seamless_lab.app.sandbox_home import making, mark
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
        place = Place(home=self.home).options()
        commands = (f"seamless artifacts {place}", f"seamless manifest {self.pinned.ref} {place}")
        verdict = Badge("sealed", Tone.GOOD) if self.exit_code == 0 else Badge("failed", Tone.BAD)
        return View("demo", verdict, "", (Facts(facts), Note("It is yours to look at:"), Code(commands, command=True)))


def run_demo(call: Call) -> DemoResult:
    """Fetch a year through faults, look at what is missing and why, repair it, seal it, and read it back.

    Raises
    ------
    ConfigError
        The folder for the demonstration's home holds something else.
    """
    begun = time.monotonic()
    home = _fresh_home(Path(call.place.home or HOME))
    with LocalExchange("--now", "2025-06-01") as exchange:
        call.tell(
            "1. A local exchange opens, and has a bad day\n"
            f"   It speaks Binance's REST at {exchange.url}; prices are invented, the client is the real ccxt.\n"
            "   A quarter of its answers are errors; others are cut off, HTML, doubled or shuffled.\n"
        )
        exchange.set_faults(seed=1, rates=BAD_DAY, routes=["klines"], max_consecutive=None)
        with Lab(str(home), exchange_url=exchange.url, overrides=PATIENCE) as lab:
            call.watch(lab)
            lab.place = Place(home=str(home)).options()  # the exchange is gone when somebody copies a command
            first, repaired, pinned = _story(call, lab, exchange)
        call.tell(
            "\n7. Somebody else, in another order, without faults: do they get the same?\n"
            "   A second, empty home fetches the year from its end to its start, month by month.\n"
        )
        with Lab(str(home / "second"), exchange_url=exchange.url, overrides=PATIENCE) as other:
            call.watch(other)
            for month in range(12, 0, -1):
                other.fetch(NODE, f"2024-{month:02d}")
            again = other.fetch(NODE, START, END)
        call.tell(f"theirs  sha256:{again.content}\nours    sha256:{pinned.content}\n")
    return DemoResult(first, repaired, pinned, again, str(home), time.monotonic() - begun)


def _story(call: Call, lab: Lab, exchange: LocalExchange) -> tuple[FetchResult, BackfillResult, FetchResult]:
    """The fetch, its gaps, the refusal, the repair and the pinned read; every command shown names the lab's place."""
    window = f"--start {START} --end {END} {lab.place}"
    call.tell(f"2. A year of one-minute bars\n   $ seamless fetch {NODE} {window}\n")
    first = lab.fetch(NODE, START, END)
    call.tell(first.view())
    call.tell(f"\n3. What is missing, and why\n   $ seamless gaps {NODE} {window}\n")
    call.tell(lab.gaps(NODE, START, END).view())
    call.tell(f"\n4. Research reads sealed versions only\n   $ seamless fetch {NODE} {window} --domain research\n")
    try:
        lab.fetch(NODE, START, END, domain="research")
    except NotSealed as error:
        call.tell(f"error[{error.code}]: {error.message}\nhint: {error.hint}")
    exchange.set_faults()
    call.tell(
        "\n5. The exchange recovers; the repair asks for what is missing and nothing else\n"
        f"   $ seamless backfill {NODE} {window}\n"
    )
    repaired = lab.backfill(NODE, START, END)
    call.tell(repaired.view())
    ref = lab.manifest(NODE).ref
    call.tell(
        "\n6. Sealed: this reference gives these bytes, for ever\n"
        f"   $ seamless fetch {ref} {window} --domain research\n"
    )
    pinned = lab.fetch(ref, START, END, domain="research")
    call.tell(pinned.view())
    return first, repaired, pinned


def _fresh_home(home: Path) -> Path:
    """An empty home; one that an earlier demonstration left is cleared away, anything else is refused."""
    with making(home):
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
    mark(home)
    mark(home / "second")
    return home
