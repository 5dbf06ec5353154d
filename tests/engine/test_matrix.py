"""Every cell of domain x strategy x store state: sources touched and verdict, over the real stores and client."""

from __future__ import annotations

import shutil
from itertools import product
from pathlib import Path

import pytest

from seamless_lab.core.policy import Domain, SLAPolicy, Strategy
from seamless_lab.core.ranges import Ranges
from seamless_lab.engine.backfill import FillOutcome
from seamless_lab.errors import SeamlessError
from seamless_lab.sandbox import FaultPlan, SandboxConfig, SandboxExchange
from tests.labs import NODE, NOW_MS, NOW_S, open_lab

START = NOW_S - NOW_S % 60 - 3 * 3600
END = NOW_S - NOW_S % 60
MIDDLE = START + 3600
PATIENT = SLAPolicy(max_wait_live_ms=60_000)
"""The budgets of people, and time for the live tail on a busy machine too."""
STABLE_END = END - 120

STATES = ("empty", "sealed", "hot", "half", "half, source down")

# What each cell does: sources touched in order, then the verdict or the error's code. The window ends now, so its last
# two bars are too young to be sealed; only live delivers them.
TABLE = """
backtest  FAIL_FAST      empty              | -                            | E-NOT-SEALED
backtest  FAIL_FAST      sealed             | artifact                     | PASS
backtest  FAIL_FAST      hot                | -                            | E-NOT-SEALED
backtest  FAIL_FAST      half               | -                            | E-GAPS
backtest  FAIL_FAST      half, source down  | -                            | E-GAPS
backtest  AUTO_BACKFILL  empty              | -                            | E-NOT-SEALED
backtest  AUTO_BACKFILL  sealed             | artifact                     | PASS
backtest  AUTO_BACKFILL  hot                | -                            | E-NOT-SEALED
backtest  AUTO_BACKFILL  half               | artifact                     | PARTIAL
backtest  AUTO_BACKFILL  half, source down  | artifact                     | PARTIAL
backtest  PARTIAL_FILL   empty              | -                            | E-NOT-SEALED
backtest  PARTIAL_FILL   sealed             | artifact                     | PASS
backtest  PARTIAL_FILL   hot                | -                            | E-NOT-SEALED
backtest  PARTIAL_FILL   half               | artifact                     | PARTIAL
backtest  PARTIAL_FILL   half, source down  | artifact                     | PARTIAL
backtest  SEAMLESS       empty              | -                            | E-NOT-SEALED
backtest  SEAMLESS       sealed             | artifact                     | PASS
backtest  SEAMLESS       hot                | -                            | E-NOT-SEALED
backtest  SEAMLESS       half               | artifact                     | PARTIAL
backtest  SEAMLESS       half, source down  | artifact                     | PARTIAL
research  FAIL_FAST      empty              | -                            | E-NOT-SEALED
research  FAIL_FAST      sealed             | artifact                     | PASS
research  FAIL_FAST      hot                | -                            | E-NOT-SEALED
research  FAIL_FAST      half               | -                            | E-GAPS
research  FAIL_FAST      half, source down  | -                            | E-GAPS
research  AUTO_BACKFILL  empty              | -                            | E-NOT-SEALED
research  AUTO_BACKFILL  sealed             | artifact                     | PASS
research  AUTO_BACKFILL  hot                | -                            | E-NOT-SEALED
research  AUTO_BACKFILL  half               | artifact                     | PARTIAL
research  AUTO_BACKFILL  half, source down  | artifact                     | PARTIAL
research  PARTIAL_FILL   empty              | -                            | E-NOT-SEALED
research  PARTIAL_FILL   sealed             | artifact                     | PASS
research  PARTIAL_FILL   hot                | -                            | E-NOT-SEALED
research  PARTIAL_FILL   half               | artifact                     | PARTIAL
research  PARTIAL_FILL   half, source down  | artifact                     | PARTIAL
research  SEAMLESS       empty              | -                            | E-NOT-SEALED
research  SEAMLESS       sealed             | artifact                     | PASS
research  SEAMLESS       hot                | -                            | E-NOT-SEALED
research  SEAMLESS       half               | artifact                     | PARTIAL
research  SEAMLESS       half, source down  | artifact                     | PARTIAL
dryrun    FAIL_FAST      empty              | -                            | E-GAPS
dryrun    FAIL_FAST      sealed             | artifact                     | PASS
dryrun    FAIL_FAST      hot                | hot artifact                 | PASS
dryrun    FAIL_FAST      half               | -                            | E-GAPS
dryrun    FAIL_FAST      half, source down  | -                            | E-GAPS
dryrun    AUTO_BACKFILL  empty              | binance hot artifact         | PASS
dryrun    AUTO_BACKFILL  sealed             | artifact                     | PASS
dryrun    AUTO_BACKFILL  hot                | hot artifact                 | PASS
dryrun    AUTO_BACKFILL  half               | binance hot artifact         | PASS
dryrun    AUTO_BACKFILL  half, source down  | binance artifact             | PARTIAL
dryrun    PARTIAL_FILL   empty              | binance                      | PARTIAL
dryrun    PARTIAL_FILL   sealed             | artifact                     | PASS
dryrun    PARTIAL_FILL   hot                | hot artifact                 | PASS
dryrun    PARTIAL_FILL   half               | artifact                     | PARTIAL
dryrun    PARTIAL_FILL   half, source down  | artifact                     | PARTIAL
dryrun    SEAMLESS       empty              | binance hot artifact         | PASS
dryrun    SEAMLESS       sealed             | artifact                     | PASS
dryrun    SEAMLESS       hot                | hot artifact                 | PASS
dryrun    SEAMLESS       half               | binance hot artifact         | PASS
dryrun    SEAMLESS       half, source down  | binance artifact             | PARTIAL
live      FAIL_FAST      empty              | -                            | E-GAPS
live      FAIL_FAST      sealed             | artifact live                | PASS
live      FAIL_FAST      hot                | hot artifact live            | PASS
live      FAIL_FAST      half               | -                            | E-GAPS
live      FAIL_FAST      half, source down  | -                            | E-GAPS
live      AUTO_BACKFILL  empty              | binance hot artifact live    | PASS
live      AUTO_BACKFILL  sealed             | artifact live                | PASS
live      AUTO_BACKFILL  hot                | hot artifact live            | PASS
live      AUTO_BACKFILL  half               | binance hot artifact live    | PASS
live      AUTO_BACKFILL  half, source down  | binance artifact live        | PARTIAL
live      PARTIAL_FILL   empty              | live                         | PARTIAL
live      PARTIAL_FILL   sealed             | artifact live                | PASS
live      PARTIAL_FILL   hot                | hot artifact live            | PASS
live      PARTIAL_FILL   half               | artifact live                | PARTIAL
live      PARTIAL_FILL   half, source down  | artifact live                | PARTIAL
live      SEAMLESS       empty              | binance hot artifact live    | PASS
live      SEAMLESS       sealed             | artifact live                | PASS
live      SEAMLESS       hot                | hot artifact live            | PASS
live      SEAMLESS       half               | binance hot artifact live    | PASS
live      SEAMLESS       half, source down  | binance artifact live        | PARTIAL
"""


@pytest.fixture(scope="module")
def exchange():
    with SandboxExchange(SandboxConfig(now_ms=NOW_MS, symbols=20, weight_limits={})) as running:
        yield running


@pytest.fixture(scope="module")
def homes(exchange, tmp_path_factory) -> dict[str, Path]:
    """One home in each state, to be copied."""
    root = tmp_path_factory.mktemp("states")
    made = {state: root / state.partition(",")[0] for state in STATES}
    with open_lab(made["sealed"], exchange.url) as lab:
        lab.fetch(NODE, START, END)
    with open_lab(made["half"], exchange.url) as lab:
        lab.fetch(NODE, START, MIDDLE)
    with open_lab(made["hot"], exchange.url) as lab:
        header = lab.door.series(NODE)
        gaps = Ranges.normalised([START], [STABLE_END])
        lab._portal.call(lambda: lab.wiring.backfiller.fill(header, gaps, sealed=Ranges.empty(), outcome=FillOutcome()))
    return made


def cell(domain: Domain, strategy: Strategy, state: str, home: Path, exchange: SandboxExchange) -> tuple[str, str]:
    """What one fetch touched, and how it ended."""
    events: list[str] = []
    exchange.clear_log()
    with open_lab(home, exchange.url) as lab:
        version = lab.artifacts().frame["ref"].to_list() if domain.sealed else []
        node = version[0] if version else NODE
        try:
            answer = lab.fetch(
                node,
                START,
                END,
                domain=domain,
                strategy=strategy,
                sla=PATIENT,
                on_event=lambda e: events.append(e.name),
            )
            touched, outcome = " ".join(answer.provenance.sources), str(answer.verdict)
            expected = 180 if domain is Domain.LIVE else 178
            if answer.verdict == "PASS":
                assert answer.rows == expected
        except SeamlessError as error:
            touched, outcome = "", error.code
        lab.wait()
    asked = any(record.route == "klines" for record in exchange.log())
    return (touched or ("binance" if asked else "-")), outcome


def test_every_cell_of_domain_strategy_and_state(exchange, homes, tmp_path, capsys):
    down = FaultPlan(rates={"server_error": 1.0}, routes=frozenset({"klines"}), max_consecutive=None)
    found = []
    for number, (domain, strategy, state) in enumerate(product(Domain, Strategy, STATES)):
        home = tmp_path / str(number)
        if homes[state].exists():
            shutil.copytree(homes[state], home)
        exchange.set_faults(down if "down" in state else FaultPlan())
        touched, outcome = cell(domain, strategy, state, home, exchange)
        found.append(f"{domain:<9} {strategy:<14} {state:<18} | {touched:<28} | {outcome}")
    exchange.set_faults(FaultPlan())
    with capsys.disabled():
        print("\n" + "\n".join(found))
    assert found == TABLE.strip().splitlines()
