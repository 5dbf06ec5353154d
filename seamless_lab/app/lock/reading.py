"""Reading a lockfile that anybody may have edited: exactly what `lockfile.render` writes, in any order."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeVar

from seamless_lab.app.lock.lockfile import EPOCH, VERSION, Lockfile, NotebookRead, Pin, key_text
from seamless_lab.app.secret import redact_url
from seamless_lab.core.identity import NodeId, parse_node, require_bars
from seamless_lab.core.reference import parse_pin_name
from seamless_lab.core.time import TimeRange
from seamless_lab.errors import ConfigError, RequestError

T = TypeVar("T")

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


def parse(text: str, *, path: str) -> Lockfile:
    """The lock in a text; the order of what stands there does not matter.

    Raises
    ------
    ConfigError
        Naming `path`, the pin and the line, for anything that `render` would not have written in some order.
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(text, path, str(error)) from error
    reader = _Reader(text, path)
    top = reader.table(found, "the file", "", {"version", "engine", "pin", "notebook"})
    if (version := top.get("version")) != VERSION:
        raise reader.wrong(f"its version is {version!r}, and this program reads version {VERSION}", "", "version")
    engines = reader.tables(top, "engine", lambda name, value: reader.text(value, f"engine {name}", "engine", name))
    pins = reader.tables(top, "pin", reader.pin)
    notebooks = reader.tables(top, "notebook", reader.notebook)
    return Lockfile(pins, engines, notebooks)


def _unreadable(text: str, path: str, said: str) -> ConfigError:
    lines = text.splitlines()
    marks = [number for number, line in enumerate(lines, 1) if line.startswith(("<<<<<<< ", ">>>>>>> "))]
    if marks:
        return ConfigError(
            f"{path} has the marks of a merge conflict at line {marks[0]}.",
            hint="Keep what stands between them of both sides, pin by pin, then run seamless lock --check.",
            path=path,
            line=marks[0],
        )
    return ConfigError(
        f"{path} is no TOML: {said}.", hint="Mend that line, or restore the file from version control.", path=path
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads values out of parsed TOML, and says where one stands that is not what it must be."""

    text_of_file: str
    path: str

    def pin(self, name: str, found: object) -> Pin:
        """One pin."""
        what, table = f"pin {name}", f"pin.{key_text(name)}"
        keys = {"node", "start", "end", "content", "fingerprint", "seq", "as_of", "rows"}
        facts = self.table(found, what, table, keys, {"store"})
        self.attempt(lambda: parse_pin_name(name), what, table, "")
        return Pin(
            name=name,
            node=self.node(facts, what, table),
            window=self.window(facts, what, table),
            content=self.digest(facts, "content", what, table),
            fingerprint=self.digest(facts, "fingerprint", what, table),
            seq=self.whole(facts, "seq", what, table, least=1),
            as_of_ms=self.moment(facts, "as_of", what, table),
            rows=self.whole(facts, "rows", what, table, least=0),
            store=self.store(facts, what, table) if "store" in facts else "",
        )

    def notebook(self, path: str, found: object) -> tuple[NotebookRead, ...]:
        """The reads of one notebook."""
        what, table = f"notebook {path}", f"notebook.{key_text(path)}"
        if not isinstance(found, list) or not found:
            raise self.wrong(f"{what} is no list of reads", table, "")
        return tuple(self._read(facts, what, table) for facts in found)

    def _read(self, found: object, what: str, table: str) -> NotebookRead:
        facts = self.table(found, what, table, {"cell", "ref", "node", "start", "end", "content", "fingerprint"})
        return NotebookRead(
            cell=self.text(facts["cell"], f"{what}: cell", table, "cell"),
            ref=self.text(facts["ref"], f"{what}: ref", table, "ref"),
            node=self.node(facts, what, table),
            window=self.window(facts, what, table),
            content=self.digest(facts, "content", what, table),
            fingerprint=self.digest(facts, "fingerprint", what, table),
        )

    # -- one value ------------------------------------------------------------------------------------------------

    def tables(self, top: dict[str, object], section: str, read: Callable[[str, object], T]) -> dict[str, T]:
        """A section that holds values by name."""
        found = top.get(section, {})
        if not isinstance(found, dict):
            raise self.wrong(f"{section} is {_kind(found)}, not a table", "", section)
        return {name: read(name, value) for name, value in sorted(found.items())}

    def table(
        self, found: object, what: str, table: str, keys: set[str], optional: Iterable[str] = ()
    ) -> dict[str, object]:
        """A table with known keys, all of which must be there (at the top of the file, `version` alone)."""
        if not isinstance(found, dict):
            raise self.wrong(f"{what} is {_kind(found)}, not a table", table, "")
        known = keys | set(optional)
        for name in found:
            if name not in known:
                raise self.wrong(
                    f"{what} has the unknown key {name!r}; known are {', '.join(sorted(known))}", table, name
                )
        if missing := sorted((keys if table else {"version"}) - found.keys()):
            raise self.wrong(f"{what} has no {missing[0]}", table, "")
        return found

    def text(self, value: object, what: str, table: str, key: str) -> str:
        """A text."""
        if not isinstance(value, str):
            raise self.wrong(f"{what} is {_kind(value)}, not a text", table, key)
        return value

    def node(self, facts: dict[str, object], what: str, table: str) -> NodeId:
        """A series of bars."""
        written = self.text(facts["node"], f"{what}: node", table, "node")
        return self.attempt(lambda: require_bars(parse_node(written)), what, table, "node")

    def window(self, facts: dict[str, object], what: str, table: str) -> TimeRange:
        """A window of whole seconds."""
        start, end = (self.moment(facts, key, what, table) for key in ("start", "end"))
        for key, at_ms in (("start", start), ("end", end)):
            if at_ms % 1000:
                raise self.wrong(f"{what}: {key} has a fraction of a second", table, key)
        return self.attempt(lambda: TimeRange(start // 1000, end // 1000), what, table, "end")

    def digest(self, facts: dict[str, object], key: str, what: str, table: str) -> str:
        """The hexadecimal digits of a digest."""
        found = _DIGEST.fullmatch(self.text(facts[key], f"{what}: {key}", table, key))
        if found is None:
            raise self.wrong(
                f"{what}: {key} is {facts[key]!r}, not sha256: and 64 hexadecimal digits in lower case", table, key
            )
        return found[1]

    def whole(self, facts: dict[str, object], key: str, what: str, table: str, *, least: int) -> int:
        """A whole number."""
        value = facts[key]
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self.wrong(f"{what}: {key} is {value!r}, not a whole number from {least} on", table, key)
        return value

    def moment(self, facts: dict[str, object], key: str, what: str, table: str) -> int:
        """A moment with its offset from UTC, as epoch milliseconds."""
        value = facts[key]
        if not isinstance(value, dt.datetime) or value.tzinfo is None or value.microsecond % 1000:
            shown = value.isoformat() if isinstance(value, dt.date | dt.time) else repr(value)
            raise self.wrong(f"{what}: {key} is {shown}, not a moment such as 2024-01-01T00:00:00Z", table, key)
        return (value - EPOCH) // dt.timedelta(milliseconds=1)

    def store(self, facts: dict[str, object], what: str, table: str) -> str:
        """A folder beside the lockfile."""
        written = self.text(facts["store"], f"{what}: store", table, "store")
        place = PurePosixPath(written)
        if not written or place.is_absolute() or "://" in written or "\\" in written or "\x00" in written:
            said = f"{what}: store is {redact_url(written)!r}, not a folder relative to the lockfile"
            raise self.wrong(f"{said} such as data/artifacts", table, "store")
        return written

    def attempt(self, read: Callable[[], T], what: str, table: str, key: str) -> T:
        """What `read` gives, its refusal told with its place."""
        try:
            return read()
        except RequestError as error:
            raise self.wrong(f"{what}: {error.message.removesuffix('.')}", table, key) from error

    def wrong(self, said: str, table: str, key: str) -> ConfigError:
        """The error of something at `key` of `table`."""
        line = _line_of(self.text_of_file, table, key)
        return ConfigError(
            f"{self.path}, line {line}: {said}.",
            hint="Mend that line, or restore the file from version control.",
            path=self.path,
            line=line,
        )


def _line_of(text: str, table: str, key: str) -> int:
    """The line of a key in a table, or else of the table, or else the first."""
    lines = text.splitlines()
    head = next(
        (at for at, line in enumerate(lines) if table and line.strip().strip("[]").replace(" ", "") == table), -1
    )
    for at, line in enumerate(lines[head + 1 :], head + 1):
        if key and re.match(rf"\s*(\[\s*)?[\"']?{re.escape(key)}\b", line):
            return at + 1
        if table and line.lstrip().startswith("["):
            break
    return max(head, 0) + 1


def _kind(value: object) -> str:
    match value:
        case str():
            return f"the text {value!r}"
        case dict():
            return "a table"
        case list():
            return "a list"
    return f"{value!r}"
