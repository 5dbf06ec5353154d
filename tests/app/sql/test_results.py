"""What a result says about itself: its inputs, its digest, its order, its marks, and how it looks."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from seamless_lab.app.lab import Lab
from seamless_lab.app.sql.digest import table_digest
from seamless_lab.app.sql.result import SqlResult
from seamless_lab.errors import InvalidSql, NotSealed, RequestError
from tests.app.sql.conftest import Market
from tests.sealed_market import START


@pytest.mark.parametrize(
    "query, ordered",
    [
        ("SELECT ts, close FROM btc ORDER BY ts", True),
        ("SELECT close FROM btc ORDER BY ts", True),
        ("SELECT close FROM btc AS b WHERE close > 1 ORDER BY b.time DESC LIMIT 3", True),
        ("SELECT close FROM btc", False),
        ("SELECT count(*) FROM btc", True),
        ("SELECT count(*) FROM btc LIMIT 1", False),
        ("SELECT close > 100 AS up, ts FROM btc ORDER BY up", False),
        ("SELECT close > 100 AS up, ts FROM btc ORDER BY up, 2", True),
        ("SELECT close > 100 AS up FROM btc ORDER BY up", True),
        ("SELECT symbol, close FROM coins ORDER BY ts", False),
        ("SELECT symbol, ts FROM coins ORDER BY ts", False),
        ("SELECT symbol, ts FROM coins ORDER BY ts, symbol", True),
        ("SELECT b.close FROM btc b JOIN eth e USING (ts) ORDER BY ts", False),
        ("SELECT b.ts, b.close FROM btc b JOIN eth e USING (ts) ORDER BY ts", True),
        ("SELECT * FROM btc ORDER BY ALL", True),
        ("SELECT ts % 3 AS k, ts FROM btc ORDER BY k LIMIT 4", False),
        ("SELECT ts % 300 AS k, count(*) AS n FROM btc GROUP BY k ORDER BY n LIMIT 1", False),
        ("SELECT ts % 300 AS k, count(*) AS n FROM btc GROUP BY k ORDER BY k LIMIT 2 OFFSET 1", True),
        ("SELECT ts AS k FROM btc ORDER BY k LIMIT 1 + 1", False),
        ("SELECT close AS ts FROM btc ORDER BY ts", True),
        ("SELECT close AS ts, ts % 2 AS k FROM btc ORDER BY k", False),
        ("WITH x AS (SELECT ts, close FROM btc) SELECT * FROM x ORDER BY ts DESC LIMIT 10", True),
        ("SELECT ts FROM btc UNION ALL SELECT ts FROM btc ORDER BY ts", True),
        ("SELECT ts, 1 AS n FROM btc UNION ALL SELECT ts, 2 FROM btc ORDER BY ts", False),
        ("SELECT symbol, max(close) AS m FROM coins GROUP BY symbol ORDER BY max(close)", True),
        ("SELECT unnest([1, 2]) AS n FROM btc ORDER BY ts", False),
        ("SELECT * REPLACE (1 AS ts) FROM btc ORDER BY ts", False),
        ("SELECT * EXCLUDE (time) RENAME (ts AS x, volume AS ts) FROM btc ORDER BY ts", False),
        ("SELECT open, volume // 500 AS ts FROM btc ORDER BY ts", False),
        ("SELECT a FROM btc AS t(ts, a, b, c, d, e, time) ORDER BY time", False),
        ("SELECT *, close > 100 AS up FROM btc ORDER BY up, ts", True),
        ("SELECT b.*, b.close > 100 AS up FROM btc AS b JOIN eth USING (ts) ORDER BY up", False),
        ("SELECT DISTINCT close > 100 AS up FROM btc ORDER BY up", True),
        ("SELECT s COLLATE NOCASE AS s, v FROM (VALUES ('a', 1), ('A', 2)) t(s, v) ORDER BY s", False),
        ("SELECT s FROM (SELECT s COLLATE NOCASE AS s FROM (VALUES ('a'), ('A')) t(s)) ORDER BY ALL", False),
        ("SELECT symbol COLLATE NOCASE AS s, close FROM coins ORDER BY ts, symbol", True),
        ("SELECT DISTINCT ON (close > 100) close > 100 AS up, volume FROM btc ORDER BY up", False),
        ("SELECT DISTINCT ON (close > 100) close > 100 AS up, volume FROM btc ORDER BY up, ts", True),
        ("SELECT DISTINCT ON (symbol) symbol, close FROM coins ORDER BY symbol, ts DESC", True),
        ("SELECT DISTINCT ON (symbol) symbol, close FROM coins ORDER BY symbol, volume", False),
    ],
)
def test_the_order_of_rows_is_total_or_marked(lab: Lab, market: Market, query: str, ordered: bool) -> None:
    result = lab.sql(query, market.pins)
    assert result.ordered is ordered, result.warnings
    assert ("unordered" in result.flags) is not ordered


def test_a_limit_gives_the_rows_it_gives_in_the_engine(lab: Lab, market: Market) -> None:
    for cut in ("LIMIT 3", "LIMIT 3 OFFSET 2", "LIMIT 0", "LIMIT 10000", "OFFSET 590", "LIMIT 5 OFFSET 599"):
        found = lab.sql(f"SELECT ts, close, volume FROM btc ORDER BY volume, ts {cut}", market.pins).frame
        with duckdb.connect() as plain:
            plain.register("bars", market.frames["BTC"])
            expected = plain.sql(f"SELECT ts, close, volume FROM bars ORDER BY volume, ts {cut}").pl()
        assert found.equals(expected), cut


def test_a_tie_outside_the_limit_is_seen(lab: Lab, market: Market) -> None:
    ties = "SELECT ts, ts // 120 AS k FROM btc ORDER BY k LIMIT"
    assert not lab.sql(f"{ties} 1", market.pins).ordered
    assert not lab.sql("SELECT ts, ts // 120 AS k FROM btc ORDER BY k LIMIT 1 OFFSET 1", market.pins).ordered
    assert lab.sql("SELECT ts, ts // 120 AS k FROM btc ORDER BY k, ts LIMIT 1", market.pins).rows == 1


def test_it_says_what_it_read(lab: Lab, market: Market) -> None:
    result = lab.sql("SELECT count(*) AS n FROM coins JOIN eth USING (ts)", market.pins)
    assert [(each.name, each.symbol) for each in result.inputs] == [
        ("coins", "BTC/USDT"), ("coins", "ETH/USDT"), ("coins", "SOL/USDT"), ("eth", ""),
    ]  # fmt: skip
    assert all(each.ref == each.written for each in result.inputs)
    assert len({each.content for each in result.inputs}) == 3
    assert result.engine["duckdb"] == duckdb.__version__
    assert result.warnings == ("The query does not read btc.",)


def test_a_result_is_recorded_for_receipts(market: Market) -> None:
    with Lab(str(market.home)) as lab:
        result = lab.sql("SELECT symbol, count(*) FROM coins GROUP BY ALL ORDER BY ALL", market.pins)
        (record,) = lab.wiring.results.records()
        assert (record.kind, record.digest, record.repeatable) == ("sql", result.digest, True)
        assert record.recipe["universes"] == ["coins"]
        assert len(lab.wiring.reads.records()) == 3
        lab.sql("SELECT now() > time FROM btc ORDER BY ts", market.pins, volatile=True)
        assert not lab.wiring.results.records()[-1].repeatable


def test_a_name_of_a_type_is_no_such_type(lab: Lab, market: Market) -> None:
    result = lab.sql("SELECT {'UHUGEINT': 1} AS a, 'BIGNUM'::ENUM('BIGNUM') AS b, 'x' AS \"HUGEINT\"", market.pins)
    assert result.frame.height == 1
    with pytest.raises(InvalidSql, match="38 digits"):
        lab.sql("SELECT map(['x'], [[1::UHUGEINT]]) AS m", market.pins)


def test_the_digest_is_of_names_types_values_and_order() -> None:
    frame = pl.DataFrame({"a": [1, 2, None], "b": [0.5, -0.0, float("nan")], "c": ["x", "", None]})
    base = table_digest(frame)
    assert table_digest(frame.rename({"a": "z"})) != base
    assert table_digest(frame.with_columns(pl.col("a").cast(pl.Int32))) != base
    assert table_digest(frame.reverse()) != base
    assert table_digest(frame.select("b", "a", "c")) != base
    assert table_digest(frame.with_columns(pl.col("a").fill_null(0))) != base
    assert table_digest(frame.with_columns(pl.col("c").fill_null(""))) != base
    assert table_digest(frame.with_columns(pl.Series("b", [0.5, 0.0, float("nan")]))) == base


def test_the_digest_knows_no_chunks_and_no_slices() -> None:
    frame = pl.DataFrame(
        {
            "n": list(range(50)),
            "x": [i / 7 if i % 5 else None for i in range(50)],
            "t": [f"row {i}" * (i % 3) for i in range(50)],
            "l": [[i, None][: i % 3] if i % 7 else None for i in range(50)],
            "s": [{"a": i, "b": str(i)} for i in range(50)],
            "f": [i % 2 == 0 for i in range(50)],
        }
    )
    base = table_digest(frame)
    pieces = pl.concat([frame[:7], frame[7:8], frame[8:41], frame[41:]], rechunk=False)
    assert table_digest(pieces) == base
    padded = pl.concat([frame.tail(3), frame, frame.head(2)]).slice(3, 50)
    assert table_digest(padded) == base
    for column in ("l", "s", "t", "f"):
        changed = frame.with_columns(pl.col(column).reverse())
        assert table_digest(changed) != base, column


def test_lists_that_differ_only_in_where_they_end_differ() -> None:
    assert table_digest(pl.DataFrame({"l": [[1], [2, 3]]})) != table_digest(pl.DataFrame({"l": [[1, 2], [3]]}))
    assert table_digest(pl.DataFrame({"t": ["a", "bc"]})) != table_digest(pl.DataFrame({"t": ["ab", "c"]}))
    assert table_digest(pl.DataFrame({"l": [[], None]})) != table_digest(pl.DataFrame({"l": [None, []]}))


def test_a_pinned_window_is_all_that_is_visible(lab: Lab, market: Market) -> None:
    part = lab.sql("SELECT min(ts) AS a, max(ts) AS b FROM btc", market.pins, start=START + 600, end=START + 1200)
    assert part.frame.row(0) == (START + 600, START + 1140)
    assert part.inputs[0].rows == 10
    with pytest.raises(NotSealed):
        lab.sql("SELECT * FROM btc", market.pins, start="2023-01-01", end="2023-01-02")


def test_what_moves_is_refused_with_what_to_write(lab: Lab, market: Market) -> None:
    node = market.refs["BTC"].partition("@")[0]
    for ref in (node, f"{node}@latest"):
        with pytest.raises(NotSealed) as refusal:
            lab.sql("SELECT * FROM btc", {"btc": ref})
        assert market.refs["BTC"] in refusal.value.hint


@pytest.mark.parametrize("name", ["", "a b", 'a"b', "__a", "x" * 65, "é", "a;b"])
def test_a_name_that_no_query_can_write_is_refused(lab: Lab, market: Market, name: str) -> None:
    with pytest.raises(RequestError):
        lab.sql("SELECT 1", {name: market.refs["BTC"]})


def test_names_that_differ_only_in_capitals_are_one(lab: Lab, market: Market) -> None:
    with pytest.raises(RequestError, match="twice"):
        lab.sql("SELECT 1", {"btc": market.refs["BTC"], "BTC": market.refs["ETH"]})


def test_a_universe_has_each_series_once(lab: Lab, market: Market) -> None:
    with pytest.raises(RequestError, match="more than once"):
        lab.sql("SELECT * FROM u", {"u": [market.refs["BTC"], market.refs["BTC"]]})
    with pytest.raises(RequestError):
        lab.sql("SELECT * FROM u", {"u": []})


@pytest.mark.parametrize(
    "query, said",
    [
        ("SELECT b.ts, e.ts FROM btc b, eth e LIMIT 1", "Two columns"),
        ("SELECT INTERVAL 1 DAY AS i", "INTERVAL"),
        ("SELECT 170141183460469231731687303715884105727::HUGEINT AS h", "38 digits"),
        ("SELECT [{'a': 100000000000000000000000000000000000000::HUGEINT}] AS h", "38 digits"),
        ("SELECT 1::UHUGEINT AS h", "38 digits"),
        ("SELECT 1::BIGNUM AS h", "38 digits"),
        ("SELECT symbol, count(*), drawdown(close, ts) FROM coins GROUP BY ALL", "a defect of its own"),
        ("SELECT close::DATE FROM btc", "DOUBLE"),
        ("SELECT 1 // 0 FROM btc", "Division by zero"),
        ("SELECT 9223372036854775807 + ts FROM btc", "Overflow"),
        ("SELECT sum('a') FROM btc", "line 1"),
    ],
)
def test_what_the_engine_refuses_is_one_sentence(lab: Lab, market: Market, query: str, said: str) -> None:
    with pytest.raises(InvalidSql, match=said) as error:
        lab.sql(query, market.pins)
    assert "\n" not in error.value.message
    assert "__" not in error.value.message
    assert error.value.hint


def test_marks_say_what_may_come_out_otherwise(lab: Lab, market: Market) -> None:
    threads = lab.sql("SELECT sum(close) AS s FROM coins", market.pins, threads=2)
    assert threads.flags == ("threads",)
    assert "Not reproducible digits" in threads.warnings[0]
    now = lab.sql("SELECT current_date >= DATE '2024-01-01' AS later", volatile=True)
    assert now.flags == ("volatile",)
    assert "current_date" in now.warnings[0]


def test_results_go_where_people_work(lab: Lab, market: Market) -> None:
    result = lab.sql("SELECT ts, time, close FROM btc ORDER BY ts", market.pins)
    assert pl.DataFrame(result).equals(result.frame)
    assert pa.table(result).num_rows == len(result) == 600
    with duckdb.connect() as plain:
        plain.register("bars", result)
        assert plain.sql("SELECT count(*) FROM bars").fetchall() == [(600,)]
    assert list(result.to_pandas().columns) == ["ts", "time", "close"]
    assert result.lazy().collect().equals(result.frame)
    facts = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert facts["data"][0] == {"ts": START, "time": "2024-01-01T00:00:00Z", "close": result.frame["close"][0]}
    assert facts["data_complete"]


def test_odd_values_are_shown_and_are_json(lab: Lab, market: Market) -> None:
    result = lab.sql(
        "SELECT '<b>' AS html, 'nan'::DOUBLE AS n, NULL AS z, 1.50::DECIMAL(9, 2) AS d, DATE '2024-01-02' AS day,"
        " TIME '10:00' AS t,"
        " [1, NULL] AS l, {'a': 1} AS s, map {'k': 2} AS m, 'x'::BLOB AS b, true AS f,"
        " 170141183460469231731687::HUGEINT AS h,"
        " TIMESTAMPTZ '2024-01-01 00:00:00.5Z' AS moment",
        market.pins,
    )
    (row,) = json.loads(json.dumps(result.to_dict(), allow_nan=False))["data"]
    assert row["n"] is None
    assert (row["d"], row["day"], row["l"], row["m"]) == ("1.50", "2024-01-02", "[1, null]", "{k: 2}")
    assert row["moment"] == "2024-01-01T00:00:00.500000Z"
    assert "&lt;b&gt;" in result._repr_html_()
    assert "columns more" in result.to_text()


@pytest.mark.parametrize(
    "query, said",
    [
        ("SELECT [INTERVAL 1 DAY] AS x", "INTERVAL"),
        ("SELECT [max(time) - min(time)] AS x FROM btc", "INTERVAL"),
        ("SELECT {'a': map(['k'], [INTERVAL 1 MONTH])} AS x WHERE false", "INTERVAL"),
        ("SELECT union_value(a := 1) AS x", "UNION"),
        ("SELECT [union_value(a := 1)] AS x", "UNION"),
        ("SELECT TIMETZ '12:00+02' AS x", "TIMETZ"),
        ("SELECT ['101'::BIT] AS x", "BIT"),
        ("SELECT DATE 'infinity' AS x", "infinity"),
        ("SELECT DATE '262143-01-01' AS x", "262142"),
        ("SELECT TIMESTAMP '-infinity' AS x", "infinity"),
        ("SELECT TIMESTAMPTZ '290000-01-01' AS x FROM btc", "262142"),
        ("SELECT TIMESTAMP_S 'infinity' AS x", "infinity"),
        ("SELECT [TIMESTAMP_S 'infinity'] AS x", "infinity"),
        ("SELECT TIMESTAMP_NS '-infinity' AS x", "infinity"),
        ("SELECT [{'a': TIMESTAMP 'infinity'}] AS x", "infinity"),
        ("SELECT map([1], [DATE 'infinity']) AS x", "infinity"),
        ("SELECT [DATE 'infinity']::DATE[1] AS x", "infinity"),
        ("SELECT TIME '24:00:00' AS x", "24:00:00"),
    ],
)
def test_what_no_frame_can_hold_or_spell_is_one_sentence(lab: Lab, market: Market, query: str, said: str) -> None:
    with pytest.raises(InvalidSql, match=said) as error:
        lab.sql(query, market.pins)
    assert "'x'" in error.value.message
    assert "\n" not in error.value.message
    assert error.value.hint


def test_what_is_nested_too_deeply_to_be_handed_over_says_so(lab: Lab) -> None:
    with pytest.raises(InvalidSql, match="nested too deeply"):
        lab.sql(f"SELECT {'[' * 120}1{']' * 120} AS x", {})


def test_a_row_that_a_limit_leaves_out_may_hold_infinity(lab: Lab) -> None:
    days = "FROM (VALUES (1, DATE '2024-01-01'), (2, DATE 'infinity')) days(n, day) ORDER BY n"
    found = lab.sql(f"SELECT n, day, [day] AS l, map([n], [day]) AS m {days} LIMIT 1", {})
    assert spelled(found)["m"] == "{1: 2024-01-01}"
    with pytest.raises(InvalidSql, match="infinity"):
        lab.sql(f"SELECT map([n], [day]) AS m {days} LIMIT 1 OFFSET 1", {})


@pytest.mark.parametrize(
    "value, shown",
    [
        ("DATE '262142-12-31'", "+262142-12-31"),
        ("DATE '262144-01-01 (BC)'", "-262143-01-01"),
        ("TIMESTAMP '262142-12-31 23:59:59.999999'", "+262142-12-31T23:59:59.999999"),
        ("TIMESTAMPTZ '0044-03-15 (BC)'", "-0043-03-15T00:00:00Z"),
        ("TIMESTAMP_NS '2262-04-11 23:47:16.854775806'", "2262-04-11T23:47:16.854775"),
        ("TIME '23:59:59.999999'", "23:59:59.999999"),
        ("[DATE '10000-01-01', NULL]", "[+10000-01-01, null]"),
        ("{'a': TIMESTAMPTZ '10000-01-01'}", "{a: +10000-01-01 00:00:00.000000+00:00}"),
        ("[TIMESTAMP '0044-03-15 (BC)']::TIMESTAMP[1]", "[-0043-03-15 00:00:00.000000]"),
        ("map([[1]], [DATE '2024-01-01'])", "[{key: [1], value: 2024-01-01}]"),
        ("map([DATE '2024-01-01'], [[NULL::DATE]])", "{2024-01-01: [null]}"),
        ("NULL::TIMESTAMP", None),
        ("[]::DATE[]", "[]"),
        ("{}", "{}"),
        ("'ab'::BLOB", "6162"),
        ("UUID '5f0e3a3e-0000-4000-8000-000000000000'", "5f0e3a3e-0000-4000-8000-000000000000"),
        ("['a'::ENUM('a', 'b')]", "[a]"),
        ("[1.50::DECIMAL(38, 2)]", "[1.50]"),
        ("'{\"a\": 1}'::JSON", '{"a": 1}'),
        ("{'date': 1}", "{date: 1}"),
    ],
)
def test_values_at_the_edges_of_their_types_are_shown(lab: Lab, value: str, shown: str | None) -> None:
    result = lab.sql(f"SELECT {value} AS x", {})
    assert spelled(result) == {"x": shown}
    assert result.to_text()
    assert result._repr_html_()


def spelled(result: SqlResult) -> dict[str, object]:
    """The one row of a result as JSON values."""
    (row,) = json.loads(json.dumps(result.to_dict(), allow_nan=False))["data"]
    found: dict[str, object] = row
    return found


def test_what_a_file_cannot_hold_is_refused_with_its_column(lab: Lab) -> None:
    from seamless_lab.app.sql.files import csv_bytes, parquet_bytes

    blobs, empty = lab.sql("SELECT 'ab'::BLOB AS b", {}), lab.sql("SELECT [{'a': {}}] AS s", {})
    assert parquet_bytes(blobs)
    with pytest.raises(RequestError, match="'b' holds bytes"):
        csv_bytes(blobs)
    with pytest.raises(RequestError, match="'s' holds structs without fields"):
        parquet_bytes(empty)


def test_a_view_is_the_same_for_equal_results(lab: Lab, market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAMLESS_RENDER", "static")
    query = "SELECT ts, close FROM btc ORDER BY ts"
    assert lab.sql(query, market.pins).to_text() == lab.sql(query, market.pins).to_text()
    assert "took" not in lab.sql(query, market.pins).to_text()


def test_rows_are_written_to_files_that_say_what_they_are(lab: Lab, market: Market, tmp_path: Path) -> None:
    from seamless_lab.app.sql.files import csv_bytes, parquet_bytes

    result = lab.sql("SELECT ts, time, close FROM btc ORDER BY ts", market.pins)
    (tmp_path / "x.parquet").write_bytes(parquet_bytes(result))
    assert pl.read_parquet(tmp_path / "x.parquet").equals(result.frame)
    assert parquet_bytes(result) == parquet_bytes(lab.sql(result.query, market.pins))
    first, second, *_ = csv_bytes(result).decode().splitlines()
    assert first == "ts,time,close"
    assert second.startswith(f"{START},2024-01-01T00:00:00Z,")
    with pytest.raises(RequestError, match="several values"):
        csv_bytes(lab.sql("SELECT [1] AS l"))
