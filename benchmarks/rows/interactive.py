"""What a person waits for: imports, completion, progress, the stop button, small budgets, tables."""

from __future__ import annotations

from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from benchmarks.bench import NODE, Bench, row
from benchmarks.child import in_child
from benchmarks.measure import Contender, Kind, Row, Sample, ours, race
from benchmarks.objects import write_nodes
from benchmarks.rows.reading import home_on
from benchmarks.rows.sources import EXCHANGE, START
from seamless_lab.app.lab import Lab
from seamless_lab.app.local_exchange import LocalExchange
from seamless_lab.core.grid import DAY
from seamless_lab.notebook.matcher import make_matcher

STANDS_ON = ("numpy", "polars", "pyarrow", "apsw", "yaml")


@row("import")
def imports(bench: Bench) -> Row:
    """`import seamless_lab`, then `%load_ext`; a lab; in new processes."""
    found = Row("import", "import seamless_lab, then %load_ext, in a new process")
    loads: list[tuple[float, float]] = []

    def package() -> Sample:
        told = in_child("import_package")
        loads.append((told["load_ms"], told["load_cpu_ms"]))
        return Sample(told["wall_ms"], told["cpu_ms"])

    def opened() -> Sample:
        told = in_child("open_lab", home=str(bench.new("home")))
        return Sample(told["wall_ms"], told["cpu_ms"])

    def bare(*modules: str) -> Sample:
        told = in_child("import_bare", modules=modules)
        return Sample(told["wall_ms"], told["cpu_ms"])

    found.measures = race(
        [
            Contender(Kind.OURS, "import seamless_lab", package),
            Contender(Kind.OURS, "import Lab, and open one", opened),
            Contender(Kind.FLOOR, "import what it stands on", lambda: bare(*STANDS_ON)),
            *(Contender(Kind.PEER, f"import {name}", lambda name=name: bare(name)) for name in ("polars", "pyarrow")),
        ],
        max(1, bench.sizes.rounds - 2),
    )
    found.measures += race([Contender(Kind.OURS, "%load_ext seamless_lab", lambda: Sample(*min(loads)))], 1)
    found.at_most("import ≤ 150 ms", found.best("import seamless_lab"), 150, "ms")
    found.at_most("%load_ext ≤ 200 ms", found.best("%load_ext seamless_lab"), 200, "ms")
    found.notes.append(
        f"A lab stands on {', '.join(STANDS_ON)}. It is imported at its first use; what its other verbs are made of, "
        "such as backtests, SQL and receipts, when one of them is called."
    )
    return found


@row("catalogue")
def catalogue(bench: Bench) -> Row:
    """Completion and the list of datasets at ten thousand series."""
    nodes = bench.sizes.nodes
    found = Row("catalogue", f"completion and `artifacts` at {nodes:,} series")
    home = bench.new("many-home")
    names = write_nodes(home / "artifacts", bench, nodes)
    shell = _shell()
    shell.Completer.custom_matchers.append(make_matcher(lambda: names, tuple))
    line = "%seamless fetch ohlcv:kraken:S00"

    def complete() -> list[str]:
        with provisionalcompleter():
            return [found.text for found in shell.Completer.completions(line, len(line))]

    with Lab(str(home)) as lab:

        def listed() -> object:
            return lab.artifacts()

        contenders = [
            ours("completion of a series", complete),
            ours("artifacts, new process", listed, lab.wiring.sealed.forget),
            ours("artifacts as HTML", lambda: lab.artifacts()._repr_html_()),  # what a notebook calls
            ours("nodes", lambda: list(lab.nodes())),
        ]
        found.measures = race(contenders, max(1, bench.sizes.rounds - 2))
        size = len(lab.artifacts()._repr_html_().encode())
    matches = complete()
    found.at_most("completion ≤ 30 ms", found.best("completion of a series"), 30, "ms")
    found.at_most("artifacts ≤ 1 s", found.best("artifacts as HTML"), 1_000, "ms")
    found.at_most("HTML of artifacts ≤ 50 kB", size / 1_000, 50, "kB")
    found.notes.append(f"{len(matches):,} completions were offered.")
    return found


@row("magic-week")
def magic_week(bench: Bench) -> Row:
    """`%seamless fetch` of a pinned week in a notebook, shown."""
    found = Row("magic-week", "%seamless fetch of one pinned week, and its HTML")
    home = home_on(bench)
    shell = _shell()
    shell.run_line_magic("load_ext", "seamless_lab")
    with Lab(str(home)) as lab:
        fingerprint = lab.manifest(NODE).version.tree.fingerprint
        whole = lab.fetch(NODE, bench.window.start, bench.window.end, as_of=f"sha256:{fingerprint}", domain="research")
        sizes = {"fetch": whole._repr_html_(), "coverage": lab.coverage(NODE)._repr_html_()}
        sizes["manifest"] = lab.manifest(NODE)._repr_html_()
    turn = iter(range(10_000))
    weeks = max(1, bench.sizes.days // 7 - 1)

    def line() -> str:
        start = bench.window.start + next(turn) * 37 % weeks * 7 * DAY
        ref = f"{NODE}@sha256:{fingerprint[:16]}"
        return f"fetch {ref} --start {start} --end {start + 7 * DAY} --domain research --home {home}"

    def run() -> object:
        return shell.run_line_magic("seamless", line())

    result = run()
    found.measures = race(
        [
            ours("the magic", run),
            ours("its HTML", result._repr_html_),
            ours("both", lambda: run()._repr_html_()),
        ],
        bench.sizes.rounds * 3,
    )
    found.at_most("through the magic ≤ 25 ms", found.best("both"), 25, "ms")
    found.at_most("of which HTML ≤ 10 ms", found.best("its HTML"), 10, "ms")
    found.at_most("HTML ≤ 50 kB", max(len(html.encode()) for html in sizes.values()) / 1_000, 50, "kB")
    found.notes.append(
        "HTML: " + ", ".join(f"{name} {len(html.encode()) / 1_000:.1f} kB" for name, html in sizes.items())
    )
    return found


@row("responsiveness")
def responsiveness(bench: Bench) -> Row:
    """First progress, the stop button, and a budget of 50 ms on a source that hangs."""
    found = Row("responsiveness", f"first progress; stop button; {bench.sizes.calls} fetches with a budget of 50 ms")
    week = START + 7 * DAY
    with LocalExchange(*EXCHANGE) as exchange:
        progress = in_child("first_progress", home=str(bench.new("h")), url=exchange.url, start=START, end=week)
        exchange.set_faults(latency_ms=100)
        stop = in_child("stop_button", home=str(bench.new("h")), url=exchange.url, start=START, end=START + 300 * DAY)
        exchange.set_faults(rates={"hang": 1.0}, routes=["klines"], max_consecutive=None)
        budget = in_child(
            "small_budget",
            home=str(bench.new("h")),
            url=exchange.url,
            start=START,
            calls=bench.sizes.calls,
            budget_ms=50,
        )
        exchange.set_faults()
    found.notes += [f"Left on the loop: {left}" for left in budget["left"][:3]]
    found.measures = race(
        [
            _told("first progress, first command of a lab", progress["cold_ms"]),
            _told("first progress, next command", progress["warm_ms"]),
            _told("stop button", stop["wall_ms"]),
            _told("budget of 50 ms, p99", budget["wall_ms"]),
            _told("budget of 50 ms, median", budget["median_ms"]),
        ],
        1,
    )
    found.at_most("first progress of an open lab ≤ 300 ms", progress["cold_ms"], 300, "ms")
    found.at_most("first progress, next command ≤ 300 ms", progress["warm_ms"], 300, "ms")
    found.at_most("stop button ≤ 1 s", stop["wall_ms"], 1_000, "ms")
    found.at_most("leases left by the stop button", stop["leases"], 0, "")
    found.at_most("50 ms budget: p99 ≤ 100 ms", budget["wall_ms"], 100, "ms")
    found.at_most("tasks and leases left", budget["tasks"] + budget["leases"], 0, "")
    found.notes.append(
        f"Phases named: {', '.join(map(repr, budget['phases']))}. The first call took {budget['first_ms']:.0f} ms. "
        f"The first event of a lab's first backfill arrives after {progress['cold_event_ms']:.0f} ms. Before that, a "
        f"new process imports the engine and opens the lab, which took {progress['open_ms']:.0f} ms."
    )
    return found


def _shell() -> InteractiveShell:
    """An IPython of its own, which keeps no history."""
    quiet = Config()
    quiet.HistoryManager.enabled = False
    return InteractiveShell(config=quiet)


def _told(label: str, wall_ms: float) -> Contender:
    return Contender(Kind.OURS, label, lambda: Sample(wall_ms, 0.0))
