"""The command that queries pinned bars."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from seamless_lab.app.command import Call, Command, Kind, Parameter
from seamless_lab.app.commands.parameters import END, START, TABLES, existing
from seamless_lab.errors import RequestError

if TYPE_CHECKING:
    from seamless_lab.app.results import Result


def sql(  # noqa: PLR0913  # one argument for each option
    call: Call,
    *,
    query: str | None,
    file: str | None,
    pin: tuple[str, ...],
    start: str | None,
    end: str | None,
    threads: int | None,
    timeout: int | None,
    memory: str | None,
    volatile: bool,
    out: str | None,
    force: bool,
) -> Result:
    """Query, and write the rows to a file where asked to."""
    from seamless_lab.app.export import file_writer
    from seamless_lab.app.sql.connection import MEMORY, TIMEOUT_S
    from seamless_lab.app.sql.files import csv_bytes, parquet_bytes

    text, pins = _text(query, file), _pins(pin)
    forms = {".parquet": parquet_bytes, ".csv": csv_bytes}
    write = None if out is None else file_writer(out, forms, force=force, noun="rows")
    refs = [each.partition("=")[2] for each in pin] or ["pin:*"]  # without any, those of the lockfile
    result = existing(call, *refs).sql(
        text,
        pins,
        start=start,
        end=end,
        threads=1 if threads is None else threads,
        timeout_s=TIMEOUT_S if timeout is None else timeout,
        memory_limit=MEMORY if memory is None else memory,
        volatile=volatile,
    )
    if write is not None:
        write(result)
    return result


def _text(query: str | None, file: str | None) -> str:
    if query is not None and file is not None:
        raise RequestError("The query is given twice: in the line, and by --file.", hint="Keep one of the two.")
    if file is None:
        if query is None:
            raise RequestError("There is no query.", hint='Write it: seamless sql "SELECT …", or name a --file.')
        return query
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise RequestError(f"--file {file} cannot be read: {said}.", hint="Check the path.", path=file) from error


def _pins(written: tuple[str, ...]) -> dict[str, str | list[str]] | None:
    """`NAME=REF` as a mapping; a name that is there more than once is a universe."""
    found: dict[str, list[str]] = {}
    for each in written:
        name, equals, ref = each.partition("=")
        if not (name and equals and ref):
            name, ref = ("btc", name) if ":" in name else (name or "btc", ref)
            meant = f"{name}={ref or f'pin:{name}'}"
            raise RequestError(f"--pin {each!r} has no NAME=REF.", hint=f"Write --pin {meant}", value=each)
        found.setdefault(name, []).append(ref)
    return {name: refs[0] if len(refs) == 1 else refs for name, refs in found.items()} or None


SQL = Command(
    "sql",
    "Query pinned bars: one SELECT that can reach nothing else.",
    "Without --pin, the query sees all pins of the lockfile by their names. Columns are ts (epoch seconds), time, "
    "open, high, low, close and volume; a universe of several pins has symbol too. Digits are the same every time; "
    "what could change them is flagged. docs/sql.md has the macros and what is refused.",
    (
        Parameter("query", "The SELECT, as one word in quotes.", positional=True, metavar="QUERY"),
        Parameter("file", "Read the query from a file.", Kind.FILE, endings=(".sql",)),
        Parameter(
            "pin", "What a name in the query stands for: a pin, NODE@SELECTOR, or pin:GLOB* for a universe. Repeat it "
            "for more names, or with one name for a universe.", Kind.NAMED_REF, repeated=True, metavar="NAME=REF",
        ),
        START,
        END,
        Parameter("threads", "More than 1 may change the last digits.", Kind.COUNT, metavar="N"),
        Parameter("timeout", "Give up after this long: 90s, 5m.", Kind.DURATION),
        Parameter("memory", "What the query may take besides the bars, such as 4GB.", metavar="SIZE"),
        Parameter("volatile", "Allow functions of the clock and of chance; the result is marked.", Kind.FLAG),
        Parameter("out", "Write the rows to FILE.parquet or FILE.csv.", Kind.FILE, short="o", endings=TABLES),
        Parameter("force", "Let --out replace a file with other content.", Kind.FLAG),
    ),
    (
        'sql "SELECT * FROM btc ORDER BY ts"',
        "sql \"FROM resample(btc, '1d') ORDER BY ts\" --pin btc=pin:btc --out days.parquet",
        "sql --file study.sql --pin 'market=pin:*'",
    ),
    sql,
)  # fmt: skip
