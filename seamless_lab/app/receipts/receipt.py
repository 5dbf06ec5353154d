"""Receipts: what results depended on, as a value with a digest of its own that holds on any machine."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from seamless_lab.app.json_facts import JsonFacts, WrongValue
from seamless_lab.app.notebooks.file import NotebookFile
from seamless_lab.app.reads import NO_CELL, ReadRecord
from seamless_lab.app.receipts import show
from seamless_lab.app.record_json import read_from, read_json, result_from, result_json
from seamless_lab.app.render.view import View, plural
from seamless_lab.app.result_records import ResultRecord
from seamless_lab.app.results import Json, Rendered
from seamless_lab.core.digest import canonical_json
from seamless_lab.core.numbers import seen
from seamless_lab.core.policy import Domain
from seamless_lab.core.time import TimeRange
from seamless_lab.errors import DataError, RequestError

T = TypeVar("T")

FORMAT = "seamless.receipt/1"
LAST = "run all cells, with %seamless receipt as the last one"


class ReceiptDamaged(DataError):
    """A receipt that was changed after it was written."""

    code = "E-RECEIPT"


@dataclass(frozen=True, slots=True)
class Input:
    """Sealed bars that something was made of.

    The read is of no cell and of one domain: what a result depends on does not depend on where in a notebook it was
    read, and for what.
    """

    read: ReadRecord

    @property
    def store(self) -> str:
        """Where they were read; see `ReadRecord`."""
        return self.read.store

    @property
    def bars(self) -> tuple[str, TimeRange, str]:
        """Which bars they are, however they were asked for."""
        return str(self.read.node), self.read.window, self.read.content

    def to_dict(self) -> Json:
        """Plain JSON values."""
        facts = {name: value for name, value in read_json(self.read).items() if name != "domain"}
        return {**facts, "store": self.store}


@dataclass(frozen=True, slots=True)
class Sources:
    """The code of a notebook: the digest of the sources of its code cells, and how many there are.

    `unrun`: how many of them had not run when its kernel made the receipt, which is silent on what they read.
    """

    digest: str
    cells: int
    unrun: int = 0

    def to_dict(self) -> Json:
        """Plain JSON values."""
        return {"sources": self.digest, "cells": self.cells, **({"unrun": self.unrun} if self.unrun else {})}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Receipt(Rendered):
    """What results depended on.

    `unheard`: what was read while nobody watched the cells; which results depend on it is not known.
    `notebook_path` says where the notebook is, and `notes` what should be known of how the receipt was made; neither
    is part of the digest.
    """

    inputs: tuple[Input, ...]
    results: tuple[ResultRecord, ...]
    software: Mapping[str, str]
    notebook: Sources | None = None
    notebook_path: Path | None = None
    notes: tuple[str, ...] = ()
    unheard: tuple[Input, ...] = ()

    @property
    def digest(self) -> str:
        """Of all that it says: neither a clock nor a host nor a path is in it."""
        return hashlib.sha256(canonical_json(self._body())).hexdigest()

    def to_dict(self) -> Json:
        """The receipt as JSON values; the notebook's path as from the working directory."""
        return self.to_json(Path.cwd())

    def to_json(self, folder: Path) -> Json:
        """The receipt as JSON values, to be kept in a folder."""
        where = None if self.notebook_path is None else Path(os.path.relpath(self.notebook_path, folder)).as_posix()
        return {**self._body(), "digest": self.digest, "notebook_path": where}

    def view(self) -> View:
        """What is shown, as a value."""
        return show.receipt(self)

    def _body(self) -> Json:
        return {
            "format": FORMAT,
            "inputs": [each.to_dict() for each in self.inputs],
            "results": [result_json(each) for each in self.results],
            "notebook": None if self.notebook is None else self.notebook.to_dict(),
            "software": dict(self.software),
            **({"unheard": [each.to_dict() for each in self.unheard]} if self.unheard else {}),
        }


def receipt_of(
    reads: Iterable[ReadRecord],
    results: Iterable[ResultRecord],
    software: Mapping[str, str],
    notebook: NotebookFile | None = None,
) -> Receipt:
    """A receipt; each input and each result once, sorted, whatever the order in which they came."""
    found = list(reads)
    live = sum(read.domain is Domain.LIVE for read in found)
    made = {canonical_json(result_json(each)): replace(each, cell=NO_CELL) for each in results}
    return Receipt(
        inputs_of(found),
        tuple(made[key] for key in sorted(made)),
        software,
        None if notebook is None else Sources(notebook.digest, len(notebook.cells)),
        None if notebook is None else notebook.path,
        (f"{plural(live, 'read')} in the live domain: what was not sealed then cannot be reproduced.",) if live else (),
    )


def inputs_of(reads: Iterable[ReadRecord]) -> tuple[Input, ...]:
    """Reads as inputs, each once, sorted."""
    inputs = {Input(replace(read, cell=NO_CELL, domain=Domain.RESEARCH)) for read in reads}
    return tuple(sorted(inputs, key=_by_series))


def _by_series(found: Input) -> tuple[str, TimeRange, bytes]:
    return (str(found.read.node), found.read.window, canonical_json(found.to_dict()))


def about(receipt: Receipt, results: Sequence[object]) -> Receipt:
    """The receipt of some results only, with what they depend on.

    Raises
    ------
    RequestError
        For a value that is not in it: that this lab did not make, or not of sealed bars; of a notebook, that its seal
        does not have.
    """
    digests = {_digest_of(result) for result in results}
    own = {read for result in results for read in _reads_of(result)}
    versions_read = {(ref, content) for _, ref, content in own}
    made = _own(
        [each for each in receipt.results if each.digest in digests],
        lambda each: each.digest,
        lambda each: {(one.ref, one.content) for one in each.inputs} <= versions_read,
    )
    used = {(one.ref.rpartition("@")[0], one.window, one.content) for each in made for one in each.inputs}
    inputs = _own(
        [each for each in receipt.inputs if each.read.content in digests or each.bars in used],
        lambda each: each.bars,
        lambda each: (each.read.written, each.read.ref, each.read.content) in own,
    )
    known = {each.digest for each in made} | {each.read.content for each in inputs}
    if strangers := [result for result in results if _digest_of(result) not in known]:
        said, path = f"has no record of such a result: {seen(strangers[0])}.", receipt.notebook_path
        if path is None:
            raise RequestError(f"This lab {said}", hint="Give what its fetch, sql or backtest returned of sealed bars.")
        hint = "Run all cells of the notebook, with %seamless seal as the last one, and save it."
        raise RequestError(f"The seal of {path} {said}", hint=hint, path=str(path))
    return replace(receipt, inputs=inputs, results=made)


def _own(found: Sequence[T], alike: Callable[[T], object], is_own: Callable[[T], bool]) -> tuple[T, ...]:
    """Of those that are alike the results' own; all where there are none: a notebook may have read it otherwise."""
    told = {alike(each) for each in found if is_own(each)}
    return tuple(each for each in found if is_own(each) or alike(each) not in told)


def read_receipt(path: Path) -> Receipt:
    """The receipt in a file.

    Raises
    ------
    RequestError
        If there is no such file, or it is no receipt.
    ReceiptDamaged
        If it was changed after it was written.
    """
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise RequestError(f"There is no receipt {path}.", hint="Check its name.", path=str(path)) from error
    except OSError as error:
        raise RequestError(
            f"{path} cannot be read: {error.strerror or error}.", hint="Name a receipt's file.", path=str(path)
        ) from error
    except (ValueError, RecursionError) as error:
        raise _no_receipt(path) from error
    if not isinstance(found, dict) or not str(found.get("format", "")).startswith("seamless.receipt/"):
        raise _no_receipt(path)
    return receipt_from(found, path)


def receipt_from(found: object, path: Path) -> Receipt:
    """The receipt in a JSON value that stands in a file. Raises `ReceiptDamaged`."""
    try:
        facts = JsonFacts.of(found, "the receipt")
        receipt = _from(facts, path.parent)
        if receipt.digest != facts.digest("digest"):
            raise WrongValue("its digest is not that of what it says")
    except ValueError as error:  # also for what no canonical JSON can say, such as NaN
        raise ReceiptDamaged(
            f"{path} was changed after it was written: {str(error).removesuffix('.')}.",
            hint="Get it again from whoever wrote it. Nothing of it was verified.",
            path=str(path),
        ) from error
    return receipt


def _from(facts: JsonFacts, folder: Path) -> Receipt:
    facts.only("format", "inputs", "results", "notebook", "software", "unheard", "digest", "notebook_path")
    if facts.text("format") != FORMAT:
        raise WrongValue(f"its format is {facts.text('format')!r}, and this program reads {FORMAT}")
    notebook = None
    if facts.values.get("notebook") is not None:
        told = facts.inner("notebook").only("sources", "cells", "unrun")
        unrun = told.whole("unrun") if "unrun" in told.values else 0
        notebook = Sources(told.digest("sources"), told.whole("cells"), unrun)
    elif "notebook" not in facts.values:
        raise WrongValue("the receipt has no notebook")
    software, where = facts.texts("software"), facts.text_or_none("notebook_path")
    if lines := [text for text in (*software, *software.values()) if text.split() != [text]]:
        raise WrongValue(f"software has {lines[0]!r:.60}, and names and versions are words")
    return Receipt(
        tuple(_input(each) for each in facts.objects("inputs")),
        tuple(result_from(each) for each in facts.objects("results")),
        software,
        notebook,
        folder / where if where else None,
        unheard=tuple(_input(each) for each in facts.objects("unheard")) if "unheard" in facts.values else (),
    )


def _input(facts: JsonFacts) -> Input:
    facts.text("store")  # the record of a read may leave it out, a receipt never
    if "domain" in facts.values:
        raise WrongValue(f"{facts.where} has the unknown 'domain'")
    return Input(read_from(JsonFacts({**facts.values, "domain": str(Domain.RESEARCH)}, facts.where)))


def _digest_of(result: object) -> str:
    """What a result is known by: its digest, or the content of what was fetched; empty of a stranger."""
    told = (getattr(result, name, None) for name in ("digest", "content"))
    return next((text for text in told if isinstance(text, str)), "")


def _reads_of(result: object) -> Iterator[tuple[str, str, str]]:
    """What a result was read by: the reference as it was written, the version it came to, and the content."""
    inputs = getattr(result, "inputs", None)
    for one in inputs if isinstance(inputs, tuple) else (result,):
        match [getattr(one, name, None) for name in ("written", "ref", "content")]:
            case [str() as written, str() as ref, str() as content]:
                yield written, ref, content


def _no_receipt(path: Path) -> RequestError:
    return RequestError(
        f"{path} is no receipt.", hint="A receipt is what seamless receipt NOTEBOOK --out FILE.json writes."
    )
