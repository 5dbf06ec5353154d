"""`seamless sql` in a terminal: pins, universes, files, JSON and errors."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from seamless_lab.app.lab import Lab
from seamless_lab.cli import main
from seamless_lab.core.bars import Bars
from seamless_lab.core.digest import Header
from seamless_lab.core.grid import grid_of
from seamless_lab.core.identity import parse_node
from seamless_lab.core.observed import Observed
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.artifacts import Candidate
from seamless_lab.errors import RequestError, SqlRefused
from tests.app.sql.conftest import Market
from tests.sealed_market import SEALED_AT_MS, START, seal, walk

COUNT = "SELECT count(*) AS n FROM btc"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lockfile of three pins, one of them of a part."""
    folder = tmp_path_factory.mktemp("project")
    home = folder / ".seamless"
    refs = {name: seal(home, f"{name.upper()}/USDT", walk(48, 3_600, seed)) for seed, name in enumerate(("btc", "eth"))}
    with Lab(str(home)) as lab:
        for name, ref in refs.items():
            lab.pin(name, ref)
        lab.pin("btc-half", refs["btc"], START, START + 24 * 3_600)
    return home


def run(capsys: pytest.CaptureFixture[str], home: Path, *words: str) -> tuple[int, str, str]:
    code = main(["sql", *words, "--home", str(home)])
    said = capsys.readouterr()
    return code, said.out, said.err


def facts(capsys: pytest.CaptureFixture[str], home: Path, *words: str) -> dict[str, object]:
    _, out, _ = run(capsys, home, *words, "--json")
    found: dict[str, object] = json.loads(out)
    return found


def test_the_pins_of_the_lockfile_are_there_by_name(capsys: pytest.CaptureFixture[str], project: Path) -> None:
    found = facts(capsys, project, 'SELECT count(*) AS n FROM btc UNION ALL SELECT count(*) FROM "btc-half" ORDER BY n')
    assert [row["n"] for row in found["data"]] == [24, 48]  # type: ignore[attr-defined]  # JSON
    assert [(one["name"], one["pin"]) for one in found["inputs"]] == [("btc", "btc"), ("btc-half", "btc-half")]  # type: ignore[attr-defined]  # JSON


def test_a_pin_bounds_what_is_visible(capsys: pytest.CaptureFixture[str], project: Path) -> None:
    found = facts(
        capsys, project, COUNT, "--pin", "btc=pin:btc-half", "--start", "2024-01-01T12:00", "--end", "2024-01-02"
    )
    assert found["data"] == [{"n": 12}]
    code, _, said = run(
        capsys, project, COUNT, "--pin", "btc=pin:btc-half", "--start", "2024-01-01", "--end", "2024-01-03"
    )
    assert code == 2
    assert "pin:btc-half" in said


def test_a_universe_is_a_name_that_is_there_twice_or_a_pattern(
    capsys: pytest.CaptureFixture[str], project: Path
) -> None:
    query = "SELECT symbol, count(*) AS n FROM u GROUP BY symbol ORDER BY symbol"
    twice = facts(capsys, project, query, "--pin", "u=pin:btc", "--pin", "u=pin:eth")
    pattern = facts(capsys, project, query, "--pin", "u=pin:*h", "--pin", "u=pin:btc")
    assert twice["data"] == pattern["data"] == [{"symbol": "BTC/USDT", "n": 48}, {"symbol": "ETH/USDT", "n": 48}]
    alone = facts(capsys, project, query, "--pin", "u=pin:e*")
    assert alone["data"] == [{"symbol": "ETH/USDT", "n": 48}]
    code, _, said = run(capsys, project, query, "--pin", "u=pin:x*")
    assert (code, "No pin matches pin:x*" in said) == (2, True)


def test_a_list_of_pins_gives_each_its_own_name(project: Path) -> None:
    with Lab(str(project)) as lab:
        for pins in ("pin:btc", ["pin:btc"], ["pin:*"]):
            assert lab.sql(COUNT, pins).frame.item() == 48
        with pytest.raises(RequestError, match="has no name"):
            lab.sql(COUNT, [lab.sql(COUNT).inputs[0].ref])
        with pytest.raises(SqlRefused):
            lab.sql(COUNT, "pin:eth")


def test_a_query_comes_from_a_file_and_rows_go_to_one(
    capsys: pytest.CaptureFixture[str], project: Path, tmp_path: Path
) -> None:
    (tmp_path / "q.sql").write_text("SELECT ts, close\nFROM btc -- the pin\nORDER BY ts;\n")
    out = tmp_path / "rows.parquet"
    code, _, said = run(capsys, project, "--file", str(tmp_path / "q.sql"), "--out", str(out))
    assert code == 0
    assert f"wrote {out}" in said
    assert pl.read_parquet(out)["ts"].to_list()[0] == START
    code, _, said = run(capsys, project, COUNT, "--out", str(out))
    assert code == 2
    assert "--force" in said
    assert run(capsys, project, COUNT, "--out", str(tmp_path / "n.csv"))[0] == 0
    assert (tmp_path / "n.csv").read_text() == "n\n48\n"


@pytest.mark.parametrize(
    "words, code, said",
    [
        ([], 2, "There is no query"),
        ([COUNT, "--file", "x.sql"], 2, "twice"),
        (["--file", "absent.sql"], 2, "cannot be read"),
        ([COUNT, "--pin", "btc"], 2, "'btc' has no NAME=REF.\nhint: Write --pin btc=pin:btc\n"),
        ([COUNT, "--pin", "eth="], 2, "Write --pin eth=pin:eth\n"),
        ([COUNT, "--pin", "pin:eth"], 2, "Write --pin btc=pin:eth\n"),
        ([COUNT, "--pin", "btc=pin:bct"], 2, "Did you mean pin:btc"),
        (["SELECT * FROM bct"], 1, "Did you mean btc"),
        (["SELECT now()"], 1, "--volatile"),
        (["SELECT clos FROM btc"], 2, "line 1, column 8"),
        (["DROP VIEW btc"], 1, "one SELECT"),
        ([COUNT, "--threads", "900"], 2, "1 to 64"),
        ([COUNT, "--threads", "0"], 2, "1 to 64"),
        ([COUNT, "--timeout", "0"], 2, "number of seconds"),
        ([COUNT, "--memory", "lots"], 2, "4GB"),
        (["SELECT count(*) FROM range(100000000000)", "--timeout", "1"], 1, "did not end within 1 s"),
    ],
)
def test_an_error_is_two_lines_and_an_exit_code(
    capsys: pytest.CaptureFixture[str], project: Path, words: list[str], code: int, said: str
) -> None:
    found, out, err = run(capsys, project, *words)
    assert (found, out) == (code, "")
    assert said in err
    assert len(err.strip().splitlines()) == 2
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "called, mixed",
    [("sma(close, 3, ts)", True), ("sma(close, 3, ts, PER := symbol)", False), ("sma(close, 3, ts, symbol)", False)],
)
def test_a_macro_that_mixes_the_symbols_of_a_universe_is_told_of(
    capsys: pytest.CaptureFixture[str], project: Path, called: str, mixed: bool
) -> None:
    query = f"SELECT symbol, ts, {called} AS m FROM u ORDER BY symbol, ts"
    found = facts(capsys, project, query, "--pin", "u=pin:btc", "--pin", "u=pin:eth")
    assert (
        any("Without per := symbol, sma takes all rows as one series, and u" in said for said in found["warnings"])
        == mixed
    )  # type: ignore[attr-defined]  # JSON
    assert facts(capsys, project, "SELECT ts, sma(close, 3, ts) AS m FROM btc ORDER BY ts")["warnings"] == []


def test_marks_are_shown(capsys: pytest.CaptureFixture[str], project: Path) -> None:
    code, out, _ = run(capsys, project, "SELECT close, now() > time AS past FROM btc", "--volatile", "--threads", "2")
    assert code == 0
    assert "unordered, threads, volatile" in out.splitlines()[0]


def test_a_hundred_series_are_one_relation(tmp_path: Path, market: Market) -> None:
    with Lab(str(tmp_path / "home")) as lab:
        refs = []
        for number in range(100):
            header = Header(parse_node(f"ohlcv:binance:S{number:03d}/USDT:1h"), grid_of("binance", "1h"))
            bars = Bars.validated(header.node, header.grid, walk(24, 3_600, number))
            window = TimeRange(START, START + 24 * 3_600)
            answered = Observed.at(Ranges.single(window), SEALED_AT_MS)
            published = lab.wiring.sealed.publish(Candidate(header, bars, answered)).version
            refs.append(f"{header.node}@sha256:{published.tree.fingerprint[:16]}")
        result = lab.sql("SELECT symbol, count(*) AS n FROM u GROUP BY symbol ORDER BY symbol", {"u": refs})
    assert result.frame["n"].to_list() == [24] * 100
    assert result.frame["symbol"][42] == "S042/USDT"
    assert len(result.inputs) == 100
    assert "94 more" in result.to_text()


def test_series_that_share_a_symbol_are_told_apart(tmp_path: Path, market: Market) -> None:
    home = tmp_path / "home"
    refs = [seal(home, "BTC/USDT", walk(24, 3_600, 1)), seal(home, "BTC/USDT", walk(60, 60, 1), timeframe="1m")]
    with Lab(str(home)) as lab:
        found = lab.sql("SELECT DISTINCT symbol FROM u ORDER BY symbol", {"u": refs}).frame["symbol"].to_list()
    assert found == ["binance:BTC/USDT:1h", "binance:BTC/USDT:1m"]


def test_a_panic_of_polars_is_a_defect_in_one_line(
    capsys: pytest.CaptureFixture[str], project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def panicking(*_: object, **__: object) -> None:
        raise pl.exceptions.PanicException("out-of-range date")

    monkeypatch.setattr(pl.DataFrame, "write_csv", panicking)
    out = str(tmp_path / "x.csv")
    error = facts(capsys, project, COUNT, "--out", out)["error"]
    assert error["code"] == "E-UNEXPECTED"  # type: ignore[index]  # JSON
    code, shown, said = run(capsys, project, COUNT, "--out", out)
    assert (code, shown) == (1, "")
    assert said.startswith("error[E-UNEXPECTED]: PanicException: out-of-range date\n")
