"""What a receipt shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seamless_lab.app.notebooks.show import DIGITS, ends, names, short_ref, table
from seamless_lab.app.render.view import Badge, Block, Column, Fact, Facts, Note, Tone, View, plural

if TYPE_CHECKING:  # results import this module to show themselves; here they are names only
    from seamless_lab.app.receipts.receipt import Receipt
    from seamless_lab.app.result_records import ResultRecord

_INPUTS = (
    Column("input", code=True),
    Column("version", code=True),
    Column("from"),
    Column("to"),
    Column("bars", right=True),
    Column("content", code=True),
)
_RESULTS = (Column("result"), Column("of", wrap=True), Column("digest", code=True), Column("can be made again"))


def receipt(found: Receipt) -> View:
    """Inputs, results, code and software."""
    inputs = [
        (
            short_ref(each.read.written) if "@sha256:" not in each.read.written else str(each.read.node),
            f"sha256:{each.read.fingerprint[:DIGITS]}" if not each.read.pin else short_ref(each.read.ref),
            *ends(each.read.window),
            f"{each.read.rows:,}",
            each.read.content[:DIGITS],
        )
        for each in found.inputs
    ]
    blocks: list[Block] = [table(_INPUTS, inputs)] if inputs else [Note("No sealed bars were read.", Tone.WARN)]
    if found.results:
        written = found.notebook is not None
        rows = [(each.kind, names(each), each.digest[:DIGITS], again(each, written=written)) for each in found.results]
        blocks.append(table(_RESULTS, rows))
    blocks += [Note(note, Tone.WARN) for note in found.notes]
    code = "" if found.notebook is None else f"sha256:{found.notebook.digest} of {plural(found.notebook.cells, 'cell')}"
    software = ", ".join(f"{name} {version}" for name, version in found.software.items())
    blocks.append(
        Facts(
            (
                Fact("code", code, code=True),
                Fact("software", software, volatile=True),
                Fact("receipt", f"sha256:{found.digest}", volatile=True, code=True),
            )
        )
    )
    badge = Badge(f"{plural(len(found.inputs), 'input')}, {plural(len(found.results), 'result')}")
    return View("receipt", badge, "", tuple(blocks))


def again(result: ResultRecord, *, written: bool) -> str:
    """How a result can be made again; `written`: whether the receipt says of which notebook's code it is."""
    if result.repeatable:
        return "from this receipt"
    return "with its notebook" if written else "no: its inputs can be checked"
