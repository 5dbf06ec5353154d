"""The seal of a notebook: which cell read which sealed bars, and made which results of them, when it last ran."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from seamless_lab.app.json_facts import JsonFacts, WrongValue
from seamless_lab.app.notebooks.journal import SealedCell
from seamless_lab.app.reads import Cell, ReadRecord
from seamless_lab.app.record_json import read_from, read_json, result_from, result_json
from seamless_lab.app.result_records import ResultRecord
from seamless_lab.app.results import Json
from seamless_lab.core.digest import canonical_json
from seamless_lab.errors import DataError

FORMAT = "seamless.seal/1"
MIME = "application/vnd.seamless.seal.v1+json"
"""How a cell's output carries the seal: the one place of a notebook that a kernel writes without racing the editor."""


WATCH = "Put %load_ext seamless_lab into the first cell, restart, and run all cells."


class SealDamaged(DataError):
    """A seal that was changed after it was written."""

    code = "E-SEAL"


@dataclass(frozen=True, slots=True, eq=False)
class Seal:
    """The cells that read sealed bars or made results, in the order in which they ran, and the software's versions.

    `ran`: digests of the sources of all cells that had run, None where nobody wrote that down. `unheard`: reads that
    were made while nobody watched the cells.
    """

    cells: tuple[SealedCell, ...]
    software: Mapping[str, str] = field(default_factory=dict)
    ran: tuple[str, ...] | None = None
    unheard: tuple[ReadRecord, ...] = ()

    @property
    def reads(self) -> tuple[ReadRecord, ...]:
        """All reads, cell by cell."""
        return tuple(read for cell in self.cells for read in cell.reads)

    @property
    def results(self) -> tuple[ResultRecord, ...]:
        """All results, cell by cell."""
        return tuple(result for cell in self.cells for result in cell.results)

    @property
    def digest(self) -> str:
        """Of all that the seal says."""
        return hashlib.sha256(canonical_json(self._body())).hexdigest()

    @property
    def missed(self) -> str:
        """What is said of reads that are not in it; empty when there are none."""
        return missed(self.unheard, "seal")

    def to_json(self) -> Json:
        """The seal as JSON values, with its digest."""
        return {**self._body(), "digest": self.digest}

    def _body(self) -> Json:
        return {
            "format": FORMAT,
            "cells": [
                {
                    "id": each.cell.id or None,
                    "execution_count": each.cell.execution_count,
                    "source": each.source or None,
                    "reads": [read_json(read) for read in each.reads],
                    "results": [result_json(result) for result in each.results],
                }
                for each in self.cells
            ],
            "software": dict(self.software),
            **({} if self.ran is None else {"ran": list(self.ran)}),
            **({"unheard": [read_json(read) for read in self.unheard]} if self.unheard else {}),
        }


def missed(unheard: Sequence[ReadRecord], what: str) -> str:
    """What is said of reads that nobody heard of, and what to do; empty when there are none."""
    if not unheard:
        return ""
    more = f" and {len(unheard) - 1} more" if len(unheard) > 1 else ""
    return f"Not in this {what}: {unheard[0].written}{more}, read while the extension was not loaded. {WATCH}"


def seal_from(found: object, where: str) -> Seal:
    """The seal in a JSON value.

    Raises
    ------
    SealDamaged
        If it is none, or not the one that was written.
    """
    try:
        facts = JsonFacts.of(found, "the seal").only("format", "cells", "software", "ran", "unheard", "digest")
        if facts.text("format") != FORMAT:
            raise WrongValue(f"its format is {facts.text('format')!r}, and this program reads {FORMAT}")
        seal = Seal(
            tuple(_cell(each) for each in facts.objects("cells")),
            facts.texts("software"),
            facts.digests("ran") if "ran" in facts.values else None,
            tuple(read_from(each) for each in facts.objects("unheard")) if "unheard" in facts.values else (),
        )
        if seal.digest != facts.digest("digest"):
            raise WrongValue("its digest is not that of what it says")
    except ValueError as error:  # also for what no canonical JSON can say, such as NaN
        raise SealDamaged(
            f"The seal in {where} was changed after it was written: {error}.",
            hint="Run the notebook again, and its cell with %seamless seal.",
            where=where,
        ) from error
    return seal


def _cell(facts: JsonFacts) -> SealedCell:
    return SealedCell(
        Cell(facts.text_or_none("id"), facts.whole_or_none("execution_count")),
        facts.text_or_none("source"),
        tuple(read_from(each) for each in facts.objects("reads")),
        tuple(result_from(each) for each in facts.objects("results")),
    )
