"""What is shown of sealed data: one version, the datasets, and what rehashing found."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from seamless_lab.app.cached_files import wrong_files
from seamless_lab.app.render.view import Badge, Block, Code, Column, Fact, Facts, Note, Table, Tone, View, plural
from seamless_lab.app.views.wording import TABLE_ROWS, day, size
from seamless_lab.core.time import format_time, format_time_ms

if TYPE_CHECKING:  # results import this module to show themselves; here they are names only
    from seamless_lab.app.results import ArtifactList, CompactReport, Manifest, VerifyReport
    from seamless_lab.core.version import Json


def manifest(result: Manifest) -> View:
    """Identity first, then the evidence around it."""
    commit, tree = result.version.commit, result.version.tree
    report = commit.conformance.get("report")
    warnings = report.get("warnings") if isinstance(report, dict) else None
    flagged = _counted(", flagged ", commit.conformance.get("flags")) or ", no flags"
    packs = Table(
        (Column("from"), Column("bars", right=True), Column("digest", code=True)),
        tuple((format_time(pack.cell), f"{pack.rows:,}", pack.digest) for pack in tree.packs[:TABLE_ROWS]),
        f"{plural(len(tree.packs), 'pack')}",
        max(0, len(tree.packs) - TABLE_ROWS),
        folded=True,
    )
    facts = (
        Fact("ref", result.ref, code=True),
        Fact("fingerprint", f"sha256:{tree.fingerprint}", code=True),
        Fact("bars", f"{tree.rows:,}"),
        Fact("range", str(commit.bounds) if commit.bounds else "empty"),
        Fact("grid", f"{tree.header.grid.step_s} s, anchor {tree.header.grid.anchor_s}"),
        Fact("conformance", f"{tree.header.conformance}{flagged}{_counted(', warnings ', warnings)}"),
        Fact("as of", format_time_ms(commit.as_of_ms), volatile=True),
        Fact("previous", f"seq {commit.seq - 1}" if commit.previous else "none: the first version"),
        Fact("rollback", f"to what seq {back} holds" if (back := commit.provenance.get("rollback_of")) else ""),
        *_producer(commit.producer),
    )
    told: tuple[Block, ...] = (
        (Note("Nothing new was sealed; this is the newest version."),) if result.nothing_new else ()
    )
    return View(str(tree.header.node), Badge(f"seq {commit.seq}"), "", (*told, Facts(facts), packs))


def artifacts(result: ArtifactList) -> View:
    """One line a dataset, or a version."""
    of_node = bool(result.history_of)
    frame = result.frame
    shown = frame.tail(TABLE_ROWS) if of_node else frame.head(TABLE_ROWS)
    ends = [[day(moment) for moment in shown[name].dt.epoch("s").to_list()] for name in ("start", "end")]
    numbers = [[f"{value:,}" for value in shown[name].to_list()] for name in ("rows", "seq")]
    as_of = [format_time_ms(value) for value in shown["as_of"].dt.epoch("ms").to_list()]
    columns = (
        Column("ref", code=True),
        Column("bars", right=True),
        Column("from"),
        Column("to"),
        Column("seq" if of_node else "versions", right=True),
        Column("as of", volatile=True),
    )
    rows = tuple(zip(shown["ref"].to_list(), numbers[0], *ends, numbers[1], as_of, strict=True))
    empty = Note("Nothing is sealed here yet. A fetch seals what it gets: seamless fetch NODE --start T --end T")
    blocks: tuple[Block, ...] = (Table(columns, rows, left_out=frame.height - shown.height),) if rows else (empty,)
    facts = Facts((Fact("store", result.store, volatile=True, code=True),))
    noun = "version" if of_node else "sealed dataset"
    return View(result.history_of or "artifacts", Badge(plural(frame.height, noun)), "", (*blocks, facts))


def verify(result: VerifyReport) -> View:
    """Whether everything matches, and what does not."""
    blocks: list[Block] = [Note(line, Tone.BAD) for line in result.offenders[:TABLE_ROWS]]
    if len(result.offenders) > TABLE_ROWS:
        blocks.append(Note(f"… {len(result.offenders) - TABLE_ROWS:,} more", Tone.BAD))
    commands = [hint for hint in result.hints if hint.startswith("seamless ")]
    if commands:
        blocks.append(
            Note("Move the damaged data files aside, then restore them from a copy or ask the exchange again:")
        )
        blocks.append(Code(tuple(commands[:TABLE_ROWS]), command=True))
        kept = (
            "Unchanged answers write the files again; changed ones make a new version, and the old one stays damaged."
        )
        blocks.append(Note(kept))
    blocks += [Note(hint) for hint in result.hints[:TABLE_ROWS] if hint not in commands]
    if result.dropped:
        blocks.append(Note(wrong_files(result.dropped), Tone.WARN))
    checked = (
        f"{plural(result.versions, 'version')}, {plural(result.objects, 'object')}, {size(result.bytes_read)} rehashed"
    )
    blocks.append(Facts((Fact("checked", checked), Fact("store", result.store, volatile=True, code=True))))
    bad = len(result.offenders)
    badge = Badge(f"{bad:,} damaged", Tone.BAD) if bad else Badge("verified", Tone.GOOD)
    return View("verify", badge, "", tuple(blocks))


def compact(result: CompactReport) -> View:
    """What was folded and what was deleted, of the nodes where something was."""
    done = [one for one in result.nodes if one.written or one.swept]
    columns = (Column("node", code=True), Column("files written", right=True), Column("leftovers deleted", right=True))
    rows = tuple(
        (str(one.node), f"{one.written:,}", f"{one.swept:,} ({size(one.swept_bytes)})" if one.swept else "0")
        for one in done[:TABLE_ROWS]
    )
    blocks: tuple[Block, ...] = (Table(columns, rows, left_out=len(done) - len(rows)),) if rows else ()
    facts = Facts((Fact("store", result.store, volatile=True, code=True),))
    written = sum(one.written for one in done)
    badge = Badge(plural(written, "file") + " written" if done else "nothing to do", Tone.GOOD)
    return View("compact", badge, plural(len(result.nodes), "sealed dataset"), (*blocks, facts))


def _counted(label: str, counts: object) -> str:
    if not isinstance(counts, dict) or not any(counts.values()):
        return ""
    return label + ", ".join(f"{name} {count}" for name, count in sorted(counts.items()) if count)


def _producer(producer: Json) -> list[Fact]:
    """Who sealed it and under which settings, a few words a line; the rest is in `to_dict`."""
    found = {name: value for name, value in producer.items() if isinstance(value, (str, int))}
    by = " ".join(str(found[name]) for name in ("identity", "version") if name in found)
    facts = [Fact("sealed by", by, volatile=True), Fact("world", str(found.get("world_id", "")), volatile=True)]
    policy = producer.get("policy")
    for name, value in sorted(policy.items()) if isinstance(policy, dict) else ():
        several = isinstance(value, (list, tuple))
        words = [str(one) for one in value] if several else [str(value)]
        label = str(name).replace("_", " ")
        facts += [
            Fact(label if not at else "", line, volatile=True) for at, line in enumerate(wrap(", ".join(words), 76))
        ]
    return facts
