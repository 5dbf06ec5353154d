"""Every statement of the published list is refused and leaves no trace; accepted ones give one digest everywhere."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from seamless_lab.app.lab import Lab
from seamless_lab.app.sql.connection import Limits, closed_off, furnish_one
from seamless_lab.app.sql.digest import table_digest
from seamless_lab.app.sql.statement import checked
from seamless_lab.errors import InvalidSql, SqlRefused
from tests.app.sql.lists import accepted, refused
from tests.sealed_market import seal, walk

ROOT = Path(__file__).parents[2]
SEEDS, CORES = ("0", "1", "random"), ("all", "0")
CACHES, ZONES = ("warm", "cold", "parquet"), ("UTC", "Asia/Kathmandu")
ALL = tuple(itertools.product(SEEDS, CORES, CACHES, ZONES))
FEW = (("0", "all", "warm", "UTC"), ("1", "0", "cold", "Asia/Kathmandu"), ("random", "all", "parquet", "UTC"))

WRAPS = (
    "SELECT * FROM ({}) AS w",
    "WITH w AS ({}) SELECT 1 FROM w",
    "SELECT 1 WHERE EXISTS ({})",
    "SELECT * FROM btc WHERE ts IN (SELECT 1 FROM ({}) AS w)",
    "SELECT 1 UNION ALL ({})",
    "SELECT * FROM btc ORDER BY (SELECT count(*) FROM ({}) AS w)",
    "SELECT [x FOR x IN [(SELECT 1 FROM ({}) AS w)]]",
    "WITH RECURSIVE w AS (SELECT 1 UNION ALL SELECT 1 FROM ({}) AS v) SELECT * FROM w",
    "SELECT CASE WHEN true THEN (SELECT 1 FROM ({}) AS w) END",
    "PIVOT ({}) ON 1 IN (1) USING count(*)",
    "SELECT sum(ts) FILTER (WHERE (SELECT true FROM ({}) AS w)) FROM btc",
    "VALUES ((SELECT 1 FROM ({}) AS w))",
    "SELECT sum(ts) OVER (PARTITION BY (SELECT 1 FROM ({}) AS w)) FROM btc",
    "SELECT * FROM btc JOIN eth ON (SELECT true FROM ({}) AS w)",
    "SELECT * FROM range((SELECT 1 FROM ({}) AS w))",
    "SELECT ts FROM btc GROUP BY ts HAVING (SELECT true FROM ({}) AS w)",
    "SELECT 1 LIMIT (SELECT 1 FROM ({}) AS w)",
    "SELECT * FROM btc QUALIFY (SELECT true FROM ({}) AS w)",
    "SELECT * REPLACE ((SELECT 1 FROM ({}) AS w) AS ts) FROM btc",
)
"""Places where a query may have a query."""


def market(home: Path, slots: int = 600) -> Path:
    for seed, name in enumerate(("BTC", "ETH", "SOL")):
        seal(home, f"{name}/USDT", walk(slots, 60, seed), timeframe="1m")
    return home


def run(home: Path, mode: str, place: Path, seed: str, cores: str, cache: str, zone: str) -> list[str]:
    """What one process says; its working folder is empty but for a file that a query may not see."""
    work = place / f"work-{len(list(place.iterdir()))}"
    work.mkdir()
    for name in ("bars.csv", "bars.parquet", "seamless.lock.csv"):
        (work / name).write_text("a,b\n1,2\n")
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed, "TZ": zone,
        "SEAMLESS_CACHE_DIR": str(place / ("warm" if cache == "warm" else f"{work.name}-cache")),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "tests.campaigns.querying", str(home), mode, cores, cache],
        capture_output=True, text=True, env=environment, cwd=work, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in work.iterdir()) == ["bars.csv", "bars.parquet", "seamless.lock.csv"]
    assert all(path.read_text() == "a,b\n1,2\n" for path in work.iterdir())
    found: list[str] = json.loads(done.stdout)
    return found


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "artifacts" in path.parts
    }


def test_the_list_is_refused_in_a_live_process_and_the_store_is_as_it_was(tmp_path: Path) -> None:
    home, place = market(tmp_path / "home"), tmp_path / "runs"
    place.mkdir()
    before = hashes(home)
    assert before
    answers = run(home, "escapes", place, *FEW[0])
    assert len(answers) == len(refused())
    assert set(answers) == {"E-SQL-REFUSED"}, [
        statement for statement, answer in zip(refused(), answers, strict=True) if answer != "E-SQL-REFUSED"
    ]
    assert hashes(home) == before
    with Lab(str(home)) as lab:
        assert not lab.verify().offenders


def test_refused_statements_wrapped_in_queries_are_refused_too(tmp_path: Path) -> None:
    connection = closed_off(Limits())
    names = {"btc": True, "eth": True, "coins": False}
    selects = [each for each in refused() if each.lstrip("(").upper().startswith(("SELECT", "FROM", "TABLE", "WITH"))]
    tries = [wrap.format(select) for wrap in WRAPS for select in selects if ";" not in select]
    assert len(tries) > 1_500
    for query in random.Random(1).sample(tries, 600):
        try:
            statement = checked(connection, query, names)
        except (SqlRefused, InvalidSql):
            continue
        assert statement.volatile, query  # of the clock: marked, and refused unless asked for
    connection.close()


def test_a_query_has_one_digest_in_processes_that_differ_in_everything_else(tmp_path: Path) -> None:
    home, place = market(tmp_path / "home"), tmp_path / "runs"
    place.mkdir()
    found = [run(home, "few", place, *variant) for variant in FEW]
    assert len(found[0]) == len(accepted()[::4])
    assert all(one == found[0] for one in found)


@pytest.mark.soak
def test_queries_have_one_digest_in_processes_of_every_kind_and_fifty_of_one(tmp_path: Path) -> None:
    home, place = market(tmp_path / "home", 20_000), tmp_path / "runs"
    place.mkdir()
    found = [run(home, "digests", place, *variant) for variant in (*ALL, *[("random", "all", "warm", "UTC")] * 50)]
    assert all(one == found[0] for one in found)


FLOATS = """SELECT ts % 600 AS k, avg(close * 1.1) AS a, stddev(close) AS s, sum(volume / 3) AS v
FROM bars GROUP BY k ORDER BY k"""


@pytest.mark.parametrize("rounds", [25])
def test_floats_add_up_to_the_same_digits_whatever_the_chunks(rounds: int) -> None:
    bars, chance, found = walk(150_000, 60, 5), random.Random(1), set()
    for _ in range(rounds):
        cuts = sorted(chance.sample(range(1, bars.height), chance.randint(0, 40)))
        edges = [0, *cuts, bars.height]
        pieces = [bars[first:last] for first, last in itertools.pairwise(edges)]
        connection = closed_off(Limits())
        furnish_one(connection, "bars", "BTC/USDT", pl.concat(pieces, rechunk=False))
        found.add(table_digest(connection.sql(FLOATS).pl()))
        connection.close()
    assert len(found) == 1
