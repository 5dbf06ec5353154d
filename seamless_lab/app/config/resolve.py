"""From entries to one value per key: names, kinds, presets and precedence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from types import MappingProxyType

from seamless_lab.app.config.findings import Finding, Level
from seamless_lab.app.config.schema import ALIASES, BY_NAME, KEYS, NOT_BUILT, RENAMED
from seamless_lab.app.config.sources import DEFAULT_ORIGIN, Entry, Origin, from_file, matches, shown
from seamless_lab.app.config.values import Refused, nearest

_REFUSED = object()
_EXCHANGE = re.compile(r"[a-z0-9_]+")
_PRESET = re.compile(r"(?P<group>sla|conformance)_presets\.(?P<name>[^.]+)\.(?P<rest>.+)")
_GROUPS = {"sla": "seamless.sla_preset", "conformance": "seamless.conformance_preset"}
_SECTIONS = {key.name.rsplit(".", depth)[0] for key in KEYS for depth in range(1, key.name.count(".") + 1)} | {
    alias.rpartition(".")[0] for alias in ALIASES
}

Presets = dict[str, dict[str, list[Entry]]]
"""Group, name of the preset, its entries."""


@dataclass(slots=True)
class Resolution:
    """One value and origin per key, the exchanges named, and what was found wrong on the way.

    `presets`: group, name, and the values by dotted key.
    """

    values: dict[str, object] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    exchanges: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    presets: dict[str, dict[str, dict[str, object]]] = field(default_factory=dict)

    def value(self, name: str) -> object:
        """The value of a key; of `exchanges.ID.*`, its default when it was not written."""
        if name in self.values:
            return self.values[name]
        pattern = matches(name)
        return BY_NAME[pattern].default if pattern else None

    def origin(self, name: str) -> Origin:
        """Where a value comes from."""
        return self.origins.get(name, DEFAULT_ORIGIN)

    def refuse(self, entry: Entry, message: str, hint: str = "", *, not_yet: bool = False) -> None:
        """Note an error about an entry."""
        where = f"{entry.origin.detail}:{entry.origin.line}: " if entry.origin.line is not None else ""
        said = f" (from {entry.origin.detail})" if entry.origin.kind == "environment" else ""
        self.note(Finding(Level.ERROR, entry.key, f"{where}{message}{said}.", hint, str(entry.origin), not_yet=not_yet))

    def note(self, finding: Finding) -> None:
        """Add a finding once."""
        if finding not in self.findings:
            self.findings.append(finding)


def resolve(sources: Iterable[list[Entry]]) -> Resolution:
    """Lay the sources over presets and defaults; later sources win."""
    result = Resolution()
    layers: list[dict[str, Entry]] = []
    presets = _packaged_presets()
    for source in sources:
        kept, own = _split_presets(source, result)
        presets = {group: presets[group] | own[group] for group in _GROUPS}
        layers.append(_named(kept, presets, result))
    for key in KEYS:
        if "*" not in key.name:
            result.values[key.name] = key.default
    for group, named in presets.items():
        result.presets[group] = {name: _values(entries, result) for name, entries in named.items()}
    for group, selector in _GROUPS.items():
        _apply_preset(selector, presets[group], layers, result)
    for layer in layers:
        for name, entry in layer.items():
            _put(name, entry, result)
    return result


@cache
def _packaged() -> tuple[Entry, ...]:
    with as_file(files("seamless_lab.app") / "presets" / "presets.yaml") as path:
        return tuple(from_file(Path(path), {}))


def _packaged_presets() -> Presets:
    return _split_presets(list(_packaged()), Resolution())[1]


def preset_names() -> dict[str, tuple[str, ...]]:
    """The packaged presets by group: `sla` and `conformance`."""
    return {group: tuple(found) for group, found in _packaged_presets().items()}


def _split_presets(entries: list[Entry], result: Resolution) -> tuple[list[Entry], Presets]:
    """The entries that are values, and the presets that the others define."""
    kept: list[Entry] = []
    own: Presets = {group: {} for group in _GROUPS}
    for entry in entries:
        found = _PRESET.fullmatch(entry.key)
        if found is None:
            kept.append(entry)
            continue
        group, name, rest = found["group"], found["name"], found["rest"]
        members = own[group].setdefault(name, [])
        member = rest.removeprefix("policy.") if group == "sla" else rest
        if rest == "description":
            continue
        key = f"seamless.{group}.{member}"
        if key not in BY_NAME:
            last = RENAMED.get(member) or nearest(member, _children(f"seamless.{group}"))
            result.refuse(entry, f"{entry.key} is no setting of a preset", _suggestion(last))
            continue
        members.append(Entry(key, entry.value, Origin("preset", name), entry.is_text, entry.written))
    return kept, own


def _named(entries: list[Entry], presets: Presets, result: Resolution) -> dict[str, Entry]:
    """The entries by canonical name; unknown names and contradictions are noted."""
    named: dict[str, Entry] = {}
    for entry in entries:
        name = _canonical(entry, presets, result)
        if name is None:
            continue
        earlier = named.get(name)
        if earlier is not None and earlier.value != entry.value:
            result.refuse(
                entry,
                f"{entry.key} contradicts {earlier.key} ({earlier.origin}): both set {name}, to different values",
                "Keep one of them.",
            )
            continue
        named[name] = entry
    return named


def _canonical(entry: Entry, presets: Presets, result: Resolution) -> str | None:
    key = ALIASES.get(entry.key, entry.key)
    if key == "preset":
        return _preset_selector(entry, presets, result)
    parts = key.split(".")
    if parts[0] == "exchanges" and len(parts) >= 2:
        if not _EXCHANGE.fullmatch(parts[1]):
            result.refuse(entry, f"{parts[1]!r} is no exchange id", f"Exchange ids are lower-case: {parts[1].lower()}.")
            return None
        result.exchanges.add(parts[1])
    if matches(key):
        return key
    if key in _SECTIONS or (parts[0] == "exchanges" and len(parts) == 2):
        if entry.value is not None and entry.value != {}:
            result.refuse(entry, f"{key} is {shown(entry)}; it must be a mapping", "Indent its keys below it.")
        return None
    if parts[0] in ("sla_presets", "conformance_presets"):
        if entry.value is not None and entry.value != {}:
            result.refuse(
                entry, f"{key} is {shown(entry)}; it must be a mapping", "See the presets in the documentation."
            )
        return None
    if parts[0] in NOT_BUILT:
        result.refuse(entry, f"{key} is not available yet", NOT_BUILT[parts[0]], not_yet=True)
        return None
    result.refuse(entry, f"{entry.key} is no configuration key", _hint(key))
    return None


def _preset_selector(entry: Entry, presets: Presets, result: Resolution) -> str | None:
    """`preset: NAME` chooses in the group that has the name."""
    for group, selector in _GROUPS.items():
        if isinstance(entry.value, str) and entry.value in presets[group]:
            return selector
    names = [name for group in _GROUPS for name in presets[group]]
    result.refuse(
        entry,
        f"preset is {shown(entry)}; there are {', '.join(names)}",
        _suggestion(nearest(str(entry.value), names)),
    )
    return None


def _apply_preset(
    selector: str, presets: Mapping[str, list[Entry]], layers: list[dict[str, Entry]], result: Resolution
) -> None:
    chosen = next((layer[selector] for layer in reversed(layers) if selector in layer), None)
    name = chosen.value if chosen is not None else BY_NAME[selector].default
    if name is None:
        return
    if not isinstance(name, str) or name not in presets:
        if chosen is not None:
            result.refuse(
                chosen,
                f"{selector} is {shown(chosen)}; there are {', '.join(presets)}",
                _suggestion(nearest(str(name), list(presets))),
            )
        return
    for entry in presets[name]:
        _put(entry.key, entry, result)


def _values(entries: list[Entry], result: Resolution) -> dict[str, object]:
    """The values of a preset; refused ones are noted and left out."""
    read = {entry.key: _read(entry.key, entry, result) for entry in entries}
    return {name: value for name, value in read.items() if value is not _REFUSED}


def _put(name: str, entry: Entry, result: Resolution) -> None:
    """Read one entry, and let it win over what was there."""
    value = _read(name, entry, result)
    if value is not _REFUSED:
        earlier = result.values.get(name)
        if name.endswith(".ccxt") and isinstance(earlier, Mapping) and isinstance(value, Mapping):
            value = MappingProxyType({**earlier, **value})  # option by option, as if each was a key
        result.values[name] = value
        result.origins[name] = entry.origin


def _read(name: str, entry: Entry, result: Resolution) -> object:
    key = BY_NAME[matches(name) or name]
    try:
        value = key.kind.read(entry.value, entry.is_text)
    except Refused as refused:
        detail = (
            f" ({str(refused).rstrip('.')})" if str(refused) and not str(refused).startswith("did you mean") else ""
        )
        hint = f"{str(refused)[0].upper()}{str(refused)[1:]}" if str(refused) and not detail else ""
        result.refuse(entry, f"{entry.key} is {shown(entry)}; it must be {key.kind.allowed}{detail}", hint)
        return _REFUSED
    if key.works is not None and not key.works(value):
        result.refuse(entry, f"{entry.key} = {shown(entry)} is not available yet", key.instead, not_yet=True)
        return _REFUSED
    if entry.exposes:
        result.note(
            Finding(
                Level.WARNING,
                entry.key,
                f"{entry.origin.detail}:{entry.origin.line}: {entry.key} holds a credential in the clear.",
                "Write ${NAME} and set the variable NAME.",
                str(entry.origin),
            )
        )
    return value


def _children(section: str) -> list[str]:
    return [key.name.removeprefix(f"{section}.") for key in KEYS if key.name.startswith(f"{section}.")]


def _hint(key: str) -> str:
    """What may have been meant: a renamed key, a neighbour in the section, the same word elsewhere, a near name."""
    section, _, last = key.rpartition(".")
    pattern = re.sub(r"^exchanges\.[^.]+", "exchanges.*", section)
    neighbours = _children(pattern)
    names = [*BY_NAME, *ALIASES, "preset"]
    if last in RENAMED:
        return f"Write {RENAMED[last]}: that is its name here."
    elsewhere = [name for name in names if name.rpartition(".")[2] in (last, key.partition(".")[0])]
    if elsewhere:
        return f"It belongs in another section: {', '.join(elsewhere)}."
    if section and neighbours and (found := nearest(last, neighbours)):
        return _suggestion(found)
    if pattern == "exchanges.*":
        return f"Options for ccxt go one level down: {section}.ccxt.{last}."
    found = nearest(key, names) or nearest(last, [name.rpartition(".")[2] for name in names])
    return _suggestion(found) or (f"{section} has the keys {', '.join(neighbours)}." if section and neighbours else "")


def _suggestion(text: str) -> str:
    if not text:
        return ""
    return (
        f"{text[0].upper()}{text[1:]}" if text.startswith("did you mean") else f"Write {text}: that is its name here."
    )
