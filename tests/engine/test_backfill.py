"""Backfill and plan: what is asked, what is not, what changes, and how it ends."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.core.coverage import Cause
from seamless_lab.core.digest import Header
from seamless_lab.core.grid import Grid
from seamless_lab.core.identity import NodeId, parse_node
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange, format_time
from seamless_lab.engine.backfill import Backfiller
from seamless_lab.engine.ports import Claimed, Coordinator, Fetched, HeldElsewhere, LeaseKey, SourceTraits
from seamless_lab.errors import (
    CoordinatorUnavailable,
    GapsRefused,
    LeaseLost,
    SourceRejected,
    SourceUnavailable,
    UnknownMarket,
)
from seamless_lab.sandbox import FaultPlan, SandboxConfig, SandboxExchange
from seamless_lab.sandbox.market import Restatement, Stretch
from tests.engine.sources import Heard, ScriptedSource, scripted_lab
from tests.labs import NODE, NOW_MS, NOW_S, open_lab
from tests.leases import held_leases
from tests.oracle import check_honest

START, DAY = 1_714_521_600, 86_400
LISTED_S = 1_720_000_020  # 2024-07-03 09:47 UTC
BARS = {"klines", "candles", "OHLC"}
DOWN = FaultPlan(rates={"server_error": 1.0}, routes=frozenset({"klines"}), max_consecutive=None)
DEAD = FaultPlan(rates={"server_error": 1.0}, max_consecutive=None)


@pytest.fixture(scope="module")
def running():
    quiet = {"LTC/USDT": 50_000, "LTC/USD": 50_000}
    config = SandboxConfig(
        now_ms=NOW_MS, symbols=20, weight_limits={}, quiet_per_million=quiet, listed_s={"ADA/USDT": LISTED_S}
    )
    with SandboxExchange(config) as running:
        yield running


@pytest.fixture
def exchange(running):
    running.set_faults(FaultPlan())
    running.freeze(NOW_MS)
    running.clear_log()
    return running


@pytest.fixture
def lab(tmp_path, exchange):
    with open_lab(tmp_path, exchange.url) as lab:
        yield lab


def asked(exchange) -> list[tuple[int, int]]:
    return sorted((one.window_start, one.window_end) for one in exchange.log() if one.route in BARS)


# -- refresh ----------------------------------------------------------------------------------------------------------


def test_refreshing_what_has_not_changed_leaves_the_same_version(lab, exchange) -> None:
    first = lab.backfill(NODE, START, START + DAY)
    again = lab.backfill(NODE, START, START + DAY, refresh=True)
    assert again.requests > 0
    assert (again.version.tree.fingerprint, again.version.commit.as_of_ms) == (
        first.version.tree.fingerprint,
        first.version.commit.as_of_ms,
    )
    assert len(again.restated) == 0
    assert lab.artifacts(NODE).frame.height == 1


@pytest.mark.parametrize("kind", ["values", "late", "withdrawn"])
def test_restated_bars_become_a_new_version_that_says_where(tmp_path, exchange, kind) -> None:
    node, clock = "ohlcv:binance:ETH/USDT:1m", ManualClock(NOW_MS)
    first = START + 5 * DAY + 3_600 * ["values", "late", "withdrawn"].index(kind)
    span = Stretch(first, first + 600)
    exchange.restate(Restatement("ETH/USDT", span, NOW_MS + 1_000, kind))
    with open_lab(tmp_path, exchange.url, now=False) as lab:
        lab.wiring.clock = clock
        before = lab.fetch(node, START + 5 * DAY, START + 6 * DAY)
        clock.advance(60)
        exchange.freeze(NOW_MS + 60_000)
        exchange.clear_log()
        unasked = lab.fetch(node, START + 5 * DAY, START + 6 * DAY)
        assert unasked.content == before.content
        assert asked(exchange) == [], "what is answered is not asked again by itself"
        done = lab.backfill(node, START + 5 * DAY, START + 6 * DAY, refresh=True)
        after = lab.fetch(node, START + 5 * DAY, START + 6 * DAY)
        check_honest(exchange, after)
        assert after.content != before.content
        assert done.version.commit.seq == 2
        assert [[span.start, span.end]] == [pair for pair in done.restated.pairs() if pair[0] == first]
        pinned = lab.fetch(before.ref, START + 5 * DAY, START + 6 * DAY, domain="research")
        assert pinned.content == before.content, "the old version is as it was"


def test_a_refresh_that_got_no_answer_does_not_end_well(lab, exchange) -> None:
    lab.backfill(NODE, START, START + DAY)
    exchange.set_faults(DOWN)
    failed = lab.backfill(NODE, START, START + DAY, refresh=True)
    assert failed.coverage.complete
    assert failed.errors
    assert failed.exit_code == 1
    assert lab.fetch(NODE, START, START + DAY).verdict == "PASS", "what was known is known"


def test_quiet_slots_are_not_asked_again_by_themselves(lab, exchange) -> None:
    node = "ohlcv:binance:LTC/USDT:1m"
    first = lab.fetch(node, START, START + DAY)
    assert first.coverage.slots(Cause.QUIET) > 10
    exchange.clear_log()
    assert lab.fetch(node, START, START + DAY).content == first.content
    assert lab.backfill(node, START, START + DAY).requests == 0
    assert asked(exchange) == []


# -- what cannot be had ----------------------------------------------------------------------------------------------


def test_before_the_listing_is_quiet_with_evidence(lab, exchange) -> None:
    node, listed = "ohlcv:binance:ADA/USDT:1m", LISTED_S // 60 * 60
    result = lab.fetch(node, listed - DAY // 2, listed + DAY // 2)
    check_honest(exchange, result)
    assert result.verdict == "PASS"
    assert result.answer.before_listing.pairs() == [[listed - DAY // 2, listed]]
    gaps = lab.gaps(node, listed - DAY // 2, listed + DAY // 2).frame
    assert gaps["error"][0] == "before the market was listed"
    assert gaps["cause"][0] == "quiet"


def test_history_that_kraken_no_longer_serves_is_refused_and_nothing_is_quiet(lab, exchange) -> None:
    node = "ohlcv:kraken:BTC/USD:1m"
    with pytest.raises(SourceRejected, match="latest 720 bars"):
        lab.fetch(node, "2020-01-01", "2020-01-02")
    with pytest.raises(SourceRejected):
        lab.backfill(node, "2020-01-01", "2020-01-02")
    coverage = lab.coverage(node, "2020-01-01", "2020-01-02").coverage
    assert (coverage.slots(Cause.FAILED), coverage.slots(Cause.QUIET)) == (1440, 0)
    minute = NOW_S // 60 * 60
    mixed = lab.fetch(node, minute - DAY, minute)
    check_honest(exchange, mixed)
    assert mixed.coverage.slots(Cause.PRESENT) > 600
    assert mixed.coverage.slots(Cause.QUIET) + mixed.coverage.slots(Cause.MISSING) < 60


@pytest.mark.parametrize("strategy", ["SEAMLESS", "AUTO_BACKFILL"])
def test_an_unknown_symbol_is_refused_at_once_with_near_matches(lab, exchange, strategy) -> None:
    with pytest.raises(UnknownMarket, match="BTC/USTD") as refused:
        lab.fetch("ohlcv:binance:BTC/USTD:1m", START, START + DAY, strategy=strategy)
    assert "BTC/USDT" in refused.value.hint
    assert asked(exchange) == []
    for call in (lab.plan, lab.backfill):
        with pytest.raises(UnknownMarket):
            call("ohlcv:binance:BTC/USTD:1m", START, START + DAY)
    with pytest.raises(UnknownMarket, match="binanse") as refused:
        lab.fetch("ohlcv:binanse:BTC/USDT:1m", START, START + DAY)
    assert "binance" in refused.value.hint


def test_an_exchange_that_is_down_is_asked_for_a_few_blocks_only(lab, exchange) -> None:
    exchange.set_faults(DOWN)
    with pytest.raises(SourceUnavailable):
        lab.fetch(NODE, START, START + 200 * DAY)
    assert len(set(asked(exchange))) <= 3 + 8
    coverage = lab.coverage(NODE, START, START + 200 * DAY).coverage
    assert coverage.slots(Cause.QUIET) == coverage.slots(Cause.PRESENT) == 0
    assert 0 < coverage.slots(Cause.FAILED) <= 11 * 900
    assert coverage.slots(Cause.FAILED) + coverage.slots(Cause.MISSING) == 200 * 1440
    gaps = lab.gaps(NODE, START, START + 200 * DAY).frame
    assert all(gaps.filter(gaps["cause"] == "failed")["error"])


def test_fail_fast_names_the_whole_first_stretch_without_bars(lab, exchange) -> None:
    exchange.set_faults(DOWN)
    with pytest.raises(SourceUnavailable):
        lab.fetch(NODE, START, START + DAY)
    with pytest.raises(GapsRefused, match=r"1 gap \(4,320 bars\).*, failed and missing\.") as refused:
        lab.fetch(NODE, START, START + 3 * DAY, strategy="FAIL_FAST")
    first = (format_time(START), format_time(START + 3 * DAY))
    assert (refused.value.facts["first_start"], refused.value.facts["first_end"]) == first
    assert refused.value.hint.endswith(f"--start {first[0]} --end {first[1]}")


def test_what_is_known_is_delivered_when_not_even_the_markets_can_be_loaded(tmp_path, exchange) -> None:
    with open_lab(tmp_path, exchange.url) as lab:
        lab.fetch(NODE, START, START + DAY)
    exchange.set_faults(DEAD)
    with open_lab(tmp_path, exchange.url) as lab:
        answer = lab.fetch(NODE, START, START + 2 * DAY)
        assert (answer.verdict, answer.rows) == ("PARTIAL", 1440)
        assert answer.coverage.failed.pairs() == [[START + DAY, START + 2 * DAY]]
        assert lab.gaps(NODE, START, START + 2 * DAY).frame["error"].str.contains("E-SOURCE-DOWN").all()
        with pytest.raises(SourceUnavailable):
            lab.fetch("ohlcv:binance:ETH/USDT:1m", START, START + DAY)


# -- plan -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "node, start, end",
    [
        (NODE, START, START + 40 * DAY),
        (NODE, START + 17, START + 60),
        (NODE, START + 7 * DAY + 61, START + 9 * DAY + 1),
        (NODE, NOW_S - 7_230, NOW_S + 7_200),
        ("ohlcv:binance:BTC/USDT:1h", START, START + 200 * DAY),
        ("ohlcv:coinbase:BTC/USD:1m", START, START + 3 * DAY),
        ("ohlcv:coinbase:BTC/USD:5m", START + 299, START + 20 * DAY),
        ("ohlcv:kraken:BTC/USD:1m", NOW_S - 500 * 60, NOW_S),
    ],
)
def test_the_plan_is_what_the_exchange_then_logs(tmp_path, exchange, node, start, end) -> None:
    with open_lab(tmp_path, exchange.url) as lab:
        plan = lab.plan(node, start, end)
        assert asked(exchange) == [], "planning asks for no bars"
        assert plan.prediction.pace.startup_requests == len(exchange.log())
        assert plan.prediction.pace.latency_s > 0
        assert lab.coverage(node, start, end).coverage.slots(Cause.PRESENT) == 0
    exchange.clear_log()
    with open_lab(tmp_path, exchange.url) as lab:  # as in a new process
        done = lab.backfill(node, start, end)
        assert done.coverage.slots(Cause.QUIET) == 0, "this window was to have no holes"
        assert len(asked(exchange)) == plan.prediction.requests
        assert len(exchange.log()) == plan.prediction.requests + plan.prediction.pace.startup_requests
        assert done.requests == plan.prediction.requests
        assert plan.prediction.slots == done.rows
        again = lab.plan(node, start, end)
        assert (again.prediction.requests, again.prediction.blocks, again.gaps.pairs()) == (0, 0, [])
        assert lab.plan(node, start, end, refresh=True).prediction.requests == plan.prediction.requests
    exchange.clear_log()
    with open_lab(tmp_path, exchange.url) as lab:
        assert lab.plan(node, start, end).prediction.pace.startup_requests == 0
        assert lab.backfill(node, start, end).exit_code == 0
        assert exchange.log() == [], "where nothing is to be filled, the exchange is not even opened"


@pytest.mark.parametrize("node", ["ohlcv:binance:LTC/USDT:1m", "ohlcv:coinbase:LTC/USD:1m", "ohlcv:kraken:LTC/USD:1m"])
def test_a_plan_over_holes_says_how_many_requests_it_takes_at_least(tmp_path, exchange, node) -> None:
    end = NOW_S - 3_600
    with open_lab(tmp_path, exchange.url) as lab:
        plan = lab.plan(node, end - 8 * 3_600, end)
        done = lab.backfill(node, end - 8 * 3_600, end)
        assert done.coverage.slots(Cause.QUIET) > 0
        assert (
            plan.prediction.requests <= len(asked(exchange)) <= plan.prediction.requests + 4 * len(done.coverage.quiet)
        )
        assert plan.to_dict()["requests_bound"] == "about", "nothing tells yet when it was listed"
        assert "up to four requests more" in str(plan)


def test_a_plan_after_sealed_months_is_a_lower_bound(lab) -> None:
    lab.backfill("ohlcv:binance:BTC/USDT:1m", START, START + 31 * DAY)
    assert lab.plan("ohlcv:binance:BTC/USDT:1m", START, START + 62 * DAY).to_dict()["requests_bound"] == "at least"


def test_a_plan_leaves_out_what_is_served_no_longer(tmp_path, exchange) -> None:
    node, start = "ohlcv:kraken:BTC/USD:1m", NOW_S - 2_000 * 60
    with open_lab(tmp_path, exchange.url) as lab:
        plan = lab.plan(node, start, NOW_S)
        done = lab.backfill(node, start, NOW_S)
        assert len(asked(exchange)) == plan.prediction.requests
        assert plan.prediction.slots == done.rows
        assert plan.lost == done.coverage.failed
        assert "served no longer" in str(plan)


def test_a_plan_knows_the_listing_once_the_source_has_shown_it(tmp_path, exchange) -> None:
    node, start, end = "ohlcv:binance:ADA/USDT:1m", LISTED_S - 5 * DAY, LISTED_S + 2 * DAY
    with open_lab(tmp_path, exchange.url) as lab:
        unknowing = lab.plan(node, start, end)
        assert not unknowing.listed
        assert "before the market was listed" in str(unknowing)
        lab.backfill(node, LISTED_S - 600, LISTED_S + 600)
        exchange.clear_log()
        knowing = lab.plan(node, start, end)
        lab.backfill(node, start, end)
        assert len(asked(exchange)) == knowing.prediction.requests < unknowing.prediction.requests


def test_a_plan_after_a_partial_fill_asks_for_the_rest_only(lab, exchange) -> None:
    lab.fetch(NODE, START + 2 * DAY, START + 3 * DAY + 60)
    lab.fetch(NODE, START + 5 * DAY - 60, START + 6 * DAY)
    plan = lab.plan(NODE, START, START + 8 * DAY)
    assert plan.gaps.pairs() == [
        [START, START + 2 * DAY],
        [START + 3 * DAY + 60, START + 5 * DAY - 60],
        [START + 6 * DAY, START + 8 * DAY],
    ]
    exchange.clear_log()
    lab.backfill(NODE, START, START + 8 * DAY)
    assert len(asked(exchange)) == plan.prediction.requests
    assert sum(end - start for start, end in asked(exchange)) == plan.gaps.seconds


def test_a_plan_knows_the_pace_of_its_exchange(tmp_path, exchange) -> None:
    settings = {"exchanges__binance__rate_limit_rps": 10.0, "seamless__rate_limit__burst_tokens": 1}
    with open_lab(tmp_path, exchange.url, **settings) as lab:
        plan = lab.plan(NODE, START, START + 90 * DAY).prediction
        weight = plan.weight + plan.pace.startup_weight
        assert plan.rate_wait_s == pytest.approx((weight - 1) / 10.0)
        assert plan.seconds > plan.rate_wait_s


def test_what_is_asked_for_is_told_before_the_source_is_opened(tmp_path) -> None:
    clock, heard, before = ManualClock(NOW_MS), Heard(), []

    class Opening(ScriptedSource):
        async def traits(self, node: NodeId) -> SourceTraits:
            before.extend(heard.names())  # ccxt takes half a second to import
            return await super().traits(node)

    with scripted_lab(tmp_path, clock, Opening(clock)) as lab:
        lab.add_sink(heard)
        lab.backfill(NODE, START, START + DAY)
    assert before == ["seamless.backfill.plan"]
    assert heard.names().count("seamless.backfill.plan") == 1


# -- behind -----------------------------------------------------------------------------------------------------------


def test_a_partial_answer_is_filled_behind(lab, exchange) -> None:
    exchange.set_faults(FaultPlan(latency_ms=50, routes=frozenset({"klines"})))
    heard = Heard()
    lab.add_sink(heard)
    first = lab.fetch(NODE, START, START + DAY, strategy="PARTIAL_FILL")
    assert (first.verdict, first.rows, first.exit_code) == ("PARTIAL", 0, 0)
    assert "seamless.artifact.published" not in heard.names()
    lab.wait()
    assert "seamless.artifact.published" in heard.names()
    exchange.clear_log()
    assert lab.fetch(NODE, START, START + DAY, strategy="PARTIAL_FILL").verdict == "PASS"
    lab.wait()
    assert asked(exchange) == []


def test_a_partial_answer_promises_no_fill_that_the_source_refuses(lab, exchange) -> None:
    for node in ("ohlcv:binance:BTX/USDT:1m", "ohlcv:nowhere:BTC/USDT:1m"):
        with pytest.raises(UnknownMarket):
            lab.fetch(node, START, START + DAY, strategy="PARTIAL_FILL")


def test_closing_cancels_what_was_left_behind(tmp_path, exchange) -> None:
    exchange.set_faults(FaultPlan(rates={"hang": 1.0}, routes=frozenset({"klines"}), max_consecutive=None))
    with open_lab(tmp_path, exchange.url) as lab:
        lab.fetch(NODE, START, START + DAY, strategy="PARTIAL_FILL")
    with open_lab(tmp_path, exchange.url) as lab:
        assert lab.coverage(NODE, START, START + DAY).coverage.slots(Cause.MISSING) == 1440


def test_a_fill_behind_that_fails_says_so(tmp_path) -> None:
    clock, heard = ManualClock(NOW_MS), Heard()
    source = ScriptedSource(clock)
    with scripted_lab(tmp_path, clock, source) as lab:
        lab.add_sink(heard)
        source.error = RuntimeError("a bug in the adapter")
        assert lab.fetch(NODE, START, START + DAY, strategy="PARTIAL_FILL").verdict == "PARTIAL"
        lab.wait()
        assert heard.of("seamless.backfill.behind_failed")[0].fields["error"] == "a bug in the adapter"
        source.error = SourceUnavailable("down")
        lab.fetch(NODE, START, START + DAY, strategy="PARTIAL_FILL")
        lab.wait()
        assert heard.of("seamless.backfill.fail")[0].fields["message"] == "down"


# -- cancelling -------------------------------------------------------------------------------------------------------


class Slowly:
    """A coordinator as over a network: `slow` takes some turns of the loop, also to be cancelled, and may then fail."""

    def __init__(self, inner: Coordinator, slow: str, error: Exception | None = None) -> None:
        self._inner, self._slow, self._error = inner, slow, error
        self.reached = asyncio.Event()

    async def claim(self, key: LeaseKey, owner: str) -> Claimed | HeldElsewhere:
        answer = await self._inner.claim(key, owner)
        await self._take_time("claim")
        return answer

    async def renew(self, lease: Claimed) -> Claimed:
        if self._slow == "renew":
            try:
                await asyncio.Event().wait()
            finally:
                await self._take_time("renew")
        return await self._inner.renew(lease)

    async def complete(self, lease: Claimed) -> None:
        await self._inner.complete(lease)
        await self._take_time("complete")

    async def fail(self, lease: Claimed, reason: str) -> None:
        await self._inner.fail(lease, reason)
        await self._take_time("fail")

    async def _take_time(self, what: str) -> None:
        if what == self._slow:
            self.reached.set()
            for _ in range(20):
                await asyncio.sleep(0)
            if self._error is not None:
                raise self._error


class Yielding(ScriptedSource):
    """Gives the lease's keeper a turn."""

    async def fetch(self, node: NodeId, grid: Grid, window: TimeRange) -> Fetched:
        await asyncio.sleep(0.01)
        return await super().fetch(node, grid, window)


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize(
    "slow, error",
    [
        ("renew", None),
        ("renew", LeaseLost("taken")),
        ("complete", None),
        ("complete", LeaseLost("taken")),
        ("complete", CoordinatorUnavailable("down")),
        ("claim", None),
        ("claim", CoordinatorUnavailable("down")),
    ],
)
async def test_a_cancelled_fill_ends_wherever_the_cancellation_meets_it(tmp_path, slow, error, times) -> None:
    clock = ManualClock(NOW_MS)
    source = Yielding(clock)
    with scripted_lab(tmp_path, clock, source) as lab:
        parts = lab.wiring
        coordinator = Slowly(parts.source_side.coordinator, slow, error)
        filling = Backfiller(
            replace(parts.source_side, coordinator=coordinator),
            replace(parts.settings.backfill, embedded_renew_ms=1, max_concurrent_requests=1),
            parts.settings.conformance.policy,
            owner="one",
            stabilization_bars=2,
        )
        header = Header(parse_node(NODE), Grid(60))
        gaps = Ranges.normalised([START], [START + 5 * DAY])
        task = asyncio.create_task(filling.fill(header, gaps, sealed=Ranges.empty()))
        async with asyncio.timeout(10):
            await coordinator.reached.wait()
            asked = len(source.asked)
            for _ in range(times):
                task.cancel()
                await asyncio.sleep(0)
            with pytest.raises(asyncio.CancelledError):
                await task
        assert len(source.asked) == asked
        if error is None:
            assert held_leases(parts.database) == []


class PartlyDown(ScriptedSource):
    """Serves the latest 720 bars; Kraken hangs until it is let go."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.let_go = asyncio.Event()

    async def traits(self, node: NodeId) -> SourceTraits:
        return SourceTraits(page_bars=100, history_bars=720)

    async def fetch(self, node: NodeId, grid: Grid, window: TimeRange) -> Fetched:
        if node.exchange == "kraken":
            await self.let_go.wait()
        return await super().fetch(node, grid, window)


async def test_an_exchange_that_hangs_holds_up_no_other(tmp_path) -> None:
    clock = ManualClock(NOW_MS)
    source = PartlyDown(clock)
    gaps = Ranges.normalised([NOW_S // 60 * 60 - 600 * 60], [NOW_S // 60 * 60 - 60 * 60])
    with scripted_lab(tmp_path, clock, source, seamless__backfill__window_bars=10) as lab:
        filler = lab.wiring.backfiller
        hung = Header(parse_node("ohlcv:kraken:BTC/USD:1m"), Grid(60))
        hanging = asyncio.create_task(filler.fill(hung, gaps, sealed=Ranges.empty()))
        async with asyncio.timeout(10):
            filled = await filler.fill(Header(parse_node(NODE), Grid(60)), gaps, sealed=Ranges.empty())
        assert (filled.rows, filled.errors, hanging.done()) == (540, [], False)
        source.let_go.set()
        assert (await hanging).rows == 540


@pytest.mark.parametrize("down", [False, True])
async def test_progress_counts_blocks_that_failed_and_nothing_else(tmp_path, down: bool) -> None:
    clock, heard = ManualClock(NOW_MS), Heard()
    source = PartlyDown(clock)
    source.error = SourceUnavailable("down") if down else None
    now_s = NOW_S // 60 * 60
    gaps = Ranges.normalised([now_s - 1440 * 60], [now_s - 600 * 60])  # most of it is served no longer
    with scripted_lab(tmp_path, clock, source, seamless__backfill__window_bars=50) as lab:
        lab.wiring.events.add(heard)
        outcome = await lab.wiring.backfiller.fill(Header(parse_node(NODE), Grid(60)), gaps, sealed=Ranges.empty())
    assert any("serves only its latest 720 bars" in str(error) for error in outcome.errors)
    said = [event.fields for event in heard.of("seamless.backfill.progress")]
    assert said
    for place, fields in enumerate(said, 1):
        assert fields["completed"] == place
        assert fields["failed"] == (place if down else 0)
        assert fields["ratio"] == (0 if down else place / fields["scheduled"])


def test_a_plan_for_what_is_served_no_longer_offers_no_command(lab) -> None:
    node = "ohlcv:kraken:BTC/USD:1m"
    plan = lab.plan(node, "2024-03-01", "2024-03-02")
    assert plan.prediction.requests == 0
    assert "1,440 bars are served no longer by kraken" in plan.to_text()
    assert "a later window" in plan.to_text()
    assert "seamless backfill" not in plan.to_text()
    assert "seamless backfill" in lab.plan(node, "2024-12-01", "2025-01-01").to_text(), "some of it is served"
