"""The sealed store against a naive model: a dict of slots, and a list of what it was at each version."""

from bisect import bisect_right
from itertools import count

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from seamless_lab.adapters.objects_fsspec import FsspecObjects
from seamless_lab.core.bars import Bars
from seamless_lab.core.digest import content_of
from seamless_lab.core.observed import Observed
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.artifacts import Candidate
from seamless_lab.errors import NotFound
from tests.engine.artifacts.making import DAY, HEADER, NODE, T0, Ticking, bars_at, open_store

STEP = 3_600
HOURS = np.arange(T0 + 29 * DAY, T0 + 34 * DAY, 60, dtype=np.int64)  # five days around the end of January
State = dict[int, tuple[int | None, int]]
"""Per slot the salt of its bar (None: quiet) and when it was observed."""

_stores = count()
places = st.integers(0, HOURS.size // 60)


def bars_in(state: State, window: TimeRange | None) -> tuple[Bars, Ranges]:
    """What the model delivers for a window."""
    inside = sorted(slot for slot in state if window is None or window.start <= slot < window.end)
    parts = [
        bars_at(HEADER, np.array([slot]), state[slot][0] or 0).frame for slot in inside if state[slot][0] is not None
    ]
    frame = Bars.none(NODE, HEADER.grid).frame.vstack(parts[0].clear()) if parts else Bars.none(NODE, HEADER.grid).frame
    for part in parts:
        frame = frame.vstack(part)
    return Bars(NODE, HEADER.grid, frame.rechunk()), Ranges.of_slots(np.array(inside, dtype=np.int64), 60)


class Versions(RuleBasedStateMachine):
    """Any order of publishing, rolling back, folding, sweeping and reading."""

    @initialize()
    def start(self) -> None:
        self.objects = FsspecObjects(f"memory://model-{next(_stores)}")
        self.clock = Ticking((T0 + 32 * DAY) * 1_000, step_ms=1)
        self.store = open_store(self.objects, clock=self.clock)
        self.state: State = {}
        self.withdrawn: dict[int, int] = {}
        self.epoch_ms = 0
        self.versions: list[tuple[int, State]] = []
        self.contents: list[str] = []

    @rule(
        start=places,
        hours=st.integers(1, 50),
        at_ms=st.integers(1, 12),
        salt=st.integers(0, 3),
        every=st.sampled_from([7, 20, 60]),
        hole=places,
    )
    def publish(self, start: int, hours: int, at_ms: int, salt: int, every: int, hole: int) -> None:
        at_ms += self.epoch_ms
        opens = HOURS[start * 60 : (start + hours) * 60]
        opens = opens[(opens < HOURS[0] + hole * STEP) | (opens >= HOURS[0] + (hole + 2) * STEP)]
        if not opens.size:
            return
        held = opens[(opens // 60) % every == 0]
        answered = Ranges.of_slots(opens, 60)
        before = dict(self.state)
        for slot in opens.tolist():
            if at_ms > max(self.state.get(slot, (None, 0))[1], self.withdrawn.get(slot, 0)):
                self.state[slot] = (salt if (slot // 60) % every == 0 else None, at_ms)
        made = self.store.publish(Candidate(HEADER, bars_at(HEADER, held, salt), Observed.at(answered, at_ms)))
        changed = {slot: value[0] for slot, value in before.items()} != {
            slot: value[0] for slot, value in self.state.items()
        }
        assert made.created == changed
        if changed:
            self.versions.append((made.version.commit.as_of_ms, dict(self.state)))
            self.contents.append(made.version.tree.fingerprint)
        else:
            self.state = before  # nothing is recorded of an observation that changed nothing
        self.withdrawn = {slot: at for slot, at in self.withdrawn.items() if slot not in self.state}
        assert made.version.commit.seq == len(self.versions)
        assert made.version.commit.rows == sum(value[0] is not None for value in self.state.values())

    @precondition(lambda self: self.versions)
    @rule(chosen=st.integers(0, 10**6))
    def roll_back(self, chosen: int) -> None:
        number = chosen % len(self.versions)
        made = self.store.restore(self.store.resolve(NODE, seq=number + 1))
        old = self.versions[number][1]
        assert made.created == (self.contents[number] != self.contents[-1])
        assert made.version.tree.fingerprint == self.contents[number]
        if not made.created:
            return
        at_ms = int(made.version.commit.observed.at_ms[0])
        assert at_ms > max(at for _, at in self.state.values())
        self.withdrawn |= dict.fromkeys(self.state.keys() - old.keys(), at_ms)
        self.withdrawn = {slot: at for slot, at in self.withdrawn.items() if slot not in old}
        self.state = {slot: (salt, at_ms) for slot, (salt, _) in old.items()}
        self.epoch_ms = at_ms - 6  # some of what is published next was observed before, some after
        self.versions.append((made.version.commit.as_of_ms, dict(self.state)))
        self.contents.append(made.version.tree.fingerprint)
        assert made.version.commit.provenance["rollback_of"] == number + 1

    @precondition(lambda self: self.versions)
    @rule(chosen=st.integers(0, 10**6), start=st.integers(-2, HOURS.size // 60), hours=st.integers(1, 130))
    def read(self, chosen: int, start: int, hours: int) -> None:
        number = chosen % len(self.versions)
        window = TimeRange(int(HOURS[0]) + start * STEP + 60, int(HOURS[0]) + (start + hours) * STEP - 60)
        sealed = self.store.read(self.store.resolve(NODE, seq=number + 1), window)
        bars, answered = bars_in(self.versions[number][1], window)
        assert sealed.bars.frame.equals(bars.frame)
        assert sealed.answered == answered
        assert sealed.content == content_of(HEADER, bars, answered)

    @precondition(lambda self: self.versions)
    @rule(chosen=st.integers(0, 10**6), later=st.integers(-1, 3))
    def resolve_moment(self, chosen: int, later: int) -> None:
        as_ofs = [as_of_ms for as_of_ms, _ in self.versions]
        moment = as_ofs[chosen % len(as_ofs)] + later
        expected = bisect_right(as_ofs, moment)
        if expected:
            assert self.store.resolve(NODE, as_of_ms=moment).commit.seq == expected
        else:
            with pytest.raises(NotFound):
                self.store.resolve(NODE, as_of_ms=moment)

    @precondition(lambda self: self.versions)
    @rule(chosen=st.integers(0, 10**6))
    def resolve_fingerprint(self, chosen: int) -> None:
        wanted = self.contents[chosen % len(self.contents)]
        newest = max(number for number, fingerprint in enumerate(self.contents, 1) if fingerprint == wanted)
        assert self.store.resolve(NODE, fingerprint=wanted[:16]).commit.seq == newest

    @rule(days=st.sampled_from([0, 10, 40]))
    def upkeep(self, days: int) -> None:
        self.clock.now += days * DAY * 1_000
        self.store.compact(NODE)
        assert self.store.sweep(NODE, older_than_s=-(10**9)).paths == ()  # nobody was killed: nothing is unreachable

    @rule()
    def open_again(self) -> None:
        self.store = open_store(self.objects, clock=self.clock)

    @invariant()
    def head_is_the_model(self) -> None:
        if not hasattr(self, "versions"):
            return
        head = self.store.head(NODE)
        assert (head is None) == (not self.versions)
        if head is not None:
            assert head.commit.seq == len(self.versions)
            known = np.array(sorted(self.state), dtype=np.int64)
            assert head.commit.observed.answered == Ranges.of_slots(known, 60)
            away = np.array(sorted(self.withdrawn), dtype=np.int64)
            assert head.commit.withdrawn.answered == Ranges.of_slots(away, 60)
            assert head.commit.withdrawn.at_of(away).tolist() == [self.withdrawn[slot] for slot in away.tolist()]
            assert head.commit.observed.at_of(known).tolist() == [self.state[slot][1] for slot in known.tolist()]

    def teardown(self) -> None:
        if getattr(self, "versions", []):
            assert self.store.verify(NODE).ok
            assert [commit.fingerprint for commit in self.store.history(NODE)][::-1] == self.contents


Versions.TestCase.settings = settings(max_examples=settings().max_examples // 4, stateful_step_count=15)
test_any_history_agrees_with_the_model = Versions.TestCase
