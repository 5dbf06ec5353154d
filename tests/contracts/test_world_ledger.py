"""What every world ledger must do."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.adapters.ledger_sqlite import SqliteWorldLedger
from seamless_lab.adapters.sqlite_file import SqliteFile
from seamless_lab.engine.ports import WorldLedger
from seamless_lab.errors import AsOfRegressed

NODE = "ohlcv:binance:BTC/USDT:1m"


@pytest.fixture(params=["sqlite"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WorldLedger]:
    assert request.param == "sqlite"
    file = SqliteFile(tmp_path / "hot.db")
    yield SqliteWorldLedger(file)
    file.close()


def test_a_new_world_has_no_floor(ledger: WorldLedger) -> None:
    assert ledger.floor("w", NODE) == 0
    assert ledger.advance("w", NODE, 1_000) == 0
    assert ledger.floor("w", NODE) == 1_000


def test_staying_is_allowed_and_going_back_is_not(ledger: WorldLedger) -> None:
    ledger.advance("w", NODE, 1_700_000_000_500)
    assert ledger.advance("w", NODE, 1_700_000_000_500) == 1_700_000_000_500
    with pytest.raises(AsOfRegressed, match=r"2023-11-14T22:13:20\.500Z") as refused:
        ledger.advance("w", NODE, 1_700_000_000_499)
    assert refused.value.facts["floor_ms"] == 1_700_000_000_500
    assert ledger.floor("w", NODE) == 1_700_000_000_500


def test_worlds_and_nodes_are_apart(ledger: WorldLedger) -> None:
    ledger.advance("w", NODE, 2_000)
    assert ledger.advance("other", NODE, 1_000) == 0
    assert ledger.advance("w", "ohlcv:binance:ETH/USDT:1m", 1_000) == 0


@given(moves=st.lists(st.tuples(st.sampled_from("vw"), st.integers(1, 9)), max_size=12))
def test_the_floor_is_the_newest_accepted(
    tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[str, int]]
) -> None:
    file = SqliteFile(tmp_path_factory.mktemp("ledger") / "hot.db")
    ledger, floors = SqliteWorldLedger(file), {"v": 0, "w": 0}
    for world, as_of_ms in moves:
        if as_of_ms < floors[world]:
            with pytest.raises(AsOfRegressed):
                ledger.advance(world, NODE, as_of_ms)
        else:
            assert ledger.advance(world, NODE, as_of_ms) == floors[world]
            floors[world] = as_of_ms
        assert ledger.floor(world, NODE) == floors[world]
    file.close()
