"""Which statements are sealed queries: the published lists, the lists of functions, and no way to ask what exists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from seamless_lab.app.lab import Lab
from seamless_lab.app.sql import functions
from seamless_lab.app.sql.connection import Limits, closed_off
from seamless_lab.app.sql.macros import MACROS
from seamless_lab.app.sql.statement import checked
from seamless_lab.errors import InvalidSql, SeamlessError, SqlRefused
from tests.app.sql.conftest import Market
from tests.app.sql.lists import accepted, categories, refused


def test_the_published_lists_are_long_and_have_no_doubles() -> None:
    assert len(refused()) >= 150
    assert len(accepted()) >= 60
    assert len(set(refused())) == len(refused())
    assert min(len(statements) for statements in categories().values()) >= 3


def test_the_changelog_says_how_long_the_list_is() -> None:
    changelog = (Path(__file__).parents[3] / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"{len(refused())} statements that must be refused" in changelog


CLOCK = "the clock and chance"


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """One for many checks, which take milliseconds; the campaign on escapes sends the list through a lab."""
    opened = closed_off(Limits())
    yield opened
    opened.close()


@pytest.mark.parametrize("category", [category for category in categories() if category != CLOCK])
def test_a_statement_of_the_list_is_refused(connection: duckdb.DuckDBPyConnection, category: str) -> None:
    for statement in categories()[category]:
        with pytest.raises(SqlRefused) as refusal:
            checked(connection, statement, {"btc": True, "eth": True, "coins": False})
        assert refusal.value.hint
        assert "\n" not in refusal.value.message


@pytest.mark.parametrize("name", ["aggregate", "array_aggr", "array_aggregate", "list_aggr", "list_aggregate"])
def test_an_aggregate_named_in_a_text_is_refused_with_what_to_write(lab: Lab, market: Market, name: str) -> None:
    query = f"SELECT {name}(list(close), 'reservoir_quantile', 0.5, 8) FROM btc"
    for volatile in (False, True):
        with pytest.raises(SqlRefused, match=name) as refusal:
            lab.sql(query, market.pins, volatile=volatile)
        assert "list_sum(x)" in refusal.value.hint


@pytest.mark.parametrize("statement", categories()[CLOCK])
def test_what_depends_on_the_clock_or_on_chance_is_refused_unless_asked_for(
    lab: Lab, market: Market, statement: str
) -> None:
    with pytest.raises(SqlRefused, match="change by itself") as refusal:
        lab.sql(statement, market.pins)
    assert "volatile" in refusal.value.hint
    assert "volatile" in lab.sql(f"SELECT 1 AS n FROM ({statement}) AS x", market.pins, volatile=True).flags


@pytest.mark.parametrize("statement", accepted())
def test_a_query_of_research_gives_the_same_digest_twice(lab: Lab, market: Market, statement: str) -> None:
    result = lab.sql(statement, market.pins)
    assert result.digest == lab.sql(statement, market.pins).digest
    assert not result.flags, result.warnings
    assert result.to_text()
    assert result._repr_html_()
    assert result.to_dict()["rows"] == result.rows


def test_what_exists_and_what_does_not_are_refused_in_the_same_words(lab: Lab, market: Market, tmp_path: Path) -> None:
    there, absent = tmp_path / "there.csv", tmp_path / "gone0.csv"
    there.write_text("a,b\n1,2\n")
    for form in ("FROM '{}'", "SELECT * FROM read_csv('{}')", "COPY btc TO '{}'", "ATTACH '{}'", "LOAD '{}'"):
        said = [_refusal(lab, market, form.format(path)).replace(str(path), "PATH") for path in (there, absent)]
        assert said[0] == said[1], form
    assert there.read_text() == "a,b\n1,2\n"
    assert not absent.exists()


def test_the_connection_reaches_no_file_even_unchecked(tmp_path: Path) -> None:
    there = tmp_path / "there.csv"
    there.write_text("a,b\n1,2\n")
    connection = closed_off(Limits())
    connection.execute("SET lock_configuration = true")
    for statement in (
        f"FROM '{there}'", f"FROM read_csv('{there}')", f"FROM glob('{tmp_path}/*')", f"COPY (SELECT 1) TO '{there}'",
        f"ATTACH '{tmp_path / 'x.duckdb'}'", f"EXPORT DATABASE '{tmp_path / 'x'}'", "INSTALL httpfs", "LOAD httpfs",
        "SET enable_external_access = true", "SET temp_directory = '/tmp'", "SET threads = 2",
        "SET lock_configuration = false", "SET autoload_known_extensions = true", f"FROM read_text('{there}')",
    ):  # fmt: skip
        with pytest.raises(duckdb.Error):
            connection.execute(statement).fetchall()
    local = 1
    with pytest.raises(duckdb.Error):
        connection.execute("SELECT * FROM local").fetchall()
    assert local == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there.csv"]
    connection.close()


def test_a_name_of_another_query_is_no_relation(lab: Lab, market: Market) -> None:
    inside = 'SELECT * FROM (WITH "duckdb_tables" AS (SELECT 1 AS a) SELECT * FROM "duckdb_tables") AS x'
    assert lab.sql(inside, market.pins).rows == 1
    with pytest.raises(SqlRefused, match="duckdb_tables"):
        lab.sql(f"{inside}, duckdb_tables AS y", market.pins)


def test_the_engine_knows_every_function_that_is_allowed() -> None:
    known = {name for (name,) in duckdb.sql("SELECT function_name FROM duckdb_functions()").fetchall()}
    by_syntax = {"grouping", "grouping_id", "->"}
    assert functions.ALLOWED - MACROS - by_syntax <= known
    assert known >= functions.VOLATILE


def test_no_function_that_the_engine_calls_volatile_is_allowed() -> None:
    volatile = {
        name
        for (name,) in duckdb.sql(
            "SELECT function_name FROM duckdb_functions() WHERE stability IN ('VOLATILE', 'CONSISTENT_WITHIN_QUERY')"
        ).fetchall()
    }
    assert not volatile & functions.ALLOWED


def test_no_function_that_is_allowed_takes_another_by_its_name_in_a_text() -> None:
    naming = set()
    for name in functions.ALLOWED | functions.VOLATILE:
        try:
            duckdb.sql(f"SELECT \"{name}\"([1, 2], 'no_such_function')").fetchall()
        except duckdb.Error as error:
            if "with name no_such_function does not exist" in str(error):
                naming.add(name)
    assert not naming


def test_every_function_that_needs_no_parentheses_is_known() -> None:
    names = [name for (name,) in duckdb.sql("SELECT DISTINCT function_name FROM duckdb_functions()").fetchall()]
    bound = set()
    for name in {*names, "current_time", "current_timestamp", "localtime", "localtimestamp"}:
        try:
            duckdb.sql(f'SELECT "{name}"').fetchall()
        except duckdb.Error:
            continue
        bound.add(name)
    # current_timestamp is one only without quotes
    assert bound == (functions.VOLATILE_NAMES | functions.SESSION_NAMES) - {"current_timestamp"}


@pytest.mark.parametrize(
    "query, line, column",
    [
        ("SELECT clos FROM btc", 1, 8),
        ("SELECT ts,\n  'é', clos\nFROM btc", 2, 8),
        ("SELECT *\nFROM btx", 2, 6),
        ("SELECT close FROM btc\nWHER close > 1", 2, 6),
        ("SELECT sum(close), ts FROM btc", 1, 20),
        ("SELECT ts FROM btc, eth", 1, 8),
        ("SELECT\n  getenv('HOME')", 2, 3),
    ],
)
def test_an_error_says_where_in_the_query(lab: Lab, market: Market, query: str, line: int, column: int) -> None:
    with pytest.raises(SeamlessError) as error:
        lab.sql(query, market.pins)
    assert (error.value.facts["line"], error.value.facts["column"]) == (line, column)
    assert f"line {line}, column {column}" in error.value.message
    assert "\n" not in error.value.message


@pytest.mark.parametrize(
    "query, near",
    [("SELECT clos FROM btc", "close"), ("SELECT * FROM btx", "btc"), ("SELECT summ(close) FROM btc", "sum()")],
)
def test_an_error_names_what_is_near(lab: Lab, market: Market, query: str, near: str) -> None:
    with pytest.raises(SeamlessError) as error:
        lab.sql(query, market.pins)
    assert f"Did you mean {near}" in error.value.hint


@pytest.mark.parametrize(
    "query, hint",
    [
        ("SELECT sma(close, 20) FROM btc", "Write sma(x, n, ts)"),
        ("SELECT returns(close) OVER (ORDER BY ts) FROM btc", "Write returns(x, ts)"),
        ("SELECT symbol FROM btc", "Only a universe has symbol"),
        ("SELECT time + 1 FROM btc", "Cast an argument"),
        ("SELECT * FROM btc, btc", "FROM btc AS a, btc AS b"),
        ("SELECT list_transform([1], x -> x + 1)", "lambda x: x + 1"),
        ("SELECT sum(close), ts FROM btc", "Add it to GROUP BY"),
        ("SELECT * FROM btc-old", 'Write "btc-old" in double quotes.'),
    ],
)
def test_an_error_says_what_to_write(lab: Lab, market: Market, query: str, hint: str) -> None:
    with pytest.raises(SeamlessError) as error:
        lab.sql(query, {**market.pins, "btc-old": market.refs["BTC"]})
    assert hint in error.value.hint
    assert "memory." not in error.value.message
    assert len(error.value.hint) < 200


@pytest.mark.parametrize(
    "query",
    [
        "",
        "  ",
        "SELECT 1" + " " * 100_000,
        "SELECT '\x00'",
        "SELECT '\ud800'",
        None,
        1,
        f"SELECT {'(' * 3_000}1",
        f"SELECT {'(' * 450}1{')' * 450}, {'NOT ' * 2_000} true",
    ],
)
def test_what_is_no_query_is_an_error_of_ours(lab: Lab, market: Market, query: str) -> None:
    with pytest.raises((InvalidSql, SqlRefused)):
        lab.sql(query, market.pins)


def test_a_query_that_is_nested_too_deeply_is_not_advised_to_set_anything(lab: Lab, market: Market) -> None:
    for deep in ("SELECT 1" + "+1" * 20_000, "SELECT " + "NOT " * 900 + "true"):
        told = _refusal(lab, market, deep)
        assert "nested too deeply" in told
        assert "SET" not in told


def test_names_are_compared_as_the_engine_does(lab: Lab, market: Market) -> None:
    assert lab.sql("SELECT count(*) FROM BTC", market.pins).inputs[0].name == "btc"
    with pytest.raises(SqlRefused):
        lab.sql('WITH "É" AS (SELECT 1) SELECT * FROM "é"', market.pins)


def test_the_check_alone_opens_nothing() -> None:
    connection = closed_off(Limits())
    statement = checked(connection, "SELECT * FROM a JOIN b USING (ts) ORDER BY ts", {"a": True, "b": True, "c": True})
    assert statement.relations == ("a", "b")
    assert connection.execute("SELECT count(*) FROM duckdb_views() WHERE NOT internal").fetchall() == [(0,)]
    connection.close()


def _refusal(lab: Lab, market: Market, query: str) -> str:
    with pytest.raises(SeamlessError) as error:
        lab.sql(query, market.pins)
    return f"{error.value.code} {error.value.message} {error.value.hint} {error.value.exit_code}"
