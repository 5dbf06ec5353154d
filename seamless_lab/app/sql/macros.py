"""Macros of a sealed query, as SQL: what research writes again and again, decided exactly where digits decide."""

from __future__ import annotations

from collections.abc import Iterable

# A price is the decimal number it was written as, not the float nearest to it. Scaled by 10 to a power that leaves at
# most 15 digits, and rounded once, it is that number again as a whole one, in units of 1e-18. Whole numbers add up to
# the same sum in any order, so that windows and threads leave no trace, and two equal averages are equal. What is no
# finite number is null.
DECIMALS = {1e-3: 18, 1.0: 15, 1e3: 12, 1e6: 9, 1e9: 6, 1e12: 3}
"""How many decimals of a number below some bound are kept, exactly; above all bounds, none."""

_CASES = "\n    ".join(
    f"WHEN abs(x) < {bound!r} THEN TRY_CAST(round(x * 1e{kept}) AS HUGEINT) * {10 ** (18 - kept)}"
    for bound, kept in DECIMALS.items()
)
_EXACT = f"CREATE MACRO __exact(x) AS CASE\n    {_CASES}\n    ELSE TRY_CAST(round(x) AS HUGEINT) * {10**18} END"

_LAST = "OVER (PARTITION BY per ORDER BY ts ROWS BETWEEN {} - 1 PRECEDING AND CURRENT ROW)"
_N, _FAST, _SLOW = _LAST.format("n"), _LAST.format("fast"), _LAST.format("slow")

_SMA = f"""CREATE MACRO sma(x, n, ts, per := NULL) AS
    CASE WHEN count(__exact(x)) {_N} = n THEN CAST(sum(__exact(x)) {_N} AS DOUBLE) / (1e18 * n) END"""

_CROSSOVER = f"""CREATE MACRO crossover(x, fast, slow, ts, per := NULL, short := false) AS CAST(
    CASE WHEN count(__exact(x)) {_SLOW} = slow THEN CASE
        WHEN sum(__exact(x)) {_FAST} * slow > sum(__exact(x)) {_SLOW} * fast THEN 1
        WHEN short AND sum(__exact(x)) {_FAST} * slow < sum(__exact(x)) {_SLOW} * fast THEN -1
        ELSE 0 END END AS TINYINT)"""

_DRAWDOWN = """CREATE MACRO drawdown(x, ts, per := NULL) AS
    x / max(x) OVER (PARTITION BY per ORDER BY ts ROWS UNBOUNDED PRECEDING) - 1"""

_STEP = """CREATE MACRO __step(step) AS CAST(step[:-2] AS BIGINT) * CASE step[-1:]
    WHEN 's' THEN 1 WHEN 'm' THEN 60 WHEN 'h' THEN 3600 WHEN 'd' THEN 86400 WHEN 'w' THEN 604800 END"""

# Weeks begin on Monday (`core.grid.MONDAY_S`).
_RESAMPLE = """CREATE MACRO resample(pin, step) AS TABLE
    SELECT * EXCLUDE (ts, time, open, high, low, close, volume, __slot), __slot AS ts,
        make_timestamptz(__slot * 1000000) AS time, arg_min(open, ts) AS open, max(high) AS high, min(low) AS low,
        arg_max(close, ts) AS close, sum(volume) AS volume, count(*) AS bars
    FROM (SELECT *, ts - (ts - if(step[-1:] = 'w', 345600, 0)) % __step(step) AS __slot FROM query_table(pin))
    GROUP BY ALL"""

_RETURNS = "CREATE MACRO returns(x, ts, per := NULL) AS x / lag(x) OVER (PARTITION BY per ORDER BY ts) - 1"
_LOG_RETURNS = "CREATE MACRO log_returns(x, ts, per := NULL) AS ln(x / lag(x) OVER (PARTITION BY per ORDER BY ts))"

_NEEDED = {
    "crossover": (_EXACT, _CROSSOVER),
    "drawdown": (_DRAWDOWN,),
    "log_returns": (_LOG_RETURNS,),
    "resample": (_STEP, _RESAMPLE),
    "returns": (_RETURNS,),
    "sma": (_EXACT, _SMA),
}
SIGNATURES = {
    "crossover": "crossover(x, fast, slow, ts), with per := symbol in a universe and short := true to sell short",
    "drawdown": "drawdown(x, ts), with per := symbol in a universe",
    "log_returns": "log_returns(x, ts), with per := symbol in a universe",
    "resample": "resample(pin, '1h')",
    "returns": "returns(x, ts), with per := symbol in a universe",
    "sma": "sma(x, n, ts), with per := symbol in a universe",
}
PER_AT = {"crossover": 4, "drawdown": 2, "log_returns": 2, "returns": 2, "sma": 3}
"""How many arguments stand before `per`, which may also be given by its place."""
MACROS = frozenset(_NEEDED)
"""Their names. All but `resample`, a table, are functions of values."""


def creating(names: Iterable[str]) -> tuple[str, ...]:
    """The statements that create macros, in order; each takes the engine milliseconds, so only those that are used."""
    return tuple(dict.fromkeys(statement for name in sorted(names) for statement in _NEEDED[name]))
