"""The seal of a notebook: which cell read which sealed bars, and made which results of them, when it last ran."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
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


class SealDamaged(DataError):
    """A seal that was changed after it was written."""

    code = "E-SEAL"


@dataclass(frozen=True, slots=True, eq=False)
class Seal:
    """The cells that read sealed bars or made results, in the order in which they ran, and the software's versions."""

    cells: tuple[SealedCell, ...]
    software: Mapping[str, str] = field(default_factory=dict)

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
        }


def seal_from(found: object, where: str) -> Seal:
    """The seal in a JSON value.

    Raises
    ------
    SealDamaged
        If it is none, or not the one that was written.
    """
    try:
        facts = JsonFacts.of(found, "the seal").only("format", "cells", "software", "digest")
        if facts.text("format") != FORMAT:
            raise WrongValue(f"its format is {facts.text('format')!r}, and this program reads {FORMAT}")
        seal = Seal(tuple(_cell(each) for each in facts.objects("cells")), facts.texts("software"))
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
