"""The lockfile: one text for one value, nothing half-read, nothing half-written."""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import random
import stat
import tomllib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.app.lock.disk import edit, load
from seamless_lab.app.lock.lockfile import Lockfile, NotebookRead, Pin, render
from seamless_lab.app.lock.reading import parse
from seamless_lab.core.identity import NodeId
from seamless_lab.core.time import LATEST_S, TimeRange
from seamless_lab.errors import ConfigError, StoreBusy, StoreUnavailable

DIGESTS = st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}")
NAMES = st.sampled_from(["a", "b", "9", "btc", "btc.1m", "btc_1m", "btc-1m", "zz..--", "a" * 64])
SYMBOLS = st.sampled_from(["BTC/USDT", "BTC/USDT:USDT", 'A"B', "Ä/日本", "A\\B", "A#B", "x" * 60])
NODES = st.builds(
    NodeId, st.just("ohlcv"), st.sampled_from(["binance", "kraken"]), SYMBOLS, st.sampled_from(["1m", "1d"])
)
WINDOWS = st.tuples(st.integers(0, LATEST_S - 2), st.integers(1, 10**8)).map(
    lambda pair: TimeRange(pair[0], min(pair[0] + pair[1], LATEST_S - 1))
)
TEXTS = st.sampled_from(
    ["", "a1", "study.ipynb", "mit Leerzeichen/ä.ipynb", 'quo"te', "back\\slash", "tab\tnew\nline"]
) | st.text(st.characters(max_codepoint=0x2FF), max_size=8)
STORES = st.sampled_from(["", "data", "datasets/store", "../shared/artifacts", 'quote"d', "mit Leerzeichen/ä"])


@st.composite
def locks(draw: st.DrawFn) -> Lockfile:
    pins = [
        Pin(
            name,
            draw(NODES),
            draw(WINDOWS),
            draw(DIGESTS),
            draw(DIGESTS),
            draw(st.integers(1, 10**6)),
            draw(st.integers(0, LATEST_S * 1000 - 1)),
            draw(st.integers(0, 10**9)),
            draw(STORES),
        )
        for name in draw(st.lists(NAMES, unique=True, max_size=4))
    ]
    reads = st.lists(
        st.builds(NotebookRead, TEXTS, TEXTS, NODES, WINDOWS, DIGESTS, DIGESTS), min_size=1, max_size=3
    ).map(tuple)
    return Lockfile(
        {pin.name: pin for pin in pins},
        draw(st.dictionaries(st.sampled_from(["polars", "duckdb", "seamless_lab"]), TEXTS, max_size=3)),
        draw(st.dictionaries(TEXTS.filter(bool), reads, max_size=2)),
    )


GOOD = f"""\
version = 1

[engine]
polars = "2.1.0"

[pin.btc]
node = "ohlcv:binance:BTC/USDT:1m"
start = 2024-01-01T00:00:00Z
end = 2024-02-01T00:00:00Z
content = "sha256:{"ab" * 32}"
fingerprint = "sha256:{"cd" * 32}"
seq = 3
as_of = 2024-06-01T00:00:00.250Z
rows = 44640
"""


@given(locks())
def test_reading_a_lock_is_the_inverse_of_writing_it(lock: Lockfile) -> None:
    assert parse(render(lock), path="seamless.lock") == lock


@given(locks(), st.randoms(use_true_random=False))
def test_one_lock_has_one_text_whatever_order_it_was_made_in(lock: Lockfile, chance: random.Random) -> None:
    def shuffled(mapping):
        items = list(mapping.items())
        chance.shuffle(items)
        return dict(items)

    other = Lockfile(shuffled(lock.pins), shuffled(lock.engines), shuffled(lock.notebooks))
    assert render(other) == render(lock)
    assert render(parse(render(other), path="x")) == render(lock)


@given(locks())
def test_the_text_is_toml_with_its_tables_sorted(lock: Lockfile) -> None:
    found = tomllib.loads(render(lock))
    assert list(found.get("pin", {})) == sorted(lock.pins)
    assert render(lock).endswith("\n")
    assert "\n\n\n" not in render(lock)


@given(locks(), st.randoms(use_true_random=False))
def test_the_order_in_a_hand_edited_file_does_not_matter(lock: Lockfile, chance: random.Random) -> None:
    head, *blocks = render(lock).split("\n\n")
    reads = [block for block in blocks if block.startswith("[[")]  # a list's own order is its meaning
    tables = [block for block in blocks if not block.startswith("[[")]
    for place, block in enumerate(tables):
        title, *lines = block.strip("\n").split("\n")  # other ends of lines may stand in a text
        chance.shuffle(lines)
        tables[place] = "\n".join([title, *lines])
    chance.shuffle(tables)
    assert parse("\n\n".join([head, *tables, *reads]) + "\n", path="x") == lock


def test_a_written_lock_looks_like_this() -> None:
    pin = Pin(
        "btc",
        NodeId("ohlcv", "binance", "BTC/USDT", "1m"),
        TimeRange(1_704_067_200, 1_706_745_600),
        "ab" * 32,
        "cd" * 32,
        3,
        1_717_200_000_250,
        44_640,
        "datasets/store",
    )
    read = NotebookRead("a1", pin.ref, pin.node, pin.window, pin.content, pin.fingerprint)
    lock = Lockfile().with_pins([pin], {"polars": "2.1.0"}).with_notebook("study.ipynb", (read,))
    assert (
        render(lock)
        == f"""\
# What this project's results were computed from. Written by `seamless pin`; `seamless lock --check` checks it.
{GOOD}store = "datasets/store"

[[notebook."study.ipynb"]]
cell = "a1"
ref = "pin:btc"
node = "ohlcv:binance:BTC/USDT:1m"
start = 2024-01-01T00:00:00Z
end = 2024-02-01T00:00:00Z
content = "sha256:{"ab" * 32}"
fingerprint = "sha256:{"cd" * 32}"
"""
    )
    assert lock.without("btc").with_notebook("study.ipynb", ()) == Lockfile(engines={"polars": "2.1.0"})


# -- what a hand may do ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "old, new, said",
    [
        ("version = 1", "version = 2", r"line 1: its version is 2, and this program reads version 1"),
        ("version = 1\n", "", r"line 1: the file has no version"),
        ("[pin.btc]", "[x]", r"line 6: the file has the unknown key 'x'"),
        ("version = 1", "version = 1\nowner = 3", r"line 2: the file has the unknown key 'owner'; known are engine"),
        ("rows = 44640", "rows = 44640\nnote = 1", r"line 15: pin btc has the unknown key 'note'; known are as_of"),
        ("rows = 44640\n", "", r"line 6: pin btc has no rows"),
        ("rows = 44640", "rows = 44640.0", r"line 14: pin btc: rows is 44640.0, not a whole number from 0 on"),
        ("rows = 44640", "rows = true", r"line 14: pin btc: rows is True, not a whole"),
        ("seq = 3", "seq = 0", r"line 12: pin btc: seq is 0, not a whole number from 1 on"),
        ("abab", "ABAB", r"line 10: pin btc: content is 'sha256:ABABab.*', not sha256: and 64 hexadecimal digits"),
        ("sha256:cd", "cd", r"line 11: pin btc: fingerprint is 'cd"),
        ("end = 2024-02-01T00:00:00Z", "end = 2024-02-01", r"line 9: pin btc: end is 2024-02-01, not a moment such as"),
        (
            "end = 2024-02-01T00:00:00Z",
            "end = 2024-02-01T00:00:00",
            r"line 9: pin btc: end is 2024-02-01T00:00:00, not",
        ),
        ("end = 2024-02-01T00:00:00Z", 'end = "2024-02-01"', r"line 9: pin btc: end is '2024-02-01', not a moment"),
        ("end = 2024-02-01T00:00:00Z", "end = 2023-02-01T00:00:00Z", r"line 9: pin btc: The window .* is empty"),
        ("end = 2024-02-01T00:00:00Z", "end = 2024-02-01T00:00:00.5Z", r"line 9: pin btc: end has a fraction"),
        ("ohlcv:binance:BTC/USDT:1m", "ohlcv:binance:BTC", r"line 7: pin btc: 'ohlcv:binance:BTC' is no node"),
        ("ohlcv:binance:BTC/USDT:1m", "trades:binance:BTC/USDT", r"line 7: pin btc: .* names trades"),
        ("[pin.btc]", "[pin.BTC]", r"line 6: pin BTC: 'BTC' is no name of a pin"),
        ("rows = 44640", 'rows = 44640\nstore = "/"', r"line 15: pin btc: store is '/', not a folder relative"),
        ("rows = 44640", 'rows = 44640\nstore = "s3://b/x"', r"store is 's3://b/x', not a folder relative"),
        ("rows = 44640", "rows = 44640\nstore = 5", r"line 15: pin btc: store is 5, not a text"),
        ('polars = "2.1.0"', "polars = 2", r"line 4: engine polars is 2, not a text"),
        ("[engine]", "[engine.polars]", r"engine polars is a table, not a text"),
        ("[pin.btc]", "[notebook.btc]", r"line 6: notebook btc is no list of reads"),
        ("seq = 3", "seq = 3\nseq = 4", r"is no TOML: .*line 13"),
        ("rows = 44640\n", "rows = 44640\n[pin.btc]\n", r"is no TOML: .*line 15"),
        ("seq = 3", "<<<<<<< HEAD\nseq = 3\n=======\nseq = 4\n>>>>>>> other", r"marks of a merge conflict at line 12"),
    ],
)
def test_a_lock_that_was_edited_wrongly_names_the_pin_and_the_line(old: str, new: str, said: str) -> None:
    parse(GOOD, path="seamless.lock")
    with pytest.raises(ConfigError, match=said) as refused:
        parse(GOOD.replace(old, new, 1), path="study/seamless.lock")
    assert refused.value.message.startswith("study/seamless.lock")
    assert refused.value.hint
    assert refused.value.exit_code == 2


@given(st.binary(max_size=200) | TEXTS.map(str.encode) | st.integers(0, len(GOOD)).map(lambda at: GOOD[:at].encode()))
def test_no_text_is_a_crash(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "seamless.lock"
    path.write_bytes(data)
    with suppress(ConfigError):
        load(path)


# -- the file -------------------------------------------------------------------------------------------------------


def some(name: str, rows: int = 1) -> Pin:
    node = NodeId("ohlcv", "binance", "BTC/USDT", "1m")
    return Pin(name, node, TimeRange(0, 60), "ab" * 32, "cd" * 32, 1, 1, rows)


def add(*names: str):
    return lambda lock: lock.with_pins([some(name) for name in names], {})


def test_an_edit_makes_the_folder_and_leaves_nothing_but_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "seamless.lock"
    before, after = edit(path, add("b", "a"))
    assert (list(before.pins), sorted(after.pins)) == ([], ["a", "b"])
    assert load(path) == after
    assert [file.name for file in path.parent.iterdir()] == ["seamless.lock"]


def test_an_edit_that_changes_nothing_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "seamless.lock"
    edit(path, add("a"))
    before = path.stat()
    edit(path, add("a"))
    assert path.stat().st_ino == before.st_ino


def test_an_edit_keeps_the_mode_and_follows_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.lock", tmp_path / "seamless.lock"
    edit(real, add("a"))
    real.chmod(0o640)
    link.symlink_to(real)
    edit(link, add("b"))
    assert link.is_symlink()
    assert sorted(load(real).pins) == ["a", "b"]
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_an_edit_keeps_a_mode_that_the_umask_would_narrow(tmp_path: Path) -> None:
    path = tmp_path / "seamless.lock"
    edit(path, add("a"))
    path.chmod(0o664)
    before = os.umask(0o077)
    try:
        edit(path, add("b"))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o664


def test_a_temporary_file_that_a_killed_writer_left_is_used_up(tmp_path: Path) -> None:
    (tmp_path / ".seamless.lock.tmp").write_text("half")
    edit(tmp_path / "seamless.lock", add("a"))
    assert [file.name for file in tmp_path.iterdir()] == ["seamless.lock"]


def test_a_broken_lock_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "seamless.lock"
    path.write_text("version = 1\n<<<<<<< HEAD\n")
    with pytest.raises(ConfigError, match="merge conflict"):
        edit(path, add("a"))
    assert path.read_text() == "version = 1\n<<<<<<< HEAD\n"


def test_what_fails_while_changing_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "seamless.lock"
    edit(path, add("a"))
    with pytest.raises(ZeroDivisionError):
        edit(path, lambda lock: 1 / 0)
    assert sorted(load(path).pins) == ["a"]
    edit(path, add("b"))  # and its turn is over
    assert sorted(load(path).pins) == ["a", "b"]


def test_a_lock_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    assert load(tmp_path / "seamless.lock") is None
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path)
    (tmp_path / "seamless.lock").write_bytes(b"version = 1\n# caf\xe9\n")
    with pytest.raises(ConfigError, match="no text in UTF-8: byte 17 is 0xe9"):
        load(tmp_path / "seamless.lock")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreUnavailable, match="cannot be written: Permission denied"):
        edit(tmp_path / "seamless.lock", add("a"))


def test_a_folder_that_is_a_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        edit(tmp_path / "file" / "seamless.lock", add("a"))


def test_a_writer_does_not_wait_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "seamless.lock"
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        with pytest.raises(StoreBusy, match=r"held by another writer for 0.02 s"):
            edit(path, add("a"), wait_s=0.02)
    finally:
        os.close(folder)
    edit(path, add("a"), wait_s=0.02)


def test_moments_before_and_after_daylight_saving_are_utc(tmp_path: Path) -> None:
    lock = Lockfile({"a": some("a")})
    found = tomllib.loads(render(lock))["pin"]["a"]
    assert found["start"] == dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
