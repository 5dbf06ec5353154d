"""Settings: all configuration, resolved once into frozen values that know where they come from.

Precedence, later wins: packaged defaults, preset, YAML file, environment, arguments.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from seamless_lab.app.config.check import check
from seamless_lab.app.config.findings import ConfigReport, Finding, Level, require
from seamless_lab.app.config.resolve import Resolution, resolve
from seamless_lab.app.config.schema import KEYS, Profile
from seamless_lab.app.config.sources import Origin, from_arguments, from_environment, from_file, unknown_environment
from seamless_lab.app.config.values import nearest
from seamless_lab.app.secret import reveal, show, wrap_secrets
from seamless_lab.core.bucket import BucketShape
from seamless_lab.core.numbers import as_written, seen
from seamless_lab.core.policy import BackfillPolicy, ComputeContext, Domain, SLAPolicy, Strategy
from seamless_lab.core.report import ConformancePolicy
from seamless_lab.errors import ConfigError, RequestError

Section = TypeVar("Section")


@dataclass(frozen=True, slots=True)
class ConformanceSettings:
    """Which flags refuse an answer; with `partial_ok` none does."""

    blocking: tuple[str, ...]
    partial_ok: bool

    @property
    def policy(self) -> ConformancePolicy:
        """The policy that conformance applies."""
        return ConformancePolicy(frozenset() if self.partial_ok else frozenset(self.blocking))


@dataclass(frozen=True, slots=True)
class RateLimitSettings:
    """Tokens (request weight) per interval and key, and the pace within one process."""

    key_template: str
    tokens_per_interval: float
    interval_ms: int
    burst_tokens: int
    local_semaphore: int
    min_interval_ms: int
    penalty_backoff_ms: int

    @property
    def shape(self) -> BucketShape:
        """The numbers of the bucket."""
        return BucketShape(self.tokens_per_interval, self.interval_ms, self.burst_tokens, self.min_interval_ms)


@dataclass(frozen=True, slots=True)
class ArtifactSettings:
    """Where sealed versions live (None: the home's own folder) and after how many bars a slot is final."""

    folder: Path | None
    stabilization_bars: int


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """The in-memory cache of sealed reads."""

    enable: bool
    ttl_ms: int
    max_shards: int


@dataclass(frozen=True, slots=True)
class ExchangeSettings:
    """One exchange.

    `anchors`: timeframe to the epoch seconds of one open; `ccxt`: options of its constructor, credentials wrapped.
    """

    sandbox: bool = False
    symbols: tuple[str, ...] = ()
    rate_limit_rps: float | None = None
    anchors: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    account: str | None = None
    ccxt: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))

    def ccxt_options(self) -> dict[str, object]:
        """Options for ccxt's constructor, plain, with credentials in the clear; not for keeping or printing."""
        found = reveal(self.ccxt)
        return dict(found) if isinstance(found, Mapping) else {}


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything configured. `values` and `origins` are by dotted key; the fields are the same values, typed.

    `context`: on whose behalf a fetch is made that says nothing about it (`max_lag_s` tells its lag by domain).
    `findings` are the warnings met on the way; there are no errors among them. `file` is the configuration file read,
    if any.
    """

    profile: Profile
    now_ms: int | None
    strategy: Strategy
    context: ComputeContext
    sla: SLAPolicy
    sla_presets: Mapping[str, SLAPolicy] = field(repr=False)
    backfill: BackfillPolicy
    conformance: ConformanceSettings
    rate_limit: RateLimitSettings
    artifact: ArtifactSettings
    cache: CacheSettings
    segments_max_bytes: int
    live_max_lag_s: int | None
    exchanges: Mapping[str, ExchangeSettings]
    values: Mapping[str, object] = field(repr=False)
    origins: Mapping[str, Origin] = field(repr=False)
    findings: tuple[Finding, ...]
    file: Path | None

    def exchange(self, exchange_id: str) -> ExchangeSettings:
        """What is configured for an exchange; the defaults when nothing is."""
        return self.exchanges.get(exchange_id, ExchangeSettings())

    def rate_limit_of(self, exchange_id: str) -> RateLimitSettings:
        """The limit for an exchange: the common one, with its `rate_limit_rps` over the same interval if it has one."""
        rps = self.exchange(exchange_id).rate_limit_rps
        if rps is None:
            return self.rate_limit
        return dataclasses.replace(self.rate_limit, tokens_per_interval=rps * self.rate_limit.interval_ms / 1_000)

    def anchor_s(self, exchange_id: str, timeframe: str) -> int | None:
        """The declared open time of one bar, in epoch seconds, or None when nothing is declared."""
        return self.exchange(exchange_id).anchors.get(timeframe)

    def max_lag_s(self, domain: Domain) -> int | None:
        """How old the newest bar may be in a domain; only `live` has a limit."""
        return self.live_max_lag_s if domain is Domain.LIVE else None

    def sla_named(self, name: object) -> SLAPolicy:
        """The budgets of a preset; without a name, those configured.

        Raises
        ------
        RequestError
            There is no such preset; the hint has the nearest.
        """
        if name is None:
            return self.sla
        if isinstance(name, str) and name in self.sla_presets:
            return self.sla_presets[name]
        near = nearest(as_written(name), list(self.sla_presets))
        raise RequestError(
            f"There is no SLA preset {seen(name)}; there are {', '.join(self.sla_presets)}.",
            hint=near[:1].upper() + near[1:] or "Write one of these, or leave it out for the one configured.",
            value=as_written(name),
        )

    def to_dict(self) -> dict[str, object]:
        """Every value by dotted key, credentials masked; JSON-ready."""
        return {name: show(self.values[name]) for name in sorted(self.values)}


def resolve_settings(
    *,
    config_file: Path | None = None,
    env: Mapping[str, str] | None = None,
    stand_in: Mapping[str, object] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Settings:
    """Read and check all sources once.

    Parameters
    ----------
    config_file
        A YAML file, or None for none. `config.sources.config_file` finds the user's.
    env
        The environment; None is an empty one.
    stand_in
        Settings that send exchanges to a sandbox; `overrides` win over them, but not over where they lead: of options
        of ccxt's constructor that are set elsewhere none is kept.
    overrides
        Keyword arguments and command line options, by dotted key or as nested mappings.

    Raises
    ------
    ConfigError
        The first error found, with file and line, value, what is allowed, and how many more there are.
    NotAvailableYet
        The same, for a documented value that this version would not carry out.

    Examples
    --------
    >>> settings = resolve_settings(overrides={"preset": "baseline", "seamless.sla.total_deadline_ms": 2_000})
    >>> settings.sla.total_deadline_ms, str(settings.origins["seamless.sla.max_wait_storage_ms"])
    (2000, 'preset baseline')
    """
    settings, findings = _load(config_file, env or {}, stand_in or {}, overrides or {})
    require(findings)
    if settings is None:  # pragma: no cover  # without settings there is an error, which was just raised
        raise ConfigError("The configuration could not be resolved.")
    return settings


def validate_settings(
    *,
    config_file: Path | None = None,
    env: Mapping[str, str] | None = None,
    stand_in: Mapping[str, object] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> ConfigReport:
    """All that is wrong or worth knowing, errors first; raises nothing that a configuration can cause."""
    try:
        settings, findings = _load(config_file, env or {}, stand_in or {}, overrides or {})
    except ConfigError as error:
        key = str(error.facts.get("key", ""))
        settings, findings = None, (Finding(Level.ERROR, key, error.message, error.hint, f"file {config_file}"),)
    profile = str(settings.profile) if settings is not None else ""
    ordered = tuple(sorted(findings, key=lambda finding: list(Level).index(finding.level)))
    return ConfigReport(profile, str(config_file or ""), ordered)


def _load(
    config_file: Path | None,
    env: Mapping[str, str],
    stand_in: Mapping[str, object],
    overrides: Mapping[str, object],
) -> tuple[Settings | None, tuple[Finding, ...]]:
    sources = [
        from_file(config_file, env) if config_file is not None else [],
        from_environment(env),
        from_arguments(stand_in),
        from_arguments(overrides),
    ]
    found = resolve(sources)
    alone = (".ccxt", ".sandbox")
    found.values.update({key: wrap_secrets(value) for key, value in stand_in.items() if key.endswith(alone)})
    for name, near in unknown_environment(env):
        hint = near[0].upper() + near[1:] if near else "Remove it if it was meant for this program."
        found.findings.append(Finding(Level.WARNING, name, f"The environment sets {name}, which nothing reads.", hint))
    try:
        settings = _settings(found, config_file)
    except ConfigError as error:  # values that are good one by one and impossible together
        key = str(error.facts.get("key", ""))
        found.findings.append(Finding(Level.ERROR, key, error.message, error.hint))
        return None, tuple(found.findings)
    findings = (*found.findings, *check(found))
    return dataclasses.replace(settings, findings=findings), findings


def _settings(found: Resolution, config_file: Path | None) -> Settings:
    exchanges = {name: _section(found, ExchangeSettings, f"exchanges.{name}") for name in sorted(found.exchanges)}
    values = dict(found.values)
    for name in exchanges:
        for key in KEYS:
            if key.name.startswith("exchanges.*."):
                values.setdefault(key.name.replace("*", name), key.default)
    top = {
        "profile": "profile",
        "now_ms": "now",
        "strategy": "seamless.strategy",
        "segments_max_bytes": "segments.max_bytes",
        "live_max_lag_s": "domains.live.max_lag_sec",
    }
    return Settings(
        **{name: found.value(key) for name, key in top.items()},  # type: ignore[arg-type]  # the kinds return these types
        context=ComputeContext(
            world_id=str(found.value("seamless.world_id")),
            domain=Domain(str(found.value("seamless.domain"))),
            min_coverage=found.value("seamless.min_coverage"),  # type: ignore[arg-type]  # its kind is number or None
        ),
        sla=_section(found, SLAPolicy, "seamless.sla"),
        sla_presets=MappingProxyType({name: _sla(values) for name, values in found.presets["sla"].items()}),
        backfill=_section(found, BackfillPolicy, "seamless.backfill"),
        conformance=_section(found, ConformanceSettings, "seamless.conformance"),
        rate_limit=_section(found, RateLimitSettings, "seamless.rate_limit"),
        artifact=ArtifactSettings(
            folder=_artifact_folder(found),
            stabilization_bars=found.value("seamless.artifact.stabilization_bars"),  # type: ignore[arg-type]  # its kind
        ),
        cache=_section(found, CacheSettings, "cache"),
        exchanges=MappingProxyType(exchanges),
        values=MappingProxyType(values),
        origins=MappingProxyType(dict(found.origins)),
        findings=(),
        file=config_file,
    )


def _artifact_folder(found: Resolution) -> Path | None:
    """The folder named; a relative one of a file is below that file's folder."""
    key = "seamless.artifact.object_store_uri"
    value, origin = found.value(key), found.origin(key)
    if value is None:
        return None
    path = Path(unquote(urlsplit(str(value)).path) if "://" in str(value) else str(value)).expanduser()
    return Path(origin.detail).parent / path if origin.kind == "file" else path


def _sla(values: Mapping[str, object]) -> SLAPolicy:
    return SLAPolicy(**{key.rpartition(".")[2]: value for key, value in values.items()})  # type: ignore[arg-type]  # as above


def _section(found: Resolution, section: type[Section], prefix: str) -> Section:
    """A dataclass from the keys of a section that have its fields' names."""
    names = [member.name for member in dataclasses.fields(section)]  # type: ignore[arg-type]  # sections are dataclasses
    return section(**{name: found.value(f"{prefix}.{name}") for name in names})
