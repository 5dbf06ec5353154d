"""Results about the set-up: configuration shown, configuration checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from seamless_lab.adapters.clock_system import SystemClock
from seamless_lab.adapters.objects_folder import FolderObjects
from seamless_lab.adapters.segments_parquet import ParquetSegments
from seamless_lab.app.command import Place
from seamless_lab.app.config.findings import ConfigReport, Level
from seamless_lab.app.config.sources import DEFAULT_ORIGIN, Origin, config_file
from seamless_lab.app.config.view import ConfigView, view
from seamless_lab.app.doctor import Doctor, Surroundings, examine, open_sqlite
from seamless_lab.app.home import Home, find_home, user_folders
from seamless_lab.app.render.view import Badge, Block, Column, Fact, Facts, Note, Table, Tone, View
from seamless_lab.app.results import Json, Rendered
from seamless_lab.app.settings import Settings, resolve_settings, validate_settings
from seamless_lab.engine.artifacts import NoSegmentCache, SealedStore
from seamless_lab.errors import DataError, RequestError, SeamlessError, StoreUnavailable

_TONES = {Level.ERROR: Tone.BAD, Level.WARNING: Tone.WARN}
_LONGEST = 80


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ConfigShown(Rendered):
    """Values with their origins, and the home."""

    config: ConfigView
    home: Home

    def to_dict(self) -> Json:
        """File, home, and settings by key."""
        return {**self.config.to_dict(), "home": self.home.to_dict()}

    def view(self) -> View:
        """A table of keys."""
        rows = tuple((row.key, _cut(json.dumps(row.value)), row.origin) for row in self.config.rows)
        columns = (Column("key", code=True), Column("value", code=True), Column("from"))
        changed = sum(row.origin != str(DEFAULT_ORIGIN) for row in self.config.rows)
        facts = Facts(
            (
                Fact("home", f"{self.home.root} ({self.home.why})", volatile=True),
                Fact("file", self.config.file or "none", volatile=True),
            )
        )
        cut = any(value.endswith("…") for _, value, _ in rows)
        notes = (Note("Values that end in … are whole in the result's JSON (--json)."),) if cut else ()
        return View("configuration", Badge(f"{changed} not default"), "", (facts, Table(columns, rows), *notes))


def _cut(text: str) -> str:
    """A value that leaves the other rows readable: all are as wide as the longest."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ConfigChecked(Rendered):
    """What is wrong with a configuration."""

    report: ConfigReport

    @property
    def exit_code(self) -> int:
        """0 it starts, 2 it is wrong."""
        return self.report.exit_code

    def to_dict(self) -> Json:
        """The findings."""
        return self.report.to_dict()

    def view(self) -> View:
        """Findings, errors first."""
        blocks: list[Block] = []
        for finding in self.report.findings:
            hint = f" {finding.hint}" if finding.hint else ""
            blocks.append(Note(f"{finding.level}: {finding.message}{hint}", _TONES[finding.level]))
        file = self.report.file or "none; defaults, environment and arguments only"
        facts = (Fact("file", file, volatile=True), Fact("profile", self.report.profile))
        badge = Badge("valid", Tone.GOOD) if self.exit_code == 0 else Badge("invalid", Tone.BAD)
        return View("configuration", badge, "", (*blocks, Facts(facts)))


def shown(place: Place, environment: Mapping[str, str], *, section: str, changed: bool) -> ConfigShown:
    """The configuration that a lab at this place would have.

    Raises
    ------
    RequestError
        For a section without keys.
    """
    home, file = _find(place, environment)
    settings = resolve_settings(config_file=file, env=environment, stand_in=place.stand_in())
    found = view(settings, section=section, changed=changed)
    if section and not found.rows and not view(settings, section=section).rows:
        heads = sorted({row.key.partition(".")[0] for row in view(settings).rows})
        raise RequestError(
            f"--section {section}: no key is called so.", hint=f"Sections are {', '.join(heads)}.", section=section
        )
    return ConfigShown(found, home)


def validated(place: Place, environment: Mapping[str, str]) -> ConfigChecked:
    """All findings about that configuration."""
    _, file = _find(place, environment)
    return ConfigChecked(validate_settings(config_file=file, env=environment, stand_in=place.stand_in()))


def examined(place: Place, environment: Mapping[str, str]) -> Doctor:
    """What the doctor sees at that place."""
    home, file = _find(place, environment)
    settings = _settings(file, place, environment)
    artifacts = (settings and settings.artifact.folder) or home.artifacts
    newest_as_of_ms, unreadable = None, None
    try:
        newest_as_of_ms = _newest_as_of_ms(artifacts)
    except StoreUnavailable as error:
        unreadable = error
    frozen_ms = None if settings is None else settings.now_ms
    return examine(
        Surroundings(
            home=home,
            config=validated(place, environment).report,
            objects=FolderObjects(artifacts),
            open_hot=lambda: open_sqlite(home.hot),
            now_ms=SystemClock().now_ms() if frozen_ms is None else frozen_ms,
            frozen_by="" if settings is None or frozen_ms is None else _setting(settings.origins["now"]),
            newest_as_of_ms=newest_as_of_ms,
            unreadable=unreadable,
        )
    )


def _settings(file: Path | None, place: Place, environment: Mapping[str, str]) -> Settings | None:
    """What is configured; None for settings that are wrong, which another check reports."""
    try:
        return resolve_settings(config_file=file, env=environment, stand_in=place.stand_in())
    except SeamlessError:
        return None


def _setting(origin: Origin) -> str:
    """What to change where the clock is configured."""
    return origin.detail if origin.kind == "environment" else f"now in {origin.detail}"


def _newest_as_of_ms(artifacts: Path) -> int | None:
    """Knowledge time of the newest commit; None without any, or when one is damaged, which verify reports."""
    if not artifacts.exists():
        return None
    clock = SystemClock()
    with ThreadPoolExecutor(1) as executor:
        store = SealedStore(
            FolderObjects(artifacts), ParquetSegments(), NoSegmentCache(), clock=clock, executor=executor
        )
        try:
            heads = [store.head_commit(node) for node in store.nodes()]
        except DataError:
            return None
    return max((head.as_of_ms for head in heads if head is not None), default=None)


def _find(place: Place, environment: Mapping[str, str]) -> tuple[Home, Path | None]:
    home = find_home(place.home, environment, Path.cwd(), user_folders())
    return home, config_file(Path(place.config) if place.config else None, environment, home.config_places)
