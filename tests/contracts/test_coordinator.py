"""What every coordinator must do."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.adapters.coordinator_sqlite import SqliteCoordinator
from seamless_lab.adapters.sqlite_file import SqliteFile
from seamless_lab.engine.ports import Claimed, Coordinator, HeldElsewhere, LeaseKey
from seamless_lab.errors import LeaseLost

KEY = LeaseKey("ohlcv:binance:BTC/USDT:1m", 60, 1_704_067_200)
OTHER = LeaseKey(KEY.node, 60, KEY.start + 54_000)


@dataclass
class Arena:
    """A coordinator, and a way to let a part of a lease's life pass."""

    coordinator: Coordinator
    let_pass: Callable[[float], None]


@pytest.fixture(params=["sqlite"])
def arena(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Arena]:
    assert request.param == "sqlite"
    clock, file = ManualClock(), SqliteFile(tmp_path / "hot.db")
    yield Arena(SqliteCoordinator(file, clock, ttl_ms=10_000), lambda part: clock.advance(10 * part))
    file.close()


async def claimed(arena: Arena, owner: str, key: LeaseKey = KEY) -> Claimed:
    got = await arena.coordinator.claim(key, owner)
    assert isinstance(got, Claimed)
    return got


async def test_a_free_block_is_claimed(arena: Arena) -> None:
    got = await claimed(arena, "a")
    assert (got.key, got.owner) == (KEY, "a")
    assert got.token >= 1


async def test_a_claim_held_elsewhere_is_not_an_outage(arena: Arena) -> None:
    mine = await claimed(arena, "a")
    assert await arena.coordinator.claim(KEY, "b") == HeldElsewhere(KEY, "a", mine.expires_at_ms)


async def test_other_blocks_are_other_leases(arena: Arena) -> None:
    mine, theirs = await claimed(arena, "a"), await claimed(arena, "b", OTHER)
    assert await arena.coordinator.renew(mine)
    assert await arena.coordinator.renew(theirs)


async def test_claiming_again_keeps_the_token_and_extends(arena: Arena) -> None:
    mine = await claimed(arena, "a")
    arena.let_pass(0.5)
    again = await claimed(arena, "a")
    assert again.token == mine.token
    assert again.expires_at_ms > mine.expires_at_ms


async def test_a_renewed_lease_outlives_its_first_term(arena: Arena) -> None:
    mine = await claimed(arena, "a")
    for _ in range(4):
        arena.let_pass(0.6)
        mine = await arena.coordinator.renew(mine)
        assert isinstance(await arena.coordinator.claim(KEY, "b"), HeldElsewhere)


async def test_an_expired_lease_is_taken_over_with_a_greater_token(arena: Arena) -> None:
    old = await claimed(arena, "a")
    arena.let_pass(1.01)
    new = await claimed(arena, "b")
    assert new.token > old.token
    with pytest.raises(LeaseLost):
        await arena.coordinator.renew(old)
    await arena.coordinator.complete(old)
    await arena.coordinator.fail(old, "late")
    assert await arena.coordinator.renew(new), "giving back a lost lease does nothing"


async def test_an_expired_lease_cannot_be_renewed(arena: Arena) -> None:
    old = await claimed(arena, "a")
    arena.let_pass(1.01)
    with pytest.raises(LeaseLost):
        await arena.coordinator.renew(old)


@pytest.mark.parametrize("how", ["complete", "fail"])
async def test_a_lease_given_back_is_free_at_once(arena: Arena, how: str) -> None:
    old = await claimed(arena, "a")
    for _ in range(2):
        await (arena.coordinator.complete(old) if how == "complete" else arena.coordinator.fail(old, "reset"))
    new = await claimed(arena, "b")
    assert new.token > old.token
    with pytest.raises(LeaseLost):
        await arena.coordinator.renew(old)


async def test_one_of_many_concurrent_claims_wins(arena: Arena) -> None:
    got = await asyncio.gather(*(arena.coordinator.claim(KEY, f"owner-{number}") for number in range(20)))
    winners = [one for one in got if isinstance(one, Claimed)]
    assert len(winners) == 1
    assert {one.owner for one in got} == {winners[0].owner}


async def test_tokens_grow_over_all_holders(arena: Arena) -> None:
    tokens = []
    for number in range(5):
        held = await claimed(arena, f"owner-{number}")
        tokens.append(held.token)
        await arena.coordinator.complete(held)
    assert tokens == sorted(set(tokens))
