"""Timing: interleaved rounds, the fastest of each contender."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

PATIENCE_S = 2.5
"""After so long a contender gets no further rounds (but three at least): slow peers must not eat the run."""


class Kind(StrEnum):
    """Whose work it is."""

    OURS = "ours"
    FLOOR = "floor"
    PEER = "peer"


@dataclass(frozen=True, slots=True)
class Sample:
    """One round: wall time and the CPU time of all threads of the process that did it."""

    wall_ms: float
    cpu_ms: float


@dataclass(frozen=True, slots=True)
class Contender:
    """Somebody who does a row's work. `run` does it once; `before` prepares each round and is not timed."""

    kind: Kind
    label: str
    run: Callable[[], Sample]
    before: Callable[[], object] | None = None
    rounds: int | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """The fastest round of a contender, or why there is none."""

    kind: Kind
    label: str
    wall_ms: float | None = None
    cpu_ms: float | None = None
    rounds: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A goal: met when `value <= limit`; `value` None means that it could not be measured."""

    goal: str
    value: float | None
    limit: float
    unit: str = "×"

    @property
    def met(self) -> bool:
        return self.value is not None and self.value <= self.limit


@dataclass(slots=True)
class Row:
    """One line of the targets: what was measured, and its goals."""

    name: str
    work: str
    measures: list[Measure] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    error: str = ""
    seconds: float = 0.0

    def best(self, label: str) -> float | None:
        """The wall time of a contender, in milliseconds."""
        return next((measure.wall_ms for measure in self.measures if measure.label == label), None)

    def fastest(self, name: str) -> float | None:
        """The wall time of the fastest of a contender's forms: those called `name` or `name (form)`."""
        forms = [m.wall_ms for m in self.measures if m.label == name or m.label.startswith(f"{name} (")]
        return min((wall_ms for wall_ms in forms if wall_ms is not None), default=None)

    def ratio(self, ours: str, other: str) -> float | None:
        """Ours over the other's."""
        mine, theirs = self.best(ours), self.fastest(other)
        return None if mine is None or not theirs else mine / theirs

    def against(self, ours: str, other: str, limit: float, goal: str) -> None:
        """Add the goal that ours takes at most `limit` times what the other takes."""
        self.checks.append(Check(goal, self.ratio(ours, other), limit))

    def at_most(self, goal: str, value: float | None, limit: float, unit: str) -> None:
        """Add a goal about a number that is no ratio."""
        self.checks.append(Check(goal, value, limit, unit))


def timed(work: Callable[[], object]) -> Sample:
    """Do the work once, in this process. What it returns lives until the clock has stopped."""
    cpu, wall = time.process_time(), time.perf_counter()
    kept = work()
    sample = Sample((time.perf_counter() - wall) * 1_000, (time.process_time() - cpu) * 1_000)
    del kept
    return sample


def ours(label: str, work: Callable[[], object], before: Callable[[], object] | None = None) -> Contender:
    """Our way of doing it, in this process."""
    return Contender(Kind.OURS, label, lambda: timed(work), before)


def floor(label: str, work: Callable[[], object], before: Callable[[], object] | None = None) -> Contender:
    """The same work with nothing around it, in this process."""
    return Contender(Kind.FLOOR, label, lambda: timed(work), before)


def local(label: str, work: Callable[[], object], before: Callable[[], object] | None = None) -> Contender:
    """A peer that is installed beside us."""
    return Contender(Kind.PEER, label, lambda: timed(work), before)


def race(contenders: Iterable[Contender], rounds: int) -> list[Measure]:
    """Run all contenders in turn, round after round; one that fails is out, with its reason.

    Each round but the first runs in an order of its own, so that nobody always follows the same one, whose work has
    filled the caches.
    """
    listed = list(contenders)
    gc.collect()
    gc.freeze()  # what is there already is no garbage: the collections before each round stay short
    try:
        return _race(listed, rounds)
    finally:
        gc.unfreeze()


def _race(listed: list[Contender], rounds: int) -> list[Measure]:
    samples: dict[int, list[Sample]] = {place: [] for place in range(len(listed))}
    errors: dict[int, str] = {}
    spent_s = dict.fromkeys(samples, 0.0)
    order, shuffled = list(samples), random.Random(len(listed))
    for turn in range(rounds):
        for place in order:
            contender = listed[place]
            if place in errors or turn >= (contender.rounds or rounds) or (turn >= 3 and spent_s[place] > PATIENCE_S):
                continue
            begun = time.perf_counter()
            try:
                if contender.before is not None:
                    contender.before()
                gc.collect()
                samples[place].append(contender.run())
            except Exception as error:  # a peer's failure is a result: it is shown in its place
                errors[place] = reason(error)
            spent_s[place] += time.perf_counter() - begun
        shuffled.shuffle(order)
    return [_measure(listed[place], samples[place], errors.get(place, "")) for place in samples]


def reason(error: BaseException) -> str:
    """An error as one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def _measure(contender: Contender, samples: list[Sample], error: str) -> Measure:
    if error or not samples:
        return Measure(contender.kind, contender.label, error=error or "no round was run")
    return Measure(
        contender.kind,
        contender.label,
        min(sample.wall_ms for sample in samples),
        min(sample.cpu_ms for sample in samples),
        len(samples),
    )
