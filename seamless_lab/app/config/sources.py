"""Where configuration comes from: YAML files, the environment and arguments, as flat entries that know their origin."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from seamless_lab.app.config.schema import BY_NAME, ENVIRONMENT, OTHER_ENVIRONMENT, SERVICE_PREFIXES
from seamless_lab.app.config.values import nearest
from seamless_lab.app.secret import Secret, redact_url, show, wrap_secrets
from seamless_lab.core.numbers import seen
from seamless_lab.errors import ConfigError

_REFERENCE = re.compile(r"\$\$|\$\{(?P<name>[A-Za-z_][\w.]*)(?::-(?P<default>[^}]*))?\}")
_DEEPEST = 8
_WHOLE = frozenset({"exchanges.*.ccxt", "exchanges.*.anchors"})


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from.

    `kind` is default, preset, file, environment or argument; `detail` the preset, path or name; `line` that of a file.
    """

    kind: str
    detail: str = ""
    line: int | None = None

    def __str__(self) -> str:
        place = self.detail if self.line is None else f"{self.detail}:{self.line}"
        return f"{self.kind} {place}".strip()


DEFAULT_ORIGIN = Origin("default")
ARGUMENT = Origin("argument")


@dataclass(frozen=True, slots=True)
class Entry:
    """One value as it was written.

    `is_text`: it comes from the environment; `written`: what to show of it, None to show the value; `exposes`: a file
    holds a credential in the clear.
    """

    key: str
    value: object = field(repr=False)
    origin: Origin
    is_text: bool = False
    written: str | None = None
    exposes: bool = False


def from_file(path: Path, environment: Mapping[str, str]) -> list[Entry]:
    """The entries of a YAML file, in its order.

    `${NAME}` is replaced by an environment variable or by another key of the file (`${connectors.questdb_dsn}`),
    `${NAME:-text}` by `text` when that is absent or empty, `$$` by `$`.

    Raises
    ------
    ConfigError
        The file cannot be read, is no YAML mapping, writes a key twice, or refers to a name that is not set; with file
        and line.
    """
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(
            f"The configuration file {path} cannot be read: {reason}.",
            hint="Check --config and SEAMLESS_CONFIG.",
            path=str(path),
        ) from error
    try:
        loader = yaml.SafeLoader(content)
        root = loader.get_single_node()
        if root is None:
            return []
        if not isinstance(root, yaml.MappingNode):
            raise ConfigError(
                f"{path} is no mapping of keys to values.", hint="Start with `seamless:`.", path=str(path)
            )
        written = list(_walk(loader, root, "", path))
    except (yaml.YAMLError, ValueError) as error:  # PyYAML lets the ValueError of an impossible date through
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise ConfigError(
            f"{path}{line} is no YAML: {problem}.",
            hint="Check indentation and quotes at that line.",
            path=str(path),
            line=mark.line + 1 if mark else None,
        ) from error
    plain = {entry.key: entry.value for entry in written if isinstance(entry.value, str | int | float)}
    return [_interpolated(entry, plain, environment) for entry in written]


def from_environment(environment: Mapping[str, str]) -> list[Entry]:
    """The entries of the environment variables that name a key; those set to nothing count as absent."""
    return [
        Entry(key, environment[name], Origin("environment", name), is_text=True)
        for name, key in ENVIRONMENT.items()
        if environment.get(name, "") != ""
    ]


def unknown_environment(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """Variables with our prefixes that nobody reads, each with the nearest known name or nothing."""
    known = [*ENVIRONMENT, *OTHER_ENVIRONMENT]
    return [
        (name, nearest(name, known))
        for name in sorted(environment)
        if name.startswith(("SEAMLESS_", "QMTL_SEAMLESS_"))
        and name not in known
        and not name.startswith(SERVICE_PREFIXES)
    ]


def from_arguments(arguments: Mapping[str, object]) -> list[Entry]:
    """The entries of dotted names or nested mappings."""
    return [Entry(key, value, ARGUMENT) for key, value in _flat("", arguments)]


def matches(name: str) -> str | None:
    """The name in the table of keys that a dotted name stands for: exchanges' ids become `*`."""
    if name in BY_NAME:
        return name
    parts = name.split(".")
    pattern = ".".join((parts[0], "*", *parts[2:])) if parts[0] == "exchanges" and len(parts) == 3 else ""
    return pattern if pattern in BY_NAME else None


def _is_whole(name: str) -> bool:
    return matches(name) in _WHOLE


def _flat(prefix: str, values: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in values.items():
        key = f"{prefix}.{name}" if prefix else str(name)
        if isinstance(value, Mapping) and not _is_whole(key):
            yield from _flat(key, value)
        else:
            yield key, value


def _walk(loader: yaml.SafeLoader, node: yaml.MappingNode, prefix: str, path: Path) -> Iterator[Entry]:
    """Leaves of a mapping, depth first; a mapping that is read as a whole is one leaf."""
    if prefix.count(".") > _DEEPEST:
        raise ConfigError(f"{path} nests {prefix} too deeply.", hint="Check the aliases (*name).", path=str(path))
    _refuse_repetition(node, prefix, path)
    loader.flatten_mapping(node)
    for name_node, value_node in node.value:
        name = str(name_node.value)
        key = f"{prefix}.{name}" if prefix else name
        origin = Origin("file", str(path), name_node.start_mark.line + 1)
        if isinstance(value_node, yaml.MappingNode) and not _is_whole(key):
            yield from _walk(loader, value_node, key, path)
            if not value_node.value:
                yield Entry(key, {}, origin)
            continue
        value = loader.construct_object(value_node, deep=True)
        yield Entry(key, value, origin)


def _refuse_repetition(node: yaml.MappingNode, prefix: str, path: Path) -> None:
    seen: dict[str, int] = {}
    for name_node, _ in node.value:
        if not isinstance(name_node, yaml.ScalarNode):
            place = f"{path}:{name_node.start_mark.line + 1}"
            raise ConfigError(f"{place} has a key that is no word.", hint="Write `name: value`.", path=str(path))
        name, line = str(name_node.value), name_node.start_mark.line + 1
        key = f"{prefix}.{name}" if prefix else name
        if name in seen and name != "<<":
            raise ConfigError(
                f"{path}:{line} writes {key} again; it is already in line {seen[name]}.",
                hint="Keep one of them.",
                path=str(path),
                line=line,
                key=key,
            )
        seen[name] = line


def _interpolated(entry: Entry, plain: Mapping[str, object], environment: Mapping[str, str]) -> Entry:
    value = _replace(entry.value, entry, plain, environment, ())
    exposes = _has_literal_secret(wrap_secrets(entry.value))
    if value == entry.value:
        return replace(entry, exposes=exposes)
    written = str(show(wrap_secrets(entry.value)))
    return Entry(entry.key, value, entry.origin, is_text=True, written=written, exposes=exposes)


def _has_literal_secret(value: object) -> bool:
    if isinstance(value, Secret):
        return "${" not in value.reveal()
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple) else ()
    return any(_has_literal_secret(item) for item in inside)


def _replace(
    value: object, entry: Entry, plain: Mapping[str, object], environment: Mapping[str, str], within: tuple[str, ...]
) -> object:
    if isinstance(value, Mapping):
        return {key: _replace(item, entry, plain, environment, within) for key, item in value.items()}
    if isinstance(value, list):
        return [_replace(item, entry, plain, environment, within) for item in value]
    if not isinstance(value, str) or "$" not in value:
        return value

    def found(reference: re.Match[str]) -> str:
        name = reference["name"]
        if name is None:
            return "$"
        if name in within:
            raise _unset(entry, name, f"refers to ${{{name}}}, which refers back to it")
        if name in plain:
            return str(_replace(plain[name], entry, plain, environment, (*within, name)))
        if environment.get(name):
            return environment[name]
        for variable, key in ENVIRONMENT.items():
            if "." in name and key == name and environment.get(variable):
                return environment[variable]
        if reference["default"] is not None:
            return str(reference["default"])
        raise _unset(entry, name, f"refers to ${{{name}}}, which is not set")

    return _REFERENCE.sub(found, value)


def _unset(entry: Entry, name: str, what: str) -> ConfigError:
    line = entry.origin.line
    return ConfigError(
        f"{entry.origin.detail}:{line}: {entry.key} {what}.",
        hint=f"Set {name}, or write ${{{name}:-}} if it may be absent.",
        path=entry.origin.detail,
        line=line,
        key=entry.key,
    )


def config_file(explicit: Path | None, environment: Mapping[str, str], places: tuple[Path, ...]) -> Path | None:
    """The file to read: the one named, else `SEAMLESS_CONFIG`, else the first `seamless.yaml` in some folders."""
    if explicit is not None:
        return explicit.expanduser()
    if named := environment.get("SEAMLESS_CONFIG"):
        return Path(named).expanduser()
    return next((place / "seamless.yaml" for place in places if os.access(place / "seamless.yaml", os.F_OK)), None)


def shown(entry: Entry) -> str:
    """What of an entry's value may be printed in a message: never more than 80 characters, never credentials."""
    value = show(wrap_secrets(entry.value))
    text = entry.written if entry.written is not None else seen(value) if isinstance(value, int) else repr(value)
    return redact_url(text if len(text) <= 80 else text[:77] + "...")
