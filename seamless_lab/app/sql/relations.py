"""What a query may see: names for pinned bars, resolved before any row is opened and read only where they are used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from seamless_lab.app.door import Door
from seamless_lab.app.sealed_reads import SealedBars, SealedTarget, read_target, resolve_sealed
from seamless_lab.app.sql.tree import folded
from seamless_lab.app.wiring import Wiring
from seamless_lab.core.numbers import seen
from seamless_lab.core.time import TimeLike
from seamless_lab.errors import InvalidReference, RequestError

Ref = str | Sequence[str]
PinsLike = Mapping[str, Ref] | Sequence[str] | str
"""What names stand for; of a list, or of one, each pin by its own name."""

PIN = "pin:"
LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """A name in a query, and the references it stands for. `many`: a universe, which has a column `symbol`."""

    name: str
    refs: tuple[str, ...]
    many: bool


@dataclass(frozen=True, slots=True, eq=False)
class Relation:
    """A name in a query and the bars it stands for, each with the symbol under which a universe shows them."""

    name: str
    many: bool
    members: tuple[tuple[str, SealedBars], ...]


def asked_for(wiring: Wiring, pins: PinsLike | None) -> tuple[Asked, ...]:
    """The names that a query may use; without any given, all pins of the lockfile, each by its own name.

    Raises
    ------
    RequestError
        For a name that no query can write, or that is there twice; for a universe of nothing.
    """
    if pins is None:
        lock = wiring.pins.found()
        return tuple(Asked(name, (f"{PIN}{name}",), many=False) for name in sorted(lock.pins)) if lock else ()
    if not isinstance(pins, Mapping):
        pins = _by_own_names(wiring, _listed(pins))
    seen: set[str] = set()
    for name in pins:
        if not _writable(name) or folded(name) in seen:
            raise RequestError(
                f"{name!r} is no name for a relation{', or is there twice' if _writable(name) else ''}.",
                hint=f"Write up to {LONGEST_NAME} letters, digits, _, . and -; capitals make no difference.",
                name=str(name),
            )
        seen.add(folded(name))
    return tuple(_asked(wiring, name, ref) for name, ref in pins.items())


def read(
    wiring: Wiring,
    door: Door,
    asked: Iterable[Asked],
    window: tuple[TimeLike | None, TimeLike | None],
) -> tuple[Relation, ...]:
    """The bars that names stand for, cut to their windows; all references are resolved before the first row is read.

    Parameters
    ----------
    window
        Start and end for all of them; Nones take each pin's own.

    Raises
    ------
    SeamlessError
        As `resolve_sealed` and `read_target`.
    """
    start, end = window
    resolved = [(each, [resolve_sealed(wiring, door, ref, start, end) for ref in each.refs]) for each in asked]
    labelled = [(each, targets, _labels(each.name, targets)) for each, targets in resolved]
    return tuple(
        Relation(
            each.name,
            each.many,
            tuple((label, read_target(wiring, target)) for label, target in zip(labels, targets, strict=True)),
        )
        for each, targets, labels in labelled
    )


def _listed(refs: object) -> Collection[object]:
    """References as a list; what is none stays, for `matching` to refuse."""
    return refs if isinstance(refs, Sequence | Set) and not isinstance(refs, str) else [refs]


def _by_own_names(wiring: Wiring, refs: Collection[object]) -> dict[str, Ref]:
    found: dict[str, Ref] = {}
    for ref in (match for each in refs for match in matching(wiring, each)):
        if not ref.startswith(PIN):
            raise RequestError(f"{ref} has no name for the query.", hint=f"Give it one: pins={{'bars': {ref!r}}}.")
        found[ref.removeprefix(PIN)] = ref
    return found


def _writable(name: object) -> bool:
    return (
        isinstance(name, str)
        and 0 < len(name) <= LONGEST_NAME
        and name.isascii()
        and not name.startswith("__")
        and all(sign.isalnum() or sign in "_.-" for sign in name)
    )


def _asked(wiring: Wiring, name: str, ref: Ref) -> Asked:
    if isinstance(ref, str):
        return Asked(name, tuple(matching(wiring, ref)), many=ref.startswith(PIN) and "*" in ref)
    refs = tuple(match for each in _listed(ref) for match in matching(wiring, each))
    if not refs:
        raise RequestError(
            f"The universe {name!r} has no pins.", hint="List references, or write pin:NAME*.", name=name
        )
    return Asked(name, refs, many=True)


def matching(wiring: Wiring, ref: object) -> Iterator[str]:
    """A reference, or all pins whose names match `pin:GLOB*`."""
    if not isinstance(ref, str):
        raise RequestError(
            f"{seen(ref)} is no reference.",
            hint="Write texts: pin:NAME, NODE@SELECTOR, or a result's .ref.",
            value=seen(ref),
        )
    if not ref.startswith(PIN) or "*" not in ref:
        yield ref
        return
    names = sorted(wiring.pins.lock().pins)
    found = [name for name in names if fnmatchcase(name, ref.removeprefix(PIN))]
    if not found:
        near = get_close_matches(ref.removeprefix(PIN).replace("*", ""), names, n=1, cutoff=0.4)
        raise InvalidReference(
            f"No pin matches {ref}; the lockfile has {len(names)}.",
            hint=f"Did you mean pin:{near[0]}?" if near else "See all pins: seamless lock",
            value=ref,
        )
    yield from (f"{PIN}{name}" for name in found)


def _labels(name: str, targets: Sequence[SealedTarget]) -> list[str]:
    """The shortest label that tells the members of a universe apart: the symbol, with its exchange, with its timeframe.

    Raises
    ------
    RequestError
        For one series that is there twice.
    """
    forms: tuple[Callable[[SealedTarget], str], ...] = (
        lambda target: target.node.symbol,
        lambda target: f"{target.node.exchange}:{target.node.symbol}",
        lambda target: f"{target.node.exchange}:{target.node.symbol}:{target.node.timeframe}",
    )
    for form in forms:
        labels = [form(target) for target in targets]
        if len(set(labels)) == len(labels):
            return labels
    twice, _ = Counter(target.node for target in targets).most_common(1)[0]
    written = " and ".join(target.written for target in targets if target.node == twice)
    raise RequestError(
        f"{twice} is in {name!r} more than once: {written}.", hint="List the references, each series once.", name=name
    )
