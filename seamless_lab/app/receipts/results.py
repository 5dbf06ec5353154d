"""The results of a receipt, made again from its inputs and their recipes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seamless_lab.app.backtest import backtest
from seamless_lab.app.backtest.recipes import from_recipe
from seamless_lab.app.door import Door
from seamless_lab.app.home import FOLDER, Home
from seamless_lab.app.json_facts import JsonFacts, WrongValue
from seamless_lab.app.lock.disk import edit
from seamless_lab.app.lock.lockfile import Pin
from seamless_lab.app.notebooks.checking import State
from seamless_lab.app.notebooks.journal import NOT_KEPT
from seamless_lab.app.reads import CURRENT_CELL
from seamless_lab.app.receipts.inputs import FoundInput
from seamless_lab.app.receipts.receipt import Receipt
from seamless_lab.app.receipts.statements import misnamed
from seamless_lab.app.result_records import ResultInput, ResultRecord
from seamless_lab.app.wiring import Wiring
from seamless_lab.core.time import TimeRange
from seamless_lab.errors import DataError, GapsRefused, Interrupted, LookAhead, NotFound, SeamlessError

if TYPE_CHECKING:  # the engine is imported when a query is made again
    from seamless_lab.app.sql.connection import Limits


@dataclass(frozen=True, slots=True, eq=False)
class MadeAgain:
    """One result today. `digest`: of what came of making it again, empty when it was not made."""

    result: ResultRecord
    state: State
    digest: str = ""
    why: str = ""


_CODE = "only its notebook can make it again: verify with --run"
_NOT_REPEATABLE = {"sql": "it changes by itself (volatile functions, or more than one thread): no digest stands for it"}

_REFUTED = (DataError, GapsRefused, LookAhead)
"""What says that the bars or the strategy are not those of the result; all else says that it cannot be made here."""

Key = tuple[str, TimeRange, str]


def make_again(wiring: Wiring, receipt: Receipt, found: Sequence[FoundInput]) -> list[MadeAgain]:
    """Make each result again that can be made from the receipt, of the versions in which its inputs were found.

    They are made in a project of their own, whose lockfile pins the inputs: nothing outside of the receipt gets in.
    """
    with tempfile.TemporaryDirectory(prefix="seamless-receipt-") as folder:
        place = Path(os.path.realpath(folder))
        home = Home(place / FOLDER, place, wiring.home.cache, "a receipt")
        pins = [_pin(place, f"i{number}", each) for number, each in enumerate(found) if each.version is not None]
        edit(home.lockfile, lambda lock: lock.with_pins(pins, {}))
        own = Wiring(home, wiring.settings)
        refs = {(str(pin.node), pin.window, pin.content): pin.ref for pin in pins}
        outside = CURRENT_CELL.set(NOT_KEPT)
        try:
            return [
                MadeAgain(each, State.DIFFERS, why=said)
                if (said := misnamed(each, receipt))
                else _made(own, Door(own), each, refs)
                for each in receipt.results
            ]
        finally:
            CURRENT_CELL.reset(outside)
            own.close_files()


def _pin(place: Path, name: str, found: FoundInput) -> Pin:
    assert found.version is not None  # only those that were found
    assert found.store is not None
    read, commit = found.input.read, found.version.commit
    store = Path(os.path.relpath(os.path.realpath(found.store.url), place)).as_posix()
    return Pin(
        name, read.node, read.window, read.content, commit.fingerprint, commit.seq, commit.as_of_ms, read.rows, store
    )


def _made(wiring: Wiring, door: Door, result: ResultRecord, refs: Mapping[Key, str]) -> MadeAgain:
    if not result.repeatable:
        return MadeAgain(result, State.UNKNOWN, why=_NOT_REPEATABLE.get(result.kind, _CODE))
    if missing := [one.name for one in result.inputs if _key(one) not in refs]:
        return MadeAgain(result, State.UNKNOWN, why=f"its input {missing[0]} is not there")
    named: dict[str, list[str]] = {}
    for one in result.inputs:
        named.setdefault(one.name, []).append(refs[_key(one)])
    try:
        make = {"sql": _sql, "backtest": _backtest}[result.kind]
        digest = make(wiring, door, result, named)
    except (KeyError, WrongValue) as error:
        return MadeAgain(result, State.UNKNOWN, why=f"this version cannot make it: {error}")
    except Interrupted:
        raise
    except SeamlessError as error:  # limits, a busy store, software that is missing: nothing stands against the result
        refuted = isinstance(error, _REFUTED) and not isinstance(error, NotFound)
        return MadeAgain(result, State.DIFFERS if refuted else State.UNKNOWN, why=error.message)
    state = State.SAME if digest == result.digest else State.DIFFERS
    return MadeAgain(result, state, digest)


def _backtest(wiring: Wiring, door: Door, result: ResultRecord, pins: Mapping[str, Sequence[str]]) -> str:
    strategy, trading, start, end = from_recipe(result.recipe)
    return backtest(wiring, door, strategy, {name: refs[0] for name, refs in pins.items()}, start, end, trading).digest


def _sql(wiring: Wiring, door: Door, result: ResultRecord, pins: Mapping[str, Sequence[str]]) -> str:
    from seamless_lab.app.sql.query import Query, run

    recipe = JsonFacts(result.recipe, "its recipe")
    many = recipe.values.get("universes")
    universes = many if isinstance(many, list) else []
    named = {name: list(refs) if name in universes else refs[0] for name, refs in pins.items()}
    query = Query(recipe.text("query"), named, limits=_limits(recipe), volatile=recipe.flag("volatile"))
    return run(wiring, door, query).digest


def _limits(recipe: JsonFacts) -> Limits:
    """What the query was given; on time and memory a recipe says only limits that are not the default ones."""
    from seamless_lab.app.sql.connection import MEMORY, TIMEOUT_S, Limits

    match recipe.values.get("timeout_s", TIMEOUT_S), recipe.values.get("memory_limit", MEMORY):
        case (float() | int() as timeout_s, str() as memory):
            return Limits(recipe.whole("threads"), timeout_s, memory)
    raise WrongValue(f"{recipe.where}: timeout_s is a number, and memory_limit a text")


def _key(one: ResultInput) -> Key:
    return (one.ref.rpartition("@")[0], one.window, one.content)
