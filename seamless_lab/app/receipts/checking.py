"""Verifying a receipt: its inputs read again, its results made again, its notebook compared, and run when asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seamless_lab.app.cached_files import wrong_files
from seamless_lab.app.notebooks.checking import FreshStores, State
from seamless_lab.app.notebooks.file import read_notebook
from seamless_lab.app.notebooks.seal import WATCH
from seamless_lab.app.notebooks.show import DIGITS, ends, short_ref, table
from seamless_lab.app.receipts.inputs import FoundInput, find_inputs
from seamless_lab.app.receipts.receipt import LAST, Receipt, Sources, read_receipt
from seamless_lab.app.receipts.replay import NotebookFailed, replay
from seamless_lab.app.receipts.results import MadeAgain, make_again
from seamless_lab.app.receipts.running import differences, notebook_to_run
from seamless_lab.app.render.view import Badge, Block, Column, Fact, Facts, Note, Tone, View, plural
from seamless_lab.app.results import Json, Rendered
from seamless_lab.app.software import versions
from seamless_lab.app.wiring import Wiring
from seamless_lab.errors import RequestError

_COLUMNS = (Column("checked"), Column("what", code=True), Column("today"))
_TONES = {State.SAME: Tone.GOOD, State.DIFFERS: Tone.BAD, State.UNKNOWN: Tone.WARN}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a receipt says, and whether it holds today.

    `said`: what stands against it, or is worth noting; `details`: of what it is made up.
    """

    what: str
    name: str
    state: State
    said: str = ""
    details: tuple[str, ...] = ()

    def to_dict(self) -> Json:
        """Plain JSON values."""
        return {
            "what": self.what,
            "name": self.name,
            "state": str(self.state),
            "said": self.said or None,
            "details": list(self.details),
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReceiptCheck(Rendered):
    """What verifying a receipt found.

    `notes`: other versions of software, which alone are no difference. `dropped`: digests of cached files that held
    other bars than were sealed, and are gone now: results may have been computed from those.
    """

    name: str
    receipt: Receipt
    findings: Sequence[Finding]
    notes: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def state(self) -> State:
        """That of the whole: what differs outweighs what nobody can say."""
        states = {each.state for each in self.findings}
        return next((state for state in (State.DIFFERS, State.UNKNOWN) if state in states), State.SAME)

    @property
    def exit_code(self) -> int:
        """0 reproduced, 1 something differs, 3 something cannot be verified."""
        return {State.SAME: 0, State.DIFFERS: 1, State.UNKNOWN: 3}[self.state]

    def view(self) -> View:
        """What is shown, as a value."""
        words = {State.SAME: "reproduced", State.DIFFERS: "not reproduced", State.UNKNOWN: "cannot be verified"}
        against = [each for each in self.findings if each.state is not State.SAME]
        blocks: list[Block] = []
        for each in against:
            blocks.append(Note(f"{each.name}: {each.said}", _TONES[each.state]))
            blocks += [Note(detail) for detail in each.details]
        rows = [(each.what, each.name, str(each.state)) for each in self.findings]
        blocks.append(table(_COLUMNS, rows))
        blocks += [Note(f"{each.name}: {each.said}") for each in self.findings if each.said and each not in against]
        if self.dropped:
            blocks.append(Note(wrong_files(self.dropped), Tone.WARN))
        if self.state is not State.SAME:
            blocks += [Note(note) for note in self.notes]
        elif self.notes:
            blocks.append(Note("The same with other software: " + " ".join(self.notes)))
        blocks.append(Facts((Fact("receipt", f"sha256:{self.receipt.digest}", volatile=True, code=True),)))
        counts = f"{plural(len(self.receipt.inputs), 'input')}, {plural(len(self.receipt.results), 'result')}"
        return View(self.name, Badge(words[self.state], _TONES[self.state]), counts, tuple(blocks))

    def to_dict(self) -> Json:
        """Every finding."""
        return {
            "receipt": self.name,
            "digest": self.receipt.digest,
            "state": str(self.state),
            "findings": [each.to_dict() for each in self.findings],
            "notes": list(self.notes),
            "cached_files_removed": list(self.dropped),
        }


def verify_receipt(
    wiring: Wiring, path: Path, notebook: Path | None, *, run: bool, on_run: Callable[[Path], None] | None = None
) -> ReceiptCheck:
    """Read the inputs again, make the results again, and compare the notebook; `run` runs it in a fresh kernel.

    `on_run` gets the notebook before it is run.

    Raises
    ------
    RequestError, ReceiptDamaged
        If there is no receipt, or not the one that was written: nothing of it is verified then.
    RequestError
        For `run` without a notebook, or with one that only the receipt names and that lies elsewhere.
    ConfigError
        For `run` where nbclient is not installed.
    """
    receipt = read_receipt(path)
    place = notebook_to_run(receipt, path, notebook, wiring.home) if run else notebook or receipt.notebook_path
    fresh = FreshStores(wiring)
    inputs = find_inputs(wiring, fresh, receipt.inputs)  # first: what is made again is made from checked files
    made = make_again(wiring, receipt, inputs)
    code = () if receipt.notebook is None else (_code(receipt.notebook, place),)
    ran: list[Finding] = []
    seen: set[tuple[str, str]] = set()
    if run and place is not None and code and code[0].state is State.SAME:
        if on_run is not None:
            on_run(place)
        try:
            rerun = replay(place, wiring.home)
        except NotebookFailed as error:
            lacking = any(each.state is State.UNKNOWN for each in inputs)  # no wonder, then
            ran = [Finding("run", place.name, State.UNKNOWN if lacking else State.DIFFERS, error.message)]
        else:
            ran = [_run(place.name, receipt, rerun)]
            seen = {(each.kind, each.digest) for each in rerun.results}
    findings = [*map(_input, inputs), *(_result(each, seen) for each in made), *code, *ran]
    if not ran:  # run again, it says itself what was left out
        findings += _left_out(receipt)
    if not receipt.inputs and not receipt.results:
        findings.append(Finding("receipt", path.name, State.UNKNOWN, "It names no input and no result."))
    return ReceiptCheck(path.name, receipt, findings, software_notes(receipt), fresh.dropped)


def software_notes(receipt: Receipt) -> tuple[str, ...]:
    """Versions that are others here than where the receipt was made."""
    here, there = versions(), receipt.software
    return tuple(
        f"{name} was {there.get(name, 'not installed')} and is {here.get(name, 'not installed')} here."
        for name in sorted(here.keys() | there.keys())
        if here.get(name) != there.get(name)
    )


def _input(found: FoundInput) -> Finding:
    read = found.input.read
    start, end = ends(read.window)
    name = f"{short_ref(read.written)} {start} to {end}"
    if found.why:
        return Finding("input", name, found.state, found.why, found.notes)
    return Finding("input", name, found.state, "; ".join(found.notes))


def _result(made: MadeAgain, ran: set[tuple[str, str]]) -> Finding:
    """A result that was made again, here or by running the notebook."""
    result = made.result
    name = f"{result.kind} {result.digest[:DIGITS]}"
    if made.state is State.UNKNOWN and (result.kind, result.digest) in ran:
        return Finding("result", name, State.SAME, "made again by its notebook")
    other = f"made again it has the digest {made.digest[:DIGITS]}" if made.digest else ""
    return Finding("result", name, made.state, made.why or (other if made.state is State.DIFFERS else ""))


def _code(told: Sources, place: Path | None) -> Finding:
    """Whether the notebook's code is that of the receipt."""
    if place is None:
        return Finding("code", "notebook", State.UNKNOWN, "the receipt does not say where its notebook is: --notebook")
    try:
        is_file = place.is_file()
    except (OSError, RuntimeError, ValueError) as error:  # a name longer than any, which need not be shown
        said = f"no path leads to its notebook: {getattr(error, 'strerror', error)}; name it with --notebook"
        return Finding("code", "notebook", State.UNKNOWN, said)
    if not is_file:  # nor is a device or a pipe opened, which a receipt may name and which has no end
        return Finding("code", place.name, State.UNKNOWN, f"there is no notebook {place}; name it with --notebook")
    try:
        found = read_notebook(place)
    except RequestError as error:
        said = f"{error.message.removesuffix('.')}; name its notebook with --notebook"
        return Finding("code", place.name, State.UNKNOWN, said)
    if found.digest != told.digest:
        said = f"its code is another than when the receipt was made: sha256:{found.digest[:DIGITS]}"
        return Finding("code", place.name, State.DIFFERS, said)
    if len(found.cells) != told.cells:
        said = f"the receipt says {plural(told.cells, 'code cell')}, and it has {len(found.cells):,}"
        return Finding("code", place.name, State.DIFFERS, said)
    return Finding("code", place.name, State.SAME)


def _left_out(receipt: Receipt) -> list[Finding]:
    """What the kernel that made a receipt knew to be missing from it."""
    said = f"was read while the extension was not loaded, and is not in the receipt. {WATCH}"
    found = [Finding("input", short_ref(each.read.written), State.UNKNOWN, said) for each in receipt.unheard]
    if receipt.notebook is not None and receipt.notebook.unrun:
        unrun = plural(receipt.notebook.unrun, "code cell")
        name = "notebook" if receipt.notebook_path is None else receipt.notebook_path.name
        said = f"{unrun} had not run when the receipt was made: {LAST}"
        found.append(Finding("code", name, State.UNKNOWN, said))
    return found


def _run(name: str, receipt: Receipt, rerun: Receipt) -> Finding:
    """What running the notebook gave, against the receipt: the data that it read, and the results."""
    said = differences(receipt, rerun)
    if not said:
        return Finding("run", name, State.SAME)
    return Finding("run", name, State.DIFFERS, "run again, it gives something else", said)
