"""Every check can fail, and says what to do."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.adapters.hot_sqlite import SqliteHotStore
from seamless_lab.adapters.objects_folder import FolderObjects
from seamless_lab.adapters.sqlite_file import SqliteFile
from seamless_lab.app.command import Place
from seamless_lab.app.doctor import Check, Status, Surroundings, examine, open_sqlite
from seamless_lab.app.home import Home
from seamless_lab.app.installed import parse_requirements, requirements_of
from seamless_lab.app.settings import validate_settings
from seamless_lab.app.setup_results import examined
from tests.contracts.hot_cases import bars, minutes, written
from tests.engine.artifacts.making import candidate, days, open_store

NOW_MS = 1_760_000_000_000
INSTALLED = {
    "numpy": "2.4.0",
    "ccxt": "4.5.90",
    "aiohttp": "3.12",
    "ipykernel": "7.1.0",
    "anywidget": "0.11.2",
    "jupyterlab": "4.6.1",
}
REQUIREMENTS = parse_requirements(
    [
        "numpy>=2.2",
        "ccxt==4.5.90; extra == 'ccxt'",
        "aiohttp>=3.11; extra == 'ccxt'",
        "duckdb<3,>=2.0; extra == 'sql'",
        'anywidget<0.12,>=0.11; extra == "notebook"',
        "tomli; python_version < '3.11'",
    ]
)


@pytest.fixture
def fit(tmp_path: Path) -> Surroundings:
    home = Home(tmp_path / "home", None, tmp_path / "cache", "--home")
    return Surroundings(
        home=home,
        config=validate_settings(),
        objects=FolderObjects(home.artifacts),
        open_hot=lambda: open_sqlite(home.hot),
        now_ms=NOW_MS,
        newest_as_of_ms=NOW_MS - 1,
        python=(3, 11),
        installed=INSTALLED,
        requirements=REQUIREMENTS,
        filesystem=lambda _: None,
        free_bytes=lambda _: 10 * 2**30,
    )


def check_of(name: str, around: Surroundings) -> Check:
    return next(check for check in examine(around).checks if check.name == name)


def test_a_fit_machine_passes_every_check(fit: Surroundings) -> None:
    doctor = examine(fit)
    assert [check.to_dict() for check in doctor.checks if check.status is not Status.OK] == []
    assert len({check.name for check in doctor.checks}) == len(doctor.checks) == 13
    assert doctor.exit_code == 0
    assert json.loads(json.dumps(doctor.to_dict()))["exit_code"] == 0
    assert "fit" in repr(doctor)


def test_the_probes_leave_nothing_behind(fit: Surroundings) -> None:
    examine(fit)
    assert [
        path.name for path in fit.home.root.rglob("*") if path.is_file() and not path.name.startswith("hot.db")
    ] == []


class Replacing:
    """A store that lets the second writer win, as some S3 servers do."""

    url = "memory"

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def create(self, path: str, data: bytes) -> bool:
        self.kept[path] = data
        return True

    def read(self, path: str) -> bytes:
        return self.kept[path]

    def exists(self, path: str) -> bool:
        return path in self.kept

    def list(self, prefix: str) -> Sequence[tuple[str, int, int]]:
        return ()

    def folders(self, prefix: str) -> Sequence[str]:
        return ()

    def delete(self, path: str) -> None:
        del self.kept[path]


def _blocked(around: Surroundings) -> Surroundings:
    """A home below a file cannot be made, whoever asks."""
    file = around.home.root.parent / "file"
    file.write_text("")
    home = replace(around.home, root=file / "home")
    return replace(around, home=home, objects=FolderObjects(home.artifacts), open_hot=lambda: open_sqlite(home.hot))


def _foreign(around: Surroundings) -> Surroundings:
    around.home.root.mkdir()
    around.home.hot.write_bytes(b"no database " * 1_000)
    return around


def _rotten(around: Surroundings) -> Surroundings:
    """A file that opens, and holds other bars than were written."""
    file = SqliteFile(around.home.hot)
    SqliteHotStore(file).write(written(minutes(0, 5), bars({0: 1.0}), 1_000))
    with file.writing() as connection:
        connection.execute("UPDATE chunk SET crc = crc + 1")
    file.close()
    return around


Broken = Callable[[Surroundings], Surroundings]
FAILURES: list[tuple[str, Status, str, Broken]] = [
    ("python", Status.FAIL, "3.10", lambda around: replace(around, python=(3, 10))),
    (
        "packages",
        Status.FAIL,
        "numpy 1.26.4 is not >=2.2",
        lambda a: replace(a, installed={**INSTALLED, "numpy": "1.26.4"}),
    ),
    ("packages", Status.FAIL, "numpy is not installed", lambda a: replace(a, installed={})),
    (
        "configuration",
        Status.FAIL,
        "profile is 'x'",
        lambda around: replace(around, config=validate_settings(overrides={"profile": "x"})),
    ),
    ("home", Status.FAIL, "cannot be written", _blocked),
    ("hot store", Status.FAIL, "hot.db", _foreign),
    ("hot store", Status.FAIL, "does not match its checksum", _rotten),
    ("hot store", Status.FAIL, "", _blocked),
    ("artifact store", Status.FAIL, "", _blocked),
    ("artifact store", Status.FAIL, "replace an object", lambda around: replace(around, objects=Replacing())),
    ("local disk", Status.WARN, "hot store on nfs4", lambda around: replace(around, filesystem=lambda _: "nfs4")),
    ("free space", Status.WARN, "1,024 MB", lambda around: replace(around, free_bytes=lambda _: 2**30)),
    ("free space", Status.FAIL, "100 MB", lambda around: replace(around, free_bytes=lambda _: 100 * 2**20)),
    ("sqlite", Status.FAIL, "SQLite 3.45.1", lambda around: replace(around, open_hot=lambda: "3.45.1")),
    ("clock", Status.FAIL, "1970-01-01", lambda around: replace(around, now_ms=1_000)),
    ("clock", Status.FAIL, "6.0 s behind", lambda around: replace(around, newest_as_of_ms=NOW_MS + 6_000)),
    ("jupyter", Status.WARN, "anywidget 0.9.0", lambda a: replace(a, installed={**INSTALLED, "anywidget": "0.9.0"})),
    (
        "jupyter",
        Status.WARN,
        "not installed",
        lambda around: replace(around, installed={"numpy": "2.4", "ccxt": "4.5.90"}),
    ),
    (
        "extras",
        Status.FAIL,
        "ccxt 4.5.91 is not ==4.5.90",
        lambda a: replace(a, installed={**INSTALLED, "ccxt": "4.5.91"}),
    ),
    ("extras", Status.WARN, "ccxt is not installed", lambda around: replace(around, installed={"numpy": "2.4"})),
]


@pytest.mark.parametrize("name,status,said,broken", FAILURES)
def test_a_broken_machine_is_told(fit: Surroundings, name: str, status: Status, said: str, broken: Broken) -> None:
    around = broken(fit)
    check = check_of(name, around)
    assert check.status is status
    assert said in check.message
    assert check.action
    if status is Status.FAIL:
        assert examine(around).exit_code == (2 if name == "configuration" else 1)


def test_a_store_that_cannot_be_written_is_named_once(fit: Surroundings) -> None:
    around = _blocked(fit)
    assert check_of("artifact store", around).message.count(around.objects.url) == 1


def test_every_check_but_the_note_on_time_zones_has_a_test_that_makes_it_fail(fit: Surroundings) -> None:
    names = {check.name for check in examine(fit).checks}
    assert names - {name for name, *_ in FAILURES} == {"time zone"}


def test_requirements_are_read_with_bounds_extras_and_markers() -> None:
    found = {one.name: one for one in REQUIREMENTS}
    assert set(found) == {"numpy", "ccxt", "aiohttp", "duckdb", "anywidget"}
    assert found["duckdb"].extra == "sql"
    assert found["duckdb"].problem({"duckdb": "3.0.0"}) == "duckdb 3.0.0 is not <3"
    assert found["duckdb"].problem({"duckdb": "2.0rc1"}) == ""
    assert found["duckdb"].problem({}) == ""


def test_this_installation_meets_its_own_requirements(fit: Surroundings) -> None:
    assert requirements_of("seamless-lab")
    here = Surroundings(fit.home, fit.config, fit.objects, fit.open_hot, NOW_MS)
    assert check_of("python", here).status is Status.OK
    assert check_of("packages", here).status is Status.OK
    assert check_of("sqlite", here).status is Status.OK


@pytest.mark.parametrize(
    "text, said", [("{artifact: {object_store_uri: team}}", "team"), ("{strategy: FASTEST}", "home")]
)
def test_the_store_of_the_settings_is_examined_if_they_are_right(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "lab.yaml"
    file.write_text(f"seamless: {text}\n")
    checks = {check.name: check for check in examined(Place(str(tmp_path / "home"), str(file)), {}).checks}
    assert str(tmp_path / said) in checks["artifact store"].message


def sealed_home(root: Path) -> Path:
    """A home whose newest commit is as of `NOW_MS`."""
    store = open_store(root / "artifacts", clock=ManualClock(NOW_MS))
    store.publish(candidate(days(0)))
    return root


@pytest.mark.parametrize("now", ["2025-10-09T08:00:00Z", "1999-01-01T00:00:00Z"])
@pytest.mark.parametrize("named", ["SEAMLESS_NOW", "file"])
def test_a_frozen_clock_is_the_one_that_is_checked(tmp_path: Path, now: str, named: str) -> None:
    home, file = sealed_home(tmp_path / "home"), tmp_path / "lab.yaml"
    environment = {"SEAMLESS_NOW": now} if named == "SEAMLESS_NOW" else {}
    if named == "file":
        file.write_text(f"now: {now}\n")
    place = Place(str(home), str(file) if named == "file" else None)
    name = "SEAMLESS_NOW" if named == "SEAMLESS_NOW" else f"now in {file}"
    found = {check.name: check for check in examined(place, environment).checks}["clock"]
    assert found.status is Status.FAIL
    assert found.message.startswith(f"{name} ")
    assert found.action == f"Correct {name}, or leave it out."


def test_a_frozen_clock_that_is_right_is_told(tmp_path: Path) -> None:
    home, environment = sealed_home(tmp_path / "home"), {"SEAMLESS_NOW": "2025-10-09T09:00:00Z"}
    found = {check.name: check for check in examined(Place(str(home)), environment).checks}["clock"]
    assert found.status is Status.OK
    assert found.message.endswith("frozen by SEAMLESS_NOW")


def test_a_commit_that_cannot_be_read_is_a_check_that_fails_beside_the_others(tmp_path: Path) -> None:
    home = sealed_home(tmp_path / "home")
    commit = next(home.rglob("commits/*.json"))
    commit.unlink()
    commit.symlink_to(commit.name)
    checks = {check.name: check for check in examined(Place(str(home)), {}).checks}
    assert len(checks) == 13
    assert checks["artifact store"].status is Status.FAIL
    assert str(commit) in checks["artifact store"].message
    assert checks["artifact store"].action
    assert checks["clock"].status is Status.OK
