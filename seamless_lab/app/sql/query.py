"""A sealed query from its text to its result."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from seamless_lab.app.door import Door
from seamless_lab.app.result_records import ResultInput, ResultRecord
from seamless_lab.app.software import versions
from seamless_lab.app.sql.connection import Limits, closed_off, furnish
from seamless_lab.app.sql.digest import table_digest
from seamless_lab.app.sql.moments import require_spelled
from seamless_lab.app.sql.ordering import peeking, settled
from seamless_lab.app.sql.relations import Asked, PinsLike, Relation, asked_for, read
from seamless_lab.app.sql.result import SqlResult, inputs_of
from seamless_lab.app.sql.running import Running
from seamless_lab.app.sql.statement import Statement, checked
from seamless_lab.app.wiring import Wiring
from seamless_lab.core.grid import MONDAY_S, WEEK
from seamless_lab.core.numbers import seen
from seamless_lab.core.time import TimeLike
from seamless_lab.errors import InvalidSql, SqlRefused

ENGINE = ("duckdb", "seamless_lab")


@dataclass(frozen=True, slots=True)
class Query:
    """A query as it was asked: its text, what its names stand for, the window of all of them, and what it may use."""

    text: str
    pins: PinsLike | None = None
    start: TimeLike | None = None
    end: TimeLike | None = None
    limits: Limits = field(default_factory=Limits)
    volatile: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise InvalidSql(
                f"The query is {seen(self.text)}; it is text.", hint='For example "SELECT ts, close FROM btc".'
            )


def run(wiring: Wiring, door: Door, query: Query) -> SqlResult:
    """The result. The statement is checked before anything is read, and only what it names is read.

    Raises
    ------
    SqlRefused, InvalidSql, SqlLimit
        For the query.
    SeamlessError
        For references, as `resolve_sealed` and `read_target`.
    """
    began = time.perf_counter()
    asked = {each.name: each for each in asked_for(wiring, query.pins)}
    connection = closed_off(query.limits)
    running: Running | None = None
    try:
        statement = checked(connection, query.text, {name: not each.many for name, each in asked.items()})
        if statement.volatile and not query.volatile:
            raise _volatile(statement.volatile)
        relations = read(wiring, door, [asked[name] for name in statement.relations], (query.start, query.end))
        _require_coarser(statement, relations)
        furnish(connection, relations, statement.macros)
        peek = peeking(query.text, statement.order)
        running = Running(connection, peek.text, query.text, query.limits)
        frame = running.result()
    finally:
        if running is None or running.idle:
            connection.close()  # else it belongs to a thread that was left behind, and goes with it
    frame, doubt = settled(frame, statement.order, peek)
    require_spelled(frame)
    flags, warnings = _marks(query, statement, asked, doubt)
    result = SqlResult(
        query=query.text,
        frame=frame,
        digest=table_digest(frame),
        inputs=inputs_of(relations),
        engine=_engine(),
        flags=flags,
        warnings=warnings,
        elapsed_ms=(time.perf_counter() - began) * 1_000,
    )
    wiring.results.add(_record(result, query, relations))
    return result


@cache
def _engine() -> Mapping[str, str]:
    found = versions()  # reads files for milliseconds
    return {name: found[name] for name in ENGINE if name in found}


def _record(result: SqlResult, query: Query, relations: tuple[Relation, ...]) -> ResultRecord:
    """The result as a receipt needs it; what could come out in other digits says so."""
    return ResultRecord(
        kind="sql",
        digest=result.digest,
        inputs=tuple(ResultInput(each.name, each.ref, each.window, each.content) for each in result.inputs),
        recipe={
            "query": query.text,
            "threads": query.limits.threads,
            "universes": [relation.name for relation in relations if relation.many],
            "volatile": query.volatile,
            **query.limits.given,
        },
        repeatable=not {"threads", "volatile"} & set(result.flags),
    )


def _require_coarser(statement: Statement, relations: tuple[Relation, ...]) -> None:
    """Refuse to resample bars into steps that do not consist of them."""
    found = {relation.name: relation for relation in relations}
    for name, step_s in statement.resampled:
        for _, sealed in found[name].members:
            node, grid = sealed.target.node, sealed.target.version.header.grid
            anchor_s = MONDAY_S if step_s == WEEK else 0
            if step_s % grid.step_s or (grid.anchor_s - anchor_s) % grid.step_s:
                raise SqlRefused(
                    f"resample: bars of {node} make no steps of {step_s:,} seconds.",
                    hint=f"Take a multiple of {node.timeframe}, or pin finer bars.",
                    node=str(node),
                    step_s=step_s,
                )


def _volatile(what: tuple[str, ...]) -> SqlRefused:
    listed = ", ".join(what[:3]) + (", …" if len(what) > 3 else "")
    return SqlRefused(
        f"The answer would change by itself: {listed}.",
        hint="Write the moment or the value, such as TIMESTAMPTZ '2024-03-01'; or ask for it with --volatile "
        "(volatile=True), and the result is marked.",
        volatile=listed,
    )


def _marks(
    query: Query, statement: Statement, asked: Mapping[str, Asked], doubt: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What stands between the result and the same digits again, as flags and as sentences."""
    marks: dict[str, str] = {}
    if doubt:
        marks["unordered"] = f"The rows could stand in another order: {doubt}. Add an ORDER BY without ties."
    if query.limits.threads > 1:
        marks["threads"] = (
            f"Not reproducible digits: {query.limits.threads} threads add floats in an order of their own, one not."
        )
    if statement.volatile:
        marks["volatile"] = f"The answer changes by itself: {', '.join(statement.volatile)}."
    unused = [] if query.pins is None else [name for name in asked if name not in statement.relations]
    notes = [f"The query does not read {', '.join(unused)}."] if unused else []
    many = [name for name in statement.relations if asked[name].many]
    if many and statement.mixing:
        notes.append(
            f"Without per := symbol, {' and '.join(statement.mixing)} takes all rows as one series, and "
            f"{' and '.join(many)} has those of several symbols."
        )
    return tuple(marks), (*marks.values(), *notes)
