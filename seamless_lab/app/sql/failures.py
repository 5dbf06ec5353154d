"""What the engine says about a query, in one sentence with the place in the query."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from seamless_lab.app.sql.macros import SIGNATURES
from seamless_lab.errors import Fact, InvalidSql, SeamlessError, SqlLimit

_ADVICE = re.compile(r"\n|Database is launched in in-memory mode|Possible solutions|, or SET |Alternatively|Please try")
_LABEL = re.compile(r"^[A-Z][A-Za-z ]+ Error: ")
_HINTS = tuple(
    (re.compile(pattern), hint)
    for pattern, hint in (
        *((rf'^Macro "?{name}"?\(\)', f"Write {form}.") for name, form in SIGNATURES.items()),
        ('column "symbol" not found', "Only a universe has symbol: --pin NAME=pin:*, or pins={'name': [ref, ref]}."),
        ("must appear in the GROUP BY", "Add it to GROUP BY, or aggregate it."),
        ("^Deprecated lambda arrow", "Write lambda x: x + 1."),
        ("^No function matches|^Could not choose", "Cast an argument, such as x::DOUBLE."),
        ("^Referenced table", "Write its name, or its alias where it has one."),
        ("^Ambiguous reference to table", "Give each its own name: FROM btc AS a, btc AS b."),
        ("^Ambiguous", "Say of which table: a.ts."),
        ("^Division by zero", "Divide by nullif(x, 0) to get NULL instead."),
        ("^Overflow|out of range for", "Compute in DOUBLE or HUGEINT: x::DOUBLE."),
    )
)
_NAME = re.compile(r"[A-Za-z_]\w*")
_MOST_NEAR = 3
_FILE = re.compile(r"Cannot access (file|directory)|file system operations are disabled|disabled by configuration")


@dataclass(frozen=True, slots=True)
class Place:
    """A line and a column of a query, from 1; zeros when unknown."""

    line: int
    column: int

    @classmethod
    def of(cls, query: str, offset: object, shift: int = 0) -> Place:
        """The place at an offset in bytes, which is how the engine counts."""
        if not isinstance(offset, int) or offset - shift < 0:
            return cls(0, 0)
        before = query.encode()[: offset - shift].decode(errors="ignore")
        return cls(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)

    @property
    def known(self) -> bool:
        """Whether there is a place."""
        return self.line > 0

    def facts(self) -> dict[str, Fact]:
        """The place as facts of an error."""
        return {"line": self.line, "column": self.column} if self.known else {}

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


def failure(error: Exception, query: str, *, shift: int = 0, memory_limit: str = "") -> SeamlessError:
    """One of our errors for one of the engine's.

    Parameters
    ----------
    shift
        Bytes that stood before the query when it failed.
    """
    kind, said, place, near = _told(str(error), query, shift)
    if kind == "Out of Memory":
        return SqlLimit(
            f"The query needs more memory than it was given{f', {memory_limit}' if memory_limit else ''}.",
            hint="Select fewer rows or columns, aggregate earlier, or raise memory_limit.",
            memory_limit=memory_limit,
        )
    if "expression depth" in said:
        return too_deep()  # the engine advises a SET, which no sealed query has
    if kind == "INTERNAL":
        hint = "Write it in another way, such as with the columns of GROUP BY named instead of ALL."
        return InvalidSql(f"The engine fails at this query, by a defect of its own: {said.rstrip('.')}.", hint=hint)
    sentence = said[:1].upper() + said[1:].rstrip(".")
    where = f" ({place})" if place.known else ""
    meant = f"Did you mean {' or '.join(near)}?" if near and '"symbol"' not in said else ""
    hint = meant or _advice(kind, said)
    return InvalidSql(f"{sentence}{where}.", hint=hint, **place.facts())


def too_deep() -> InvalidSql:
    """The error of a query with too much in each other."""
    return InvalidSql("The query is nested too deeply.", hint="Split it with WITH.")


def _told(text: str, query: str, shift: int) -> tuple[str, str, Place, list[str]]:
    """What an error of the engine says: its kind, its first sentence, where, and what is near."""
    body = _LABEL.sub("", text)
    kind = text[: len(text) - len(body)].removesuffix(" Error: ")
    try:
        told, _ = json.JSONDecoder().raw_decode(body)  # behind it may stand advice
    except ValueError:
        told = {"exception_message": body}
    kind = "INTERNAL" if told.get("exception_type") == "INTERNAL" else kind
    message = str(told.get("exception_message", ""))
    first = _ADVICE.split(message)[0].strip().rstrip("!:,;")
    if _FILE.search(message):
        first = "A sealed query reads no files"
    position = str(told.get("position", ""))
    place = Place.of(query, int(position), shift) if position.isdigit() else Place(0, 0)
    near = [each.strip() for each in str(told.get("candidates", "")).split(",")]
    kept = [each for each in near if _NAME.fullmatch(each) and not each.startswith("__")]
    return kind, first.replace("memory.main.", ""), place, kept[:_MOST_NEAR]


def _advice(kind: str, said: str) -> str:
    """One action that helps."""
    for pattern, hint in _HINTS:
        if pattern.search(said):
            return hint
    if kind == "Parser":
        return "Check the query there: a comma, a quote or a keyword."
    return "Cast with TRY_CAST to get NULL instead." if kind == "Conversion" else "See docs/sql.md for examples."
