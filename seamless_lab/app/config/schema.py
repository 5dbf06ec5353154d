"""Every configuration key: its kind, its default, its environment names, and what works in this version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from seamless_lab.app.config.values import (
    Kind,
    anchors,
    boolean,
    choice,
    instant,
    integer,
    integers,
    number,
    options,
    text,
    url,
    word,
    words,
)
from seamless_lab.core.policy import BackfillMode, BackfillPolicy, Domain, OnViolation, SLAPolicy, Strategy
from seamless_lab.core.report import DEFAULT, FLAGS, WARNINGS

NODE_ID_FORMAT = "ohlcv:{exchange}:{symbol}:{timeframe}"
PARTITION_TEMPLATE = "exchange={exchange}/symbol={symbol}/timeframe={timeframe}"
CACHE_KEY_TEMPLATE = "{node_id}:{start}:{end}:{interval}:{conformance_version}:{world_id}:{as_of}"
COLUMNS = ("ts", "open", "high", "low", "close", "volume")


class Profile(StrEnum):
    """`dev` may use embedded twins and says so; `prod` refuses to start without the real services."""

    DEV = "dev"
    PROD = "prod"


@dataclass(frozen=True, slots=True)
class Key:
    """One configuration key.

    `name`: dotted; `*` stands for an exchange id. `works`: which valid values this version carries out; others are
    refused as not available yet, with `instead` as the hint. `aliases`: other dotted names for the same value.
    """

    name: str
    kind: Kind
    default: object
    doc: str
    environment: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    works: Callable[[object], bool] | None = None
    instead: str = ""


def _only(*values: object) -> Callable[[object], bool]:
    return lambda value: value in values


def _local(value: object) -> bool:
    return value is None or (isinstance(value, str) and ("://" not in value or value.startswith("file://")))


SLA, BACKFILL = SLAPolicy(), BackfillPolicy()
_MS = integer(0)
_WAIT = integer(1).optional()
_RECONNECTS_MS = (500, 1_000, 2_000, 5_000)
_SERVER = "Leave it out: the embedded default serves all kernels of this machine."
_FIXED = "Leave it out: the format fixes it."
_DOMAIN = "Leave it out: the domain fixes it."

KEYS: tuple[Key, ...] = (
    # -- the process
    Key(
        "profile", choice(Profile), Profile.DEV, "dev may use embedded twins; prod refuses them", ("SEAMLESS_PROFILE",)
    ),
    Key("now", instant().optional(), None, "a frozen clock, for documents and tests", ("SEAMLESS_NOW",)),
    Key("segments.max_bytes", integer(0), 20 * 2**30, "size of the segment cache on this machine"),
    # -- what a fetch does
    Key(
        "seamless.node_id_format",
        text(),
        NODE_ID_FORMAT,
        "form of node ids",
        works=_only(NODE_ID_FORMAT),
        instead=_FIXED,
    ),
    Key(
        "seamless.strategy", choice(Strategy), Strategy.SEAMLESS, "what a fetch does about gaps", ("SEAMLESS_STRATEGY",)
    ),
    Key("seamless.domain", choice(Domain), Domain.DRYRUN, "execution domain of a fetch", ("SEAMLESS_DOMAIN",)),
    Key(
        "seamless.world_id",
        text(r"[\w.:-]+", "letters, digits, . : _ -"),
        "default",
        "world of a fetch",
        ("SEAMLESS_WORLD",),
    ),
    Key("seamless.min_coverage", number(0, 1).optional(), None, "smallest acceptable coverage ratio"),
    Key("seamless.sla_preset", text(), "notebook", "which SLA preset", ("QMTL_SEAMLESS_SLA_PRESET",)),
    Key(
        "seamless.conformance_preset",
        text().optional(),
        None,
        "which conformance preset",
        ("QMTL_SEAMLESS_CONFORMANCE_PRESET",),
    ),
    Key(
        "seamless.validation_mode",
        word("canary", "strict"),
        "canary",
        "whether a schema change is reported or refused",
        ("QMTL_SCHEMA_VALIDATION_MODE",),
        works=_only("canary"),
        instead="Leave it out: schema changes are reported.",
    ),
    Key(
        "seamless.conformance.version",
        word("v1", "v2"),
        "v2",
        "version of the pipeline",
        works=_only("v2"),
        instead=_FIXED,
    ),
    Key(
        "seamless.conformance.dtype_policy",
        word("strict", "lenient"),
        "strict",
        "whether text that is no number is an error",
        works=_only("strict"),
        instead="Leave it out and take dtype_mismatch out of seamless.conformance.blocking.",
    ),
    Key(
        "seamless.conformance.gap_flagging",
        boolean(),
        True,
        "whether unanswered slots are flagged",
        works=_only(True),
        instead="Leave it out: a gap that is not in seamless.conformance.blocking does not block.",
    ),
    Key(
        "seamless.conformance.blocking",
        words((*FLAGS, *WARNINGS)),
        tuple(sorted(DEFAULT.blocking)),
        "flags that refuse an answer",
    ),
    Key("seamless.conformance.partial_ok", boolean(), False, "report blocking flags instead of refusing"),
    # -- budgets
    Key("seamless.sla.max_wait_storage_ms", _WAIT, SLA.max_wait_storage_ms, "budget of reading the stores"),
    Key("seamless.sla.max_wait_backfill_ms", _WAIT, SLA.max_wait_backfill_ms, "budget of filling gaps"),
    Key("seamless.sla.max_wait_live_ms", _WAIT, SLA.max_wait_live_ms, "budget of the live tail"),
    Key("seamless.sla.total_deadline_ms", _WAIT, SLA.total_deadline_ms, "budget of the whole fetch"),
    Key(
        "seamless.sla.max_sync_gap_bars",
        integer(0).optional(),
        SLA.max_sync_gap_bars,
        "larger gaps are filled behind the caller",
    ),
    Key("seamless.sla.on_violation", choice(OnViolation), SLA.on_violation, "answer in part, or raise"),
    # -- filling
    Key(
        "seamless.backfill.mode",
        choice(BackfillMode),
        BACKFILL.mode,
        "gaps not waited for are filled behind the caller; a fill that a budget cuts ends there",
        works=_only(BackfillMode.BACKGROUND),
        instead="Use the strategy AUTO_BACKFILL, which waits for the fill.",
    ),
    Key(
        "seamless.backfill.max_concurrent_requests",
        integer(1, 256),
        BACKFILL.max_concurrent_requests,
        "requests at a time, of each exchange",
    ),
    Key("seamless.backfill.window_bars", integer(1, 100_000), BACKFILL.window_bars, "size of a leased block"),
    Key(
        "seamless.backfill.single_flight_ttl_ms",
        integer(1),
        BACKFILL.single_flight_ttl_ms,
        "wait for another task's block",
        works=_only(BACKFILL.single_flight_ttl_ms),
        instead="Leave it out: a task waits as long as its budget allows.",
    ),
    Key(
        "seamless.backfill.distributed_lease_ttl_ms",
        integer(1),
        BACKFILL.distributed_lease_ttl_ms,
        "lease of a coordinator service",
        works=_only(BACKFILL.distributed_lease_ttl_ms),
        instead="Set embedded_lease_ttl_ms, the lease of this machine.",
    ),
    Key("seamless.backfill.embedded_lease_ttl_ms", integer(1), BACKFILL.embedded_lease_ttl_ms, "lease on this machine"),
    Key(
        "seamless.backfill.embedded_renew_ms", integer(1), BACKFILL.embedded_renew_ms, "how often that lease is renewed"
    ),
    Key(
        "seamless.backfill.max_attempts",
        integer(1, 100),
        BACKFILL.max_attempts,
        "asks of one window before it counts as failed",
    ),
    Key(
        "seamless.backfill.retry_backoff_ms",
        _MS,
        BACKFILL.retry_backoff_ms,
        "first wait between attempts, then doubled",
    ),
    Key("seamless.backfill.jitter_ratio", number(0, 1), BACKFILL.jitter_ratio, "random part of that wait"),
    # -- rate limits
    Key("seamless.rate_limit.key_template", text(), "ccxt:{exchange}:{account?}", "who shares a limit"),
    Key("seamless.rate_limit.tokens_per_interval", integer(1), 1_200, "request weight an interval allows"),
    Key("seamless.rate_limit.interval_ms", integer(1), 60_000, "length of that interval"),
    Key("seamless.rate_limit.burst_tokens", integer(1), 200, "weight that may be spent at once"),
    Key("seamless.rate_limit.local_semaphore", integer(1, 256), 10, "requests at a time in one process and key"),
    Key("seamless.rate_limit.min_interval_ms", _MS, 25, "least time between two requests"),
    Key("seamless.rate_limit.penalty_backoff_ms", _MS, 5_000, "pause after the exchange said 429"),
    # -- live
    Key(
        "seamless.live.ws.enabled",
        boolean(),
        False,
        "stream instead of polling",
        works=_only(False),
        instead="The live tail polls.",
    ),
    Key(
        "seamless.live.ws.reconnect_backoff_ms",
        integers(1),
        _RECONNECTS_MS,
        "waits between reconnects",
        works=_only(_RECONNECTS_MS),
        instead="Leave it out: the live tail polls, and waits so long between its tries.",
    ),
    Key("seamless.live.ws.dedupe_by", word("ts"), "ts", "what makes two frames the same bar"),
    Key(
        "seamless.live.ws.emit_building_candle",
        boolean(),
        False,
        "deliver bars that are still open",
        works=_only(False),
        instead="Only closed bars are delivered.",
    ),
    # -- artifacts
    Key(
        "seamless.artifact.object_store_uri",
        url("file", "memory", "s3", "gs", "gcs", "az", "abfs", "http", "https", path=True).optional(),
        None,
        "where sealed versions live; null is the home folder",
        ("QMTL_SEAMLESS_ARTIFACT_DIR",),
        works=_local,
        instead="Name a folder; a folder can be synchronised to a bucket.",
    ),
    Key(
        "seamless.artifact.enabled",
        boolean(),
        True,
        "seal what is stable",
        ("QMTL_SEAMLESS_ARTIFACTS",),
        works=_only(True),
        instead=_DOMAIN,
    ),
    Key("seamless.artifact.format", word("parquet"), "parquet", "format of data files"),
    Key(
        "seamless.artifact.compression",
        word("zstd", "lz4"),
        "zstd",
        "codec of data files",
        works=_only("zstd"),
        instead=_FIXED,
    ),
    Key("seamless.artifact.stabilization_bars", integer(0, 1_000), 2, "bars until a slot is final (six hours at most)"),
    Key(
        "seamless.artifact.partition_template",
        text(),
        PARTITION_TEMPLATE,
        "folders",
        works=_only(PARTITION_TEMPLATE),
        instead=_FIXED,
    ),
    Key(
        "seamless.artifact.publish_fingerprint",
        boolean(),
        True,
        "seal with a fingerprint",
        ("QMTL_SEAMLESS_PUBLISH_FP",),
        ("seamless.publish_fingerprint",),
        _only(True),
        "Leave it out: whatever is sealed has a fingerprint.",
    ),
    Key(
        "seamless.artifact.early_fingerprint",
        boolean(),
        False,
        "fingerprints before stabilization",
        ("QMTL_SEAMLESS_EARLY_FP",),
        ("seamless.early_fingerprint",),
        _only(False),
        "Use the window digest `content`, which every result carries.",
    ),
    Key(
        "seamless.artifact.preview_fingerprint",
        boolean(),
        False,
        "provisional fingerprints",
        ("QMTL_SEAMLESS_PREVIEW_FP",),
        ("seamless.preview_fingerprint",),
        _only(False),
        "Use the window digest `content`, which every result carries.",
    ),
    Key(
        "seamless.artifact.fingerprint.mode",
        word("canonical", "preview"),
        "canonical",
        "what is hashed",
        ("QMTL_SEAMLESS_FP_MODE",),
        works=_only("canonical"),
        instead=_FIXED,
    ),
    Key(
        "seamless.artifact.fingerprint.algo",
        word("sha256", "blake3"),
        "sha256",
        "hash",
        works=_only("sha256"),
        instead=_FIXED,
    ),
    Key(
        "seamless.artifact.fingerprint.include_columns",
        words(COLUMNS),
        COLUMNS,
        "columns",
        works=_only(COLUMNS),
        instead=_FIXED,
    ),
    Key(
        "seamless.artifact.fingerprint.normalize_nan",
        word("zero"),
        "zero",
        "nulls are zero under a mask that is hashed too",
    ),
    # -- thresholds that reports compare with
    *(
        Key(
            f"seamless.observability.{name}",
            kind,
            default,
            "threshold of alerts",
            works=_only(default),
            instead="Leave it out: `seamless sla` shows the numbers without marks.",
        )
        for name, kind, default in (
            ("coverage_ratio_threshold", number(0, 1), 0.98),
            ("backfill_completion_ratio_min", number(0, 1), 0.95),
            ("storage_wait_warn_ms", _MS, 300),
            ("backfill_wait_warn_ms", _MS, 5_000),
        )
    ),
    # -- the cache of immutable reads
    Key("cache.enable", boolean(), True, "keep sealed reads in memory"),
    Key("cache.ttl_ms", integer(1), 60_000, "how long"),
    Key("cache.max_shards", integer(1), 512, "how many"),
    Key(
        "cache.key_template",
        text(),
        CACHE_KEY_TEMPLATE,
        "what tells reads apart",
        works=_only(CACHE_KEY_TEMPLATE),
        instead=_FIXED,
    ),
    # -- domains
    *(
        key
        for domain in ("backtest", "research")
        for key in (
            Key(
                f"domains.{domain}.require_as_of",
                boolean(),
                True,
                "a version must be named",
                works=_only(True),
                instead=_DOMAIN,
            ),
            Key(f"domains.{domain}.source", word("artifact_only"), "artifact_only", "sealed versions only"),
        )
    ),
    Key(
        "domains.dryrun.require_as_of",
        boolean(),
        False,
        "a version must be named",
        works=_only(False),
        instead="Use the research domain to read named versions only.",
    ),
    Key("domains.dryrun.source", word("artifact_prefers"), "artifact_prefers", "fill, seal, then read the sealed part"),
    Key("domains.live.max_lag_sec", integer(0).optional(), None, "how old the newest bar may be"),
    Key(
        "domains.live.allow_partial",
        boolean(),
        True,
        "whether PARTIAL is an answer",
        works=_only(True),
        instead="Use FAIL_FAST.",
    ),
    Key("domains.live.monotonic_as_of", boolean(), True, "as_of never goes back", works=_only(True), instead=_DOMAIN),
    # -- exchanges
    Key("exchanges.*.sandbox", boolean(), False, "the exchange's own test network"),
    Key(
        "exchanges.*.symbols",
        words(allowed="a list of symbols such as BTC/USDT"),
        (),
        "symbols that completion offers beside what is stored",
    ),
    Key(
        "exchanges.*.rate_limit_rps",
        number(0.001, 10_000).optional(),
        None,
        "request weight per second, instead of the common limit",
    ),
    Key("exchanges.*.anchors", anchors(), {}, "where bars open, for timeframes that divide neither day nor week"),
    Key(
        "exchanges.*.account",
        text(r"[\w.-]+", "letters, digits, . _ -").optional(),
        None,
        "suffix of the rate limit's key",
    ),
    Key("exchanges.*.ccxt", options(), {}, "options of ccxt's constructor"),
    # -- services
    Key(
        "seamless.coordinator_url",
        url("http", "https").optional(),
        None,
        "lease service of a team",
        ("QMTL_SEAMLESS_COORDINATOR_URL",),
        ("environment.coordinator_url",),
        _only(None),
        _SERVER,
    ),
    Key(
        "connectors.ccxt_rate_limiter_redis",
        url("redis", "rediss", "unix").optional(),
        None,
        "rate limits of a team",
        ("QMTL_CCXT_RATE_LIMITER_REDIS",),
        ("seamless.rate_limit.redis_dsn", "environment.rate_limiter_redis"),
        _only(None),
        _SERVER,
    ),
    Key(
        "connectors.questdb_dsn",
        url("postgresql", "postgres").optional(),
        None,
        "hot store of a team",
        aliases=("environment.questdb_dsn",),
        works=_only(None),
        instead=_SERVER,
    ),
)

BY_NAME = {key.name: key for key in KEYS}
ALIASES = {alias: key.name for key in KEYS for alias in key.aliases}
ENVIRONMENT = {name: key.name for key in KEYS for name in key.environment} | {"SEAMLESS_PRESET": "preset"}

# Read elsewhere, or by the services and tools that share the prefix.
OTHER_ENVIRONMENT = (
    "SEAMLESS_HOME",
    "SEAMLESS_CONFIG",
    "SEAMLESS_CACHE_DIR",
    "SEAMLESS_RENDER",
    "SEAMLESS_PYTHON",
)
SERVICE_PREFIXES = ("SEAMLESS_COORDINATOR_", "SEAMLESS_TEST_", "SEAMLESS_SANDBOX_")

RENAMED = {
    "storage_deadline_ms": "max_wait_storage_ms",
    "backfill_deadline_ms": "max_wait_backfill_ms",
    "live_deadline_ms": "max_wait_live_ms",
    "max_lag_s": "max_lag_sec",
    "min_interval_s": "min_interval_ms",
    "execution_domain": "domain",
}

NOT_BUILT = {
    "presets": "Builder presets such as ccxt.questdb.ohlcv; write the sections seamless: and exchanges: instead.",
    "options": "Options of builder presets; write the sections seamless: and exchanges: instead.",
    "trades": "Trades; this version fetches bars.",
    "controlbus": "Governance topics; events go to the events file in the home folder.",
    "gateway": "The gateway is another program.",
    "worldservice": "Worlds are kept in the embedded ledger.",
    "dagmanager": "The DAG manager is another program.",
}
"""Sections of the documents that this version does not read, and what to do instead."""
