"""The project as a whole: what is tracked, locked, shipped and loaded."""

import importlib.metadata
import io
import os
import pwd
import re
import socket
import subprocess
import sys
import tokenize
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
HEAVY = {
    "IPython",
    "aiohttp",
    "apsw",
    "ccxt",
    "duckdb",
    "ipykernel",
    "jupyterlab",
    "pandas",
    "plotly",
    "polars",
    "pyarrow",
}

# Spelled in pieces, so that this file doesn't match itself.
REGISTRY_HOSTS = [
    ".".join(words)
    for words in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("yarnpkg", "com"),
        ("static", "crates", "io"),
        ("index", "crates", "io"),
        ("proxy", "golang", "org"),
        ("maven", "org"),
        ("deb", "debian", "org"),
    )
]
MACHINE_PATHS = [f"{os.sep}{name}{os.sep}" for name in ("work", "root")] + [pwd.getpwuid(os.getuid()).pw_dir + os.sep]


def tracked_files() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode != 0:
        pytest.skip("not a git clone")
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def tracked_texts() -> list[tuple[str, str]]:
    contents = ((path, path.read_bytes()) for path in tracked_files())
    return [(str(path.relative_to(ROOT)), raw.decode()) for path, raw in contents if b"\0" not in raw]


def package_sources() -> list[Path]:
    return sorted((ROOT / "seamless_lab").rglob("*.py"))


def test_no_tracked_file_names_a_package_registry() -> None:
    found = [(name, host) for name, text in tracked_texts() for host in REGISTRY_HOSTS if host in text]
    assert not found


def test_no_tracked_file_names_a_path_of_the_machine_it_was_written_on() -> None:
    pattern = re.compile("|".join(rf"(?<![\w.>}}]){re.escape(path)}" for path in MACHINE_PATHS))
    found = [(name, match.group()) for name, text in tracked_texts() for match in pattern.finditer(text)]
    assert not found


@pytest.mark.parametrize("name", ["dev.txt", "uv.txt"])
def test_lock_pins_and_hashes_every_package_and_names_no_address(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    assert "://" not in text
    assert not [
        entry for entry in entries if not re.match(r"[\w.-]+==[\w.!+]+", entry) or "--hash=sha256:" not in entry
    ]


def test_lock_satisfies_what_pyproject_asks_for() -> None:
    pins = dict(re.findall(r"^([\w.-]+)==([\w.!+]+)", (ROOT / "requirements/dev.txt").read_text(), re.MULTILINE))
    extras = [text for name, texts in PROJECT["optional-dependencies"].items() if name != "all" for text in texts]
    asked = [Requirement(text) for text in PROJECT["dependencies"] + extras]
    unsatisfied = [str(r) for r in asked if not r.specifier.contains(pins.get(canonicalize_name(r.name), "0"))]
    assert not unsatisfied, "run make lock"


def test_extra_all_names_every_other_extra_but_dev() -> None:
    extras = PROJECT["optional-dependencies"]
    assert Requirement(extras["all"][0]).extras == set(extras) - {"all", "dev"}


def test_changelog_and_installation_have_the_current_version() -> None:
    assert f"\n## [{PROJECT['version']}]" in (ROOT / "CHANGELOG.md").read_text()
    assert importlib.metadata.version("seamless-lab") == PROJECT["version"], "run make setup"


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, seamless_lab; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "seamless_lab" in loaded
    assert not HEAVY & set(loaded)


def test_opening_a_lab_loads_no_verb_before_it_is_called() -> None:
    code = "import sys; from seamless_lab import Lab; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    app = "seamless_lab.app"
    features = {f"{app}.{name}" for name in ("backtest", "compare.results", "lock.pinning", "notebooks", "receipts")}
    assert f"{app}.lab" in loaded
    assert not (features | {f"{app}.sql.query", "ccxt", "duckdb", "pandas", "plotly"}) & set(loaded)


def test_make_lock_compiles_every_set_of_requirements() -> None:
    script = (ROOT / "scripts" / "lock.py").read_text()
    for given in (ROOT / "requirements").glob("*.in"):
        assert f'"{given.name}"' in script, f"nothing writes {given.with_suffix('.txt').name}"
        assert given.with_suffix(".txt").is_file()


def test_every_broad_except_gives_its_reason() -> None:
    broad = re.compile(r"\bexcept\s*(:|\(?.*\b(Base)?Exception\b)")
    lines = [(path, line) for path in package_sources() for line in path.read_text().splitlines() if broad.search(line)]
    assert not [(path.name, line.strip()) for path, line in lines if not re.search(r":\s*#\s*\w.{10,}", line)]


def test_no_source_silences_a_checker_without_naming_the_rule_and_the_reason() -> None:
    bare = re.compile(r"#\s*(type: ignore|noqa)(?!(\[[\w, -]+\]|: ?[A-Z]+\d+)(, ?[A-Z]+\d+)*\s+# \w.{5,})")
    comments = [
        (path.name, token.string)
        for path in package_sources()
        for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
        if token.type == tokenize.COMMENT
    ]
    assert not [found for found in comments if bare.search(found[1])]


def test_wheel_ships_the_data_files_the_types_and_the_licence_and_stays_small(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = {str(path.relative_to(ROOT)) for path in tracked_files() if path.is_relative_to(ROOT / "seamless_lab")}
    assert "seamless_lab/py.typed" in names
    assert shipped <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]
    assert wheel.stat().st_size <= 2_000_000


def test_tests_cannot_leave_the_machine(outside_attempts: list[str]) -> None:
    with socket.socket() as plain, pytest.raises(AssertionError, match="stay on loopback"):
        plain.connect(("192.0.2.1", 80))  # a documentation address: nobody is there
    with pytest.raises(AssertionError, match="stay on loopback"):
        socket.getaddrinfo("exchange.example", 443)
    assert len(outside_attempts) == 2
    outside_attempts.clear()


def test_tests_may_use_loopback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


def test_home_is_empty_of_the_developers_own_settings() -> None:
    assert Path.home() != Path(pwd.getpwuid(os.getuid()).pw_dir)
    assert not [name for name in os.environ if name.startswith(("SEAMLESS_", "QMTL_"))]
