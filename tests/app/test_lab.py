"""The facade's door: every spelling of a request, every refusal, and what a result can be handed to."""

from __future__ import annotations

import asyncio
import datetime as dt
import inspect
import json

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from seamless_lab.app.lab import Lab
from seamless_lab.core.policy import Domain, SLAPolicy, Strategy
from seamless_lab.errors import (
    ConfigError,
    GapsRefused,
    InvalidNode,
    InvalidTime,
    NotAvailableYet,
    NotFound,
    NotSealed,
    RequestError,
    UnknownMarket,
)
from seamless_lab.sandbox import SandboxConfig, SandboxExchange
from tests.labs import NODE, NOW_MS, NOW_S, open_lab
from tests.oracle import check_honest

START, DAY = 1_717_200_000, 86_400  # 2024-06-01


@pytest.fixture(scope="module")
def exchange():
    with SandboxExchange(SandboxConfig(now_ms=NOW_MS, symbols=20, weight_limits={})) as running:
        yield running


@pytest.fixture(scope="module")
def lab(exchange, tmp_path_factory):
    with open_lab(tmp_path_factory.mktemp("home"), exchange.url) as lab:
        yield lab


@pytest.fixture(scope="module")
def day(lab):
    return lab.fetch(NODE, "2024-06-01")


# -- results --------------------------------------------------------------------------------------------------------


def test_the_frame_has_utc_times(day) -> None:
    frame = day.frame
    assert frame.columns == ["ts", "time", "open", "high", "low", "close", "volume"]
    assert frame["time"].dtype == pl.Datetime("us", "UTC")
    assert frame["time"][0] == dt.datetime(2024, 6, 1, tzinfo=dt.UTC)
    assert (frame["time"].dt.epoch("s") == frame["ts"]).all()
    assert frame["ts"].is_sorted()
    assert day.lazy().collect().equals(frame)
    assert len(day) == frame.height == 1440


def test_a_result_is_taken_by_whatever_reads_arrow(day) -> None:
    total = day.frame["volume"].sum()
    assert pl.DataFrame(day).equals(day.frame)
    assert pa.table(day).num_rows == 1440
    assert pa.RecordBatchReader.from_stream(day).read_all().column("ts").to_pylist() == day.frame["ts"].to_list()
    assert day.to_arrow().schema.field("time").type == pa.timestamp("us", "UTC")
    [found] = duckdb.sql("SELECT count(*), epoch(min(time)), sum(volume) FROM day").fetchall()
    assert found == (1440, START, pytest.approx(total))


def test_pandas_is_indexed_by_time(day) -> None:
    frame = day.to_pandas()
    assert frame.index.name == "time"
    assert str(frame.index.tz) == "UTC"
    assert frame["close"].tolist() == day.frame["close"].to_list()


def test_facts_are_json_and_say_the_same_again(lab, day) -> None:
    facts = day.to_dict()
    assert json.loads(json.dumps(facts)) == facts
    for key in (
        "node", "start", "end", "rows", "content", "fingerprint", "seq", "as_of", "domain", "world", "strategy",
        "coverage", "flags", "sources", "verdict", "reasons", "timings_ms",
    ):  # fmt: skip
        assert key in facts
    for cause in ("present", "quiet", "missing", "failed", "pending"):
        assert set(facts["coverage"][cause]) == {"ranges", "bars"}
    assert facts["coverage"]["present"] == {"ranges": [["2024-06-01T00:00:00Z", "2024-06-02T00:00:00Z"]], "bars": 1440}
    assert lab.fetch(NODE, "2024-06-01").content == day.content
    assert repr(lab.fetch(day.ref, "2024-06-01", domain="research"))


# -- spellings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start, end",
    [
        ("2024-06-01", None),
        ("2024-06-01", "2024-06-02"),
        ("2024-06-01T00:00", "2024-06-02T00:00Z"),
        ("2024-06-01T05:45+05:45", "2024-06-02T00:00+00:00"),
        (START, START + DAY),
        (str(START), str(START + DAY)),
        (dt.date(2024, 6, 1), None),
        (dt.date(2024, 6, 1), dt.date(2024, 6, 2)),
        (dt.datetime(2024, 6, 1), dt.datetime(2024, 6, 2)),  # noqa: DTZ001  # naive means UTC
        (dt.datetime(2024, 6, 1, 5, 45, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=45))), START + DAY),
        ("-214d", "-213d"),
    ],
)
def test_a_window_can_be_written_in_many_ways(lab, day, start, end) -> None:
    result = lab.fetch(NODE, start, end)
    if start == "-214d":  # half a minute after midnight: the slots that it touches
        assert (result.window.start, result.window.end) == (START, START + DAY + 60)
    else:
        assert (result.window, result.content) == (day.window, day.content)


@pytest.mark.parametrize("start, slots", [("2024-05", 31 * 1440), ("2024-W23", 7 * 1440)])
def test_natural_lengths(lab, exchange, start, slots) -> None:
    result = lab.fetch(NODE, start)
    check_honest(exchange, result)
    assert result.coverage.total == slots
    assert result.verdict == "PASS"


def test_an_off_grid_window_neither_invents_nor_loses_a_bar(lab, exchange) -> None:
    for start, end, rows in [(START + 1, START + 2, 1), (START + 59, START + 61, 2), (START, START + 60, 1)]:
        result = lab.fetch(NODE, start, end)
        assert result.rows == rows
        check_honest(exchange, result)


def test_the_future_is_pending_is_not_asked_for_and_names_no_version(lab, day, exchange) -> None:
    exchange.clear_log()
    result = lab.fetch(NODE, NOW_S + DAY, NOW_S + 2 * DAY)
    assert (result.rows, result.verdict, result.coverage.ratio) == (0, "PASS", 1.0)
    assert result.coverage.pending.seconds == result.window.seconds
    facts = result.to_dict()
    assert (result.ref, facts["ref"], [reason["code"] for reason in facts["reasons"]]) == ("", None, ["pending"])
    assert "nothing of the window is final yet" in result.to_text()
    assert exchange.log() == []


@pytest.mark.parametrize("end, slots", [("1970-02-01", 4), ("1970-01-06", 1)])
def test_time_begins_with_the_first_whole_slot_of_1970(lab, end, slots) -> None:
    weeks = lab.fetch("ohlcv:binance:BTC/USDT:1w", "1970-01-01", end, domain="dryrun")
    assert weeks.window.start == 4 * DAY
    assert weeks.coverage.total == slots
    assert "empty" in refused(lab, InvalidTime, "ohlcv:binance:BTC/USDT:1w", "1970-01-01", "1970-01-03")


def test_enums_and_their_names_are_the_same(lab, day) -> None:
    for domain, strategy, sla in [
        (Domain.DRYRUN, Strategy.AUTO_BACKFILL, SLAPolicy()),
        ("dryrun", "auto-backfill", "notebook"),
        ("DRYRUN", "Auto_Backfill", "baseline"),
    ]:
        assert lab.fetch(NODE, "2024-06-01", domain=domain, strategy=strategy, sla=sla).content == day.content


@pytest.mark.parametrize("how", ["sha256", "short", "seq", "as_of", "argument", "epoch"])
def test_a_version_can_be_named_in_many_ways(lab, day, how) -> None:
    version = lab.manifest(NODE)
    fingerprint, as_of = version.version.tree.fingerprint, version.to_dict()["as_of"]
    refs = {
        "sha256": (f"{NODE}@sha256:{fingerprint}", None),
        "short": (f"{NODE}@sha256:{fingerprint[:8]}", None),
        "seq": (f"{NODE}@seq:{version.version.commit.seq}", None),
        "as_of": (f"{NODE}@{as_of}", None),
        "argument": (NODE, as_of),
        "epoch": (NODE, version.version.commit.as_of_ms // 1000 + 1),
    }
    node, when = refs[how]
    young = how in ("as_of", "argument", "epoch")  # the clock stands still: a sealed domain waits for a time to settle
    result = lab.fetch(node, "2024-06-01", as_of=when, domain="dryrun" if young else "backtest")
    assert result.content == day.content
    assert result.provenance.sources in (("artifact",), ("cache",))


@pytest.mark.parametrize("domain", ["backtest", "research"])
def test_a_sealed_domain_refuses_a_knowledge_time_that_may_still_get_another_version(lab, day, domain) -> None:
    with pytest.raises(NotSealed, match="versions may still be made") as refusal:
        lab.fetch(NODE, "2024-06-01", as_of="2099-01-01", domain=domain)
    assert lab.fetch(refusal.value.hint.rpartition(" ")[2], "2024-06-01", domain=domain).content == day.content


# -- refusals -------------------------------------------------------------------------------------------------------


def refused(lab, error, *arguments, **options) -> str:
    with pytest.raises(error) as caught:
        lab.fetch(*arguments, **options)
    assert caught.value.message.endswith((".", "?"))
    json.dumps(caught.value.facts)
    return f"{caught.value.message} {caught.value.hint}"


def test_each_wrong_word_is_answered_with_the_right_ones(lab) -> None:
    assert "Did you mean research?" in refused(lab, RequestError, NODE, "2024-06-01", domain="reserch")
    assert "AUTO_BACKFILL" in refused(lab, RequestError, NODE, "2024-06-01", strategy="autobackfill")
    assert "baseline" in refused(lab, RequestError, NODE, "2024-06-01", sla="basline")
    assert "world_id is empty" in refused(lab, RequestError, NODE, "2024-06-01", world=" ")
    assert "between 0 and 1" in refused(lab, RequestError, NODE, "2024-06-01", min_coverage=98)
    assert "at least 0" in refused(lab, RequestError, NODE, "2024-06-01", domain="live", max_lag_s=-1)
    assert "selects no version" in refused(lab, RequestError, NODE, "2024-06-01", as_of="yesterday")
    assert "named twice" in refused(lab, RequestError, f"{NODE}@seq:1", "2024-06-01", as_of="seq:1")


@pytest.mark.parametrize("option", ["domain", "strategy", "sla"])
@pytest.mark.parametrize("value", [5, "", "none"])
def test_nonsense_is_refused_and_not_a_crash(lab, option, value) -> None:
    refused(lab, RequestError, NODE, "2024-06-01", **{option: value})


def test_windows_that_are_none(lab) -> None:
    assert "end must be after" in refused(lab, InvalidTime, NODE, "2024-06-02", "2024-06-01")
    assert "empty" in refused(lab, InvalidTime, NODE, START, START)
    assert "has no end" in refused(lab, InvalidTime, NODE, START)
    assert "milliseconds" in refused(lab, InvalidTime, NODE, START * 1000, (START + DAY) * 1000)
    assert "no time" in refused(lab, InvalidTime, NODE, "soon", "2024-06-01")
    assert "has no start" in refused(lab, RequestError, NODE, None, "2024-06-01")
    assert "has no start" in refused(lab, RequestError, NODE)


def test_nodes_that_are_none(lab) -> None:
    assert "not available yet" in refused(lab, NotAvailableYet, "trades:binance:BTC/USDT", "2024-06-01")
    assert "There is no lockfile" in refused(lab, ConfigError, "pin:spring")
    refused(lab, InvalidNode, "BTC/USDT", "2024-06-01")
    refused(lab, RequestError, "ohlcv:binance:BTC/USDT:1M", "2024-06-01")
    refused(lab, RequestError, "ohlcv:binance:BTC/USDT:11m", "2024-06-01")
    assert "timeframes are 1s, 1m" in refused(lab, UnknownMarket, "ohlcv:binance:BTC/USDT:7m", "2024-06-01")


def test_sealed_domains_name_the_version_to_use(lab, day) -> None:
    said = refused(lab, NotSealed, NODE, "2024-06-01", domain="research")
    assert f"{NODE}@sha256:{lab.manifest(NODE).version.tree.fingerprint[:16]}" in said
    assert "moves" in refused(lab, NotSealed, f"{NODE}@latest", "2024-06-01", domain="backtest")
    assert "fetch" in refused(lab, NotSealed, "ohlcv:binance:ETH/USDT:1m", "2024-06-01", domain="research")
    refused(lab, NotFound, f"{NODE}@seq:999", "2024-06-01", domain="research")
    refused(lab, NotFound, f"{NODE}@sha256:{'0' * 16}", "2024-06-01", domain="research")
    assert "first" in refused(lab, NotFound, f"{NODE}@2024-06-01", "2024-06-01", domain="research").casefold()


def test_fail_fast_says_what_is_missing_and_how_to_get_it(lab, day, exchange) -> None:
    exchange.clear_log()
    said = refused(lab, GapsRefused, NODE, START, START + 400 * DAY // 2, strategy="FAIL_FAST")
    assert "missing" in said
    assert "seamless backfill" in said
    assert exchange.log() == []


def test_a_version_is_never_silently_exchanged_for_another(lab, day) -> None:
    """The live domain reads the newest version: naming an older one must not be ignored."""
    with pytest.raises(RequestError, match="live"):
        lab.fetch(f"{NODE}@seq:1", "2024-06-01", domain="live")


@pytest.mark.parametrize("selector", ["seq:1", "latest", "2024-06-02"])
@pytest.mark.parametrize("name", ["artifacts", "backfill", "plan", "publish", "compact", "sla", "live"])
def test_a_version_is_refused_where_none_is_read(lab, day, name, selector) -> None:
    window = () if name in ("artifacts", "compact", "sla", "live") else ("2024-06-01",)
    with pytest.raises(RequestError, match="names a version") as caught:
        list(getattr(lab, name)(f"{NODE}@{selector}", *window))
    assert NODE in caught.value.hint


def test_the_awaitable_twins_are_those_that_are_named_and_take_the_same() -> None:
    verbs = {name: verb for name, verb in inspect.getmembers(Lab, inspect.isfunction) if not name.startswith("_")}
    awaitable = {
        name for name, verb in verbs.items() if inspect.iscoroutinefunction(verb) or inspect.isasyncgenfunction(verb)
    }
    assert awaitable == {"afetch", "abackfill", "alive"}
    assert all(f"`{name}`" in (Lab.__doc__ or "") for name in awaitable)
    for name in awaitable:
        assert inspect.signature(verbs[name]).parameters == inspect.signature(verbs[name[1:]]).parameters


async def test_the_other_verbs_run_in_a_thread_of_async_code(lab, day) -> None:
    assert (await asyncio.to_thread(lab.coverage, NODE, "2024-06-01")).node == day.node


async def test_a_version_is_refused_by_the_awaitable_twins_too(lab, day) -> None:
    with pytest.raises(RequestError, match="names a version"):
        await lab.abackfill(f"{NODE}@seq:1", "2024-06-01")
    with pytest.raises(RequestError, match="names a version"):
        await anext(lab.alive(f"{NODE}@seq:1"))


def test_configured_coverage_is_asked_for(tmp_path, exchange) -> None:
    with open_lab(tmp_path, exchange.url, seamless__min_coverage=0.9) as lab:
        held = lab.fetch(NODE, "2024-06-01", strategy="PARTIAL_FILL")
        assert (held.verdict, held.exit_code) == ("HOLD", 1)
        lab.wait()
        assert lab.fetch(NODE, "2024-06-01", min_coverage=1.0).verdict == "PASS"
