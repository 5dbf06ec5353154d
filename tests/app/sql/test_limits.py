"""Time, memory and the stop button: a query over its limits is a clear error, and the next one works."""

from __future__ import annotations

import _thread
import gc
import threading
import weakref

import duckdb
import polars as pl
import pytest

from seamless_lab.app.lab import Lab
from seamless_lab.app.sql import running
from seamless_lab.app.sql.connection import Limits, closed_off
from seamless_lab.app.sql.running import Running, memory_bytes
from seamless_lab.errors import Interrupted, InvalidSql, RequestError, SeamlessError, SqlLimit, SqlRefused
from tests.app.sql.conftest import Market
from tests.interrupting import interrupted_at

DOUBLING = """WITH RECURSIVE t(s, i) AS (
    SELECT 'twenty characters...', 1 UNION ALL SELECT s || s, i + 1 FROM t WHERE i < 40
) SELECT max(len(s)) FROM t"""
ENDLESS = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t"


@pytest.mark.parametrize(
    "query",
    [
        ENDLESS,
        "SELECT count(*) FROM range(100000000000)",
        "SELECT sum(a.close * b.close * c.close) FROM btc a, btc b, btc c",
    ],
)
def test_a_query_without_end_is_stopped(lab: Lab, market: Market, query: str) -> None:
    with pytest.raises(SqlLimit, match=r"within 0\.2 s") as error:
        lab.sql(query, market.pins, timeout_s=0.2)
    assert "timeout_s" in error.value.hint
    assert lab.sql("SELECT count(*) AS n FROM btc", market.pins).frame["n"][0] == 600


@pytest.mark.parametrize(
    "query",
    [
        "SELECT a.ts, b.ts AS other, c.close FROM btc a, btc b, btc c",
        "SELECT * FROM range(1000000000)",
        "SELECT list(range) FROM range(1000000000)",
        "SELECT sum(r) FROM (SELECT range AS r FROM range(1000000000) ORDER BY hash(range))",
        "SELECT string_agg(range::VARCHAR, ',') FROM range(1000000000)",
        "SELECT count(*) FROM range(100000000) a, range(100000000) b",
        DOUBLING,
        "SELECT len(NULL::INTEGER[100000][100000])",
    ],
)
def test_a_query_that_takes_too_much_memory_is_refused_it(lab: Lab, market: Market, query: str) -> None:
    with pytest.raises(SqlLimit, match="memory") as error:
        lab.sql(query, market.pins, memory_limit="60MB", timeout_s=60)
    assert error.value.facts["memory_limit"] == "60MB"
    assert "memory_limit" in error.value.hint
    assert lab.sql("SELECT count(*) AS n FROM btc", market.pins).frame["n"][0] == 600


@pytest.mark.parametrize(
    "query",
    [
        "SELECT repeat('x', 100000)", "SELECT lpad('x', least(max(ts), 10)::INTEGER, '.') FROM btc",
        "SELECT range(0, len(list(close)) + 1) FROM btc", "SELECT format('{:>30}', 'x'), printf('%8.2f', 1.5)",
    ],
)  # fmt: skip
def test_values_of_a_bounded_size_may_grow(lab: Lab, market: Market, query: str) -> None:
    assert lab.sql(query, market.pins).rows == 1


@pytest.mark.parametrize(
    "query",
    [
        "SELECT repeat('x', 100001)", "SELECT repeat('x', ts) FROM btc", "SELECT range(10 * 100000)",
        "SELECT repeat('x', len('ab') * 100000)", "SELECT format('{:{}}', 'x', 1000000)", "SELECT printf('%*d', 9, 1)",
        "SELECT repeat('x', '200000'::INTEGER)", "SELECT lpad('x', (SELECT 1000000), 'y')",
        "SELECT s.repeat(1000000) FROM (SELECT 'x' AS s)", "SELECT main.repeat('x', 1000000)",
    ],
)  # fmt: skip
def test_values_of_any_other_size_are_refused(lab: Lab, market: Market, query: str) -> None:
    with pytest.raises(SqlRefused, match=r"size|pattern"):
        lab.sql(query, market.pins)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT replace(repeat('a', 50000), 'a', repeat('b', 20000))",
        "SELECT s.replace('a', s) FROM (SELECT 'aa' AS s)",
        "SELECT regexp_replace(repeat('a', 50000), 'a', repeat('b', 20000), 'g')",
        "SELECT list_reduce(range(40), lambda a, b: a || a, 'x')",
        "SELECT reduce(range(40), lambda a, b: concat(A, a), 'x')",
        "SELECT x.list_reduce(lambda a, b: [a, a]) FROM (SELECT [1, 2] AS x)",
        "SELECT list_reduce(range(40), lambda a, b: a.concat(a), 'x')",
        "SELECT list_reduce([range(9) FOR x IN range(40)], lambda a, b: a + a)",
        "SELECT approx_top_k(ts, 999999) FROM btc",
    ],
)  # fmt: skip
def test_what_multiplies_a_value_is_refused(lab: Lab, market: Market, query: str) -> None:
    with pytest.raises(SqlRefused):
        lab.sql(query, market.pins)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT replace('BTC/USDT', '/', ' / '), regexp_replace('a1', '[0-9]', '\\0\\0')",
        "SELECT list_reduce(list(close), lambda a, b: a + 0.1 * (b - a)) FROM btc",
        "SELECT list_reduce(['a', 'b'], lambda a, b: a || b)",
    ],
)
def test_what_multiplies_nothing_is_not(lab: Lab, market: Market, query: str) -> None:
    assert lab.sql(query, market.pins).rows == 1


def test_a_query_is_stopped_when_the_process_grows_far_beyond_its_memory(
    lab: Lab, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_SLACK_BYTES", 0)
    held: list[bytes] = []
    timer = threading.Timer(0.2, lambda: held.append(b"x" * 200_000_000))
    timer.start()
    try:
        with pytest.raises(SqlLimit, match="memory grew") as error:
            lab.sql("SELECT count(*) FROM range(100000000000)", market.pins, memory_limit="60MB", timeout_s=60)
    finally:
        timer.join()
    assert error.value.facts["memory_limit"] == "60MB"
    assert lab.sql("SELECT count(*) AS n FROM btc", market.pins).frame["n"][0] == 600


def test_the_stop_button_stops_a_query(lab: Lab, market: Market) -> None:
    timer = threading.Timer(0.3, _thread.interrupt_main)
    timer.start()
    try:
        with pytest.raises(Interrupted) as stopped:
            lab.sql(ENDLESS, market.pins, timeout_s=60)
    finally:
        timer.join()
    assert stopped.value.exit_code == 130
    assert lab.sql("SELECT count(*) AS n FROM btc", market.pins).frame["n"][0] == 600


class Watched:
    """A connection that notes which of its methods the main thread calls."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, called: set[str]) -> None:
        self._connection, self._called = connection, called

    def __getattr__(self, name: str) -> object:
        if threading.current_thread() is threading.main_thread():
            self._called.add(name)
        return getattr(self._connection, name)


def test_the_engine_works_where_no_signal_reaches_it(lab: Lab, market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    called: set[str] = set()
    connect = duckdb.connect
    monkeypatch.setattr(duckdb, "connect", lambda *args, **settings: Watched(connect(*args, **settings), called))
    assert lab.sql("SELECT count(*) AS n FROM coins", market.pins).frame["n"][0] == 1_800
    with pytest.raises(InvalidSql):
        lab.sql("SELECT sum('a') FROM btc", market.pins)  # whose place is asked for
    assert called == {"close"}


def test_the_stop_button_while_the_engine_gets_the_bars_is_no_error_of_the_engine(
    lab: Lab, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pl.DataFrame.to_arrow

    def stopped(frame: pl.DataFrame) -> object:
        _thread.interrupt_main()
        return whole(frame)

    with monkeypatch.context() as interrupted:
        interrupted.setattr(pl.DataFrame, "to_arrow", stopped)
        with pytest.raises(Interrupted):
            lab.sql("SELECT count(*) AS n FROM btc", market.pins)
    assert lab.sql("SELECT count(*) AS n FROM btc", market.pins).frame["n"][0] == 600


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # in a finaliser Python drops it
def test_wherever_ctrl_c_meets_a_query_its_thread_lets_go_of_the_connection() -> None:
    place, going_on = 0, True
    while going_on:
        place += 1
        connection = closed_off(Limits())
        query = Running(connection, "SELECT 1 AS n", "SELECT 1 AS n", Limits())
        going_on = interrupted_at(place, query.result, Interrupted)
        assert query.idle or place == 1, place  # at 1, nothing had begun
        assert connection.execute("SELECT 1").fetchall() == [(1,)]
        connection.close()
    assert place > 10


def test_what_a_query_found_goes_when_the_last_one_lets_go_of_it() -> None:
    connection = closed_off(Limits())
    query = Running(connection, "SELECT 1 AS n", "SELECT 1 AS n", Limits())
    assert query.result()["n"].to_list() == [1]
    gone = weakref.ref(query)
    gc.disable()  # which would find a cycle only when it likes, and sees no bytes of tables
    try:
        del query
        assert gone() is None
    finally:
        gc.enable()
        connection.close()


def test_threads_query_one_lab_at_once(lab: Lab, market: Market) -> None:
    query = "SELECT symbol, avg(close) AS m FROM coins GROUP BY symbol ORDER BY symbol"
    found: list[str] = []
    workers = [threading.Thread(target=lambda: found.append(lab.sql(query, market.pins).digest)) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == [lab.sql(query, market.pins).digest] * 8


@pytest.mark.parametrize(
    "limits",
    [
        {"threads": 0}, {"threads": 65}, {"timeout_s": 0}, {"timeout_s": -1}, {"timeout_s": float("nan")},
        {"memory": "much"}, {"memory": "4"}, {"memory": "4GB'; SELECT 1"},
    ],
)  # fmt: skip
def test_limits_that_make_no_sense_are_refused(limits: dict[str, object]) -> None:
    with pytest.raises(RequestError) as error:
        Limits(**limits)  # type: ignore[arg-type]  # wrong ones
    assert error.value.hint


def test_memory_is_read_as_the_engine_reads_it() -> None:
    assert [memory_bytes(text) for text in ("4GB", "512MiB", "1.5 gb", "100kB")] == [
        4_000_000_000, 536_870_912, 1_500_000_000, 100_000,
    ]  # fmt: skip


def test_a_limit_too_small_for_anything_is_an_error_of_ours(lab: Lab, market: Market) -> None:
    with pytest.raises(SeamlessError):
        lab.sql("SELECT * FROM coins ORDER BY hash(ts)", market.pins, memory_limit="1KB")


@pytest.mark.parametrize("memory", ["9" * 400 + "GB", "99999999999999TB", "0.0000000001KB"])
def test_memory_that_the_engine_cannot_take_is_refused(lab: Lab, memory: str) -> None:
    with pytest.raises((RequestError, SqlLimit), match="memory") as error:
        lab.sql("SELECT 1 AS n", {}, memory_limit=memory)
    assert error.value.hint
    assert len(error.value.message) < 200
