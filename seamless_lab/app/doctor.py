"""Is this machine fit for the lab? Each check is a function of surroundings that are passed in."""

from __future__ import annotations

import secrets
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from seamless_lab.adapters.hot_sqlite import SqliteHotStore
from seamless_lab.adapters.local_disk import network_filesystem
from seamless_lab.adapters.sqlite_file import SqliteFile
from seamless_lab.app.config.findings import ConfigReport
from seamless_lab.app.home import Home
from seamless_lab.app.installed import Requirement, installed_versions, numbers, requirements_of
from seamless_lab.app.render.view import Badge, Column, Note, Table, Tone, View, plural
from seamless_lab.app.results import Rendered
from seamless_lab.core.time import format_time_ms
from seamless_lab.engine.ports import ObjectStore
from seamless_lab.errors import SeamlessError

DISTRIBUTION = "seamless-lab"
LEAST_PYTHON = (3, 11)
LEAST_SQLITE = (3, 51, 3)  # older ones have a WAL bug when several processes write
LEAST_CLOCK_MS = 1_704_067_200_000  # 2024-01-01: before this program existed
SKEW_MS = 5_000
LOW_BYTES, SCARCE_BYTES = 2 * 2**30, 200 * 2**20
JUPYTER = ("ipykernel", "anywidget", "jupyterlab")


class Status(StrEnum):
    """`fail`: something will not work; `warn`: it works, with a drawback."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: how it is, what was seen, and what to do about it."""

    name: str
    status: Status
    message: str
    action: str = ""

    def to_dict(self) -> dict[str, str]:
        """Plain JSON values."""
        return {"name": self.name, "status": str(self.status), "message": self.message, "action": self.action}


@dataclass(frozen=True, slots=True, repr=False)
class Doctor(Rendered):
    """All checks, in order."""

    checks: tuple[Check, ...]

    @property
    def exit_code(self) -> int:
        """0 when nothing failed, 2 when the configuration did, else 1."""
        failed = {check.name for check in self.checks if check.status is Status.FAIL}
        return 2 if "configuration" in failed else 1 if failed else 0

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        return {"exit_code": self.exit_code, "checks": [check.to_dict() for check in self.checks]}

    def view(self) -> View:
        """One line a check, then what to do."""
        columns = (Column("check"), Column("state"), Column("seen", volatile=True))
        rows = tuple((check.name, str(check.status), check.message) for check in self.checks)
        tones = {Status.WARN: Tone.WARN, Status.FAIL: Tone.BAD, Status.OK: Tone.PLAIN}
        notes = tuple(
            Note(f"{check.name}: {check.action}", tones[check.status]) for check in self.checks if check.action
        )
        failed = sum(check.status is Status.FAIL for check in self.checks)
        badge = Badge(plural(failed, "problem"), Tone.BAD) if failed else Badge("fit", Tone.GOOD)
        return View("doctor", badge, "", (Table(columns, rows), *notes))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is looked at. Those with a default are this machine's.

    `installed`: versions by distribution name; `open_hot`: opens the hot store for writing, gives SQLite's version;
    `frozen_by`: the setting that `now_ms` comes from, empty for the machine's clock; `newest_as_of_ms`: of the newest
    commit, None when there is none; `unreadable`: why the commits could not be looked at.
    """

    home: Home
    config: ConfigReport
    objects: ObjectStore
    open_hot: Callable[[], str]
    now_ms: int
    frozen_by: str = ""
    newest_as_of_ms: int | None = None
    unreadable: SeamlessError | None = None
    python: tuple[int, int] = field(default_factory=lambda: sys.version_info[:2])
    installed: Mapping[str, str] = field(default_factory=installed_versions)
    requirements: Sequence[Requirement] = field(default_factory=lambda: requirements_of(DISTRIBUTION))
    filesystem: Callable[[Path], str | None] = network_filesystem
    free_bytes: Callable[[Path], int] = field(default_factory=lambda: _free_bytes)


def examine(around: Surroundings) -> Doctor:
    """Run every check. Writes a probe into the stores and takes it away again."""
    checks = (
        python(around),
        packages(around),
        configuration(around),
        home(around),
        local_disk(around),
        free_space(around),
        *hot_store(around),
        artifact_store(around),
        clock(around),
        time_zone(around),
        jupyter(around),
        extras(around),
    )
    return Doctor(checks)


def python(around: Surroundings) -> Check:
    """The interpreter is new enough."""
    seen = ".".join(map(str, around.python))
    if around.python < LEAST_PYTHON:
        least = ".".join(map(str, LEAST_PYTHON))
        return Check("python", Status.FAIL, f"Python {seen}; {least} or newer is needed", f"Install Python {least}.")
    return Check("python", Status.OK, f"Python {seen}")


def packages(around: Surroundings) -> Check:
    """What the package requires is installed in versions it allows."""
    needed = [requirement for requirement in around.requirements if not requirement.extra]
    wrong = [f"{one.name} is not installed" for one in needed if one.name not in around.installed]
    wrong += [problem for one in needed if (problem := one.problem(around.installed))]
    if wrong:
        return Check("packages", Status.FAIL, "; ".join(wrong), "Run make setup, or install seamless-lab again.")
    return Check("packages", Status.OK, "all within their bounds")


def configuration(around: Surroundings) -> Check:
    """The configuration can be resolved."""
    errors = [finding for finding in around.config.findings if finding.level != "warning"]
    if errors:
        first = errors[0]
        return Check("configuration", Status.FAIL, first.message, first.hint or "Run seamless config validate.")
    return Check("configuration", Status.OK, around.config.file or "no file; defaults and environment")


def home(around: Surroundings) -> Check:
    """Stores can be written where they live."""
    root = around.home.root
    probe = root / f".doctor-{secrets.token_hex(4)}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        return Check("home", Status.FAIL, f"{root} cannot be written: {error.strerror}", "Choose another with --home.")
    return Check("home", Status.OK, f"{root} ({around.home.why})")


def local_disk(around: Surroundings) -> Check:
    """Stores and cache are on this machine's own disk."""
    places = {"hot store": around.home.hot, "cache": around.home.cache}
    remote = [f"{name} on {kind} ({path})" for name, path in places.items() if (kind := around.filesystem(path))]
    if remote:
        return Check(
            "local disk",
            Status.WARN,
            "; ".join(remote),
            "Set SEAMLESS_HOME and SEAMLESS_CACHE_DIR to folders on a local disk.",
        )
    return Check("local disk", Status.OK, "hot store and cache are on a local disk")


def free_space(around: Surroundings) -> Check:
    """There is room for data: five years of one-minute bars take about 50 MB sealed and 130 MB cached."""
    free = min(around.free_bytes(_existing(place)) for place in (around.home.root, around.home.cache))
    if free < LOW_BYTES:
        status = Status.FAIL if free < SCARCE_BYTES else Status.WARN
        return Check("free space", status, f"{free / 2**20:,.0f} MB", "Make room, or name other folders.")
    return Check("free space", Status.OK, f"{free / 2**30:,.1f} GB")


def hot_store(around: Surroundings) -> tuple[Check, Check]:
    """The hot store opens undamaged, and its SQLite is safe for several processes."""
    try:
        version = around.open_hot()
    except SeamlessError as error:
        unknown = Check("sqlite", Status.WARN, "unknown: the hot store does not open")
        return Check(
            "hot store", Status.FAIL, error.message, error.hint or "Move the file away and try again."
        ), unknown
    opened = Check("hot store", Status.OK, f"{around.home.hot} opens, and all of it is as written")
    if numbers(version) < LEAST_SQLITE:
        least = ".".join(map(str, LEAST_SQLITE))
        seen = f"SQLite {version} may corrupt a file that several processes write; {least} does not"
        return opened, Check("sqlite", Status.FAIL, seen, "Install a newer apsw.")
    return opened, Check("sqlite", Status.OK, f"SQLite {version}")


def artifact_store(around: Surroundings) -> Check:
    """Commits can be read, and the store creates an object only if it is absent: what commits rely on."""
    if around.unreadable is not None:
        return Check("artifact store", Status.FAIL, around.unreadable.message, around.unreadable.hint)
    path = f"probes/{secrets.token_hex(8)}"
    try:
        first, second = around.objects.create(path, b"first"), around.objects.create(path, b"second")
        kept = around.objects.read(path)
        around.objects.delete(path)
    except (OSError, SeamlessError) as error:
        said = error.message if isinstance(error, SeamlessError) else str(error)
        seen = said if around.objects.url in said else f"{around.objects.url}: {said}"
        return Check("artifact store", Status.FAIL, seen, "Choose another store.")
    if not first or second or kept != b"first":
        seen = f"{around.objects.url} lets a second writer replace an object"
        return Check(
            "artifact store", Status.FAIL, seen, "Use a store with create-if-absent; versions could be lost here."
        )
    return Check("artifact store", Status.OK, f"{around.objects.url} creates only what is absent")


def clock(around: Surroundings) -> Check:
    """The clock is not before this program, nor behind what was published."""
    now, newest = around.now_ms, around.newest_as_of_ms
    name = around.frozen_by or "the clock"
    advice = f"Correct {name}, or leave it out." if around.frozen_by else "Set the clock, by NTP if there is one."
    if now < LEAST_CLOCK_MS:
        return Check("clock", Status.FAIL, f"{name} says {format_time_ms(now)}", advice)
    if newest is not None and newest - now > SKEW_MS:
        seen = f"{name} is {(newest - now) / 1000:,.1f} s behind the newest commit, so publishing is refused"
        return Check("clock", Status.FAIL, seen, advice)
    frozen = f", frozen by {name}" if around.frozen_by else ""
    return Check("clock", Status.OK, f"{format_time_ms(now)}{frozen}")


def time_zone(around: Surroundings) -> Check:
    """A reminder: there is nothing to set."""
    return Check("time zone", Status.OK, "irrelevant: all times are UTC")


def jupyter(around: Surroundings) -> Check:
    """The pieces of a notebook are there, in versions that work together."""
    missing = [name for name in JUPYTER if name not in around.installed]
    if missing:
        seen = f"not installed: {', '.join(missing)}"
        return Check("jupyter", Status.WARN, seen, "Only for notebooks: install seamless-lab[notebook].")
    pieces = [requirement for requirement in around.requirements if requirement.name in JUPYTER]
    wrong = [problem for one in pieces if (problem := one.problem(around.installed))]
    if wrong:
        return Check("jupyter", Status.WARN, "; ".join(wrong), "Install seamless-lab[notebook] again.")
    return Check("jupyter", Status.OK, ", ".join(f"{name} {around.installed[name]}" for name in JUPYTER))


def extras(around: Surroundings) -> Check:
    """Which optional parts are complete, and whether those there have versions that work, exact pins included."""
    by_extra = _by_extra(around.requirements)
    complete = [extra for extra, needed in by_extra.items() if all(one.name in around.installed for one in needed)]
    others = [one for extra, needed in by_extra.items() if extra != "notebook" for one in needed]
    wrong = dict.fromkeys(problem for one in others if (problem := one.problem(around.installed)))
    if wrong:
        return Check("extras", Status.FAIL, "; ".join(wrong), "Install the extra again, such as seamless-lab[ccxt].")
    if "ccxt" not in complete:
        return Check(
            "extras", Status.WARN, "ccxt is not installed: nothing can be fetched", "Install seamless-lab[ccxt]."
        )
    return Check("extras", Status.OK, ", ".join(sorted(complete)))


def open_sqlite(path: Path) -> str:
    """Open a hot store's file for writing and read all of it; gives the version of SQLite.

    Raises
    ------
    SeamlessError
        It is locked, damaged anywhere, or none of ours.
    """
    file = SqliteFile(path)
    try:
        with file.writing() as connection:
            version = str(connection.execute("SELECT sqlite_version()").get)
        SqliteHotStore(file).check()
        return version
    finally:
        file.close()


def _free_bytes(path: Path) -> int:
    return shutil.disk_usage(path).free


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())


def _by_extra(requirements: Sequence[Requirement]) -> dict[str, list[Requirement]]:
    """What users may choose to install, by extra."""
    found: dict[str, list[Requirement]] = {}
    for requirement in requirements:
        if requirement.extra not in ("", "all", "dev"):
            found.setdefault(requirement.extra, []).append(requirement)
    return found
