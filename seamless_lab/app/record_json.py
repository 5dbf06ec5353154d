"""Reads and results as JSON, in seals and receipts alike, and back."""

from __future__ import annotations

from seamless_lab.app.json_facts import JsonFacts, WrongValue
from seamless_lab.app.reads import HOME, NO_CELL, PROJECT, ReadRecord
from seamless_lab.app.result_records import ResultInput, ResultRecord
from seamless_lab.app.results import Json
from seamless_lab.app.results.spelling import moments_ms
from seamless_lab.app.results.spelling import window as spelled
from seamless_lab.core.identity import parse_node
from seamless_lab.core.policy import Domain
from seamless_lab.errors import RequestError

_READ = ("written", "pin", "node", "start", "end", "ref", "content", "fingerprint", "seq", "as_of", "rows", "domain")


def read_json(read: ReadRecord) -> Json:
    """A read without its cell, and with its store only where that is not the home's."""
    [as_of] = moments_ms([read.as_of_ms])
    return {
        "written": read.written,
        "pin": read.pin or None,
        "node": str(read.node),
        **spelled(read.window),
        "ref": read.ref,
        "content": read.content,
        "fingerprint": read.fingerprint,
        "seq": read.seq,
        "as_of": as_of,
        "rows": read.rows,
        "domain": str(read.domain),
        **({} if read.store == HOME else {"store": read.store}),
    }


def read_from(facts: JsonFacts) -> ReadRecord:
    """The read that `read_json` wrote, of no cell. Raises `WrongValue`."""
    facts.only(*_READ, "store")
    try:
        node, domain = parse_node(facts.text("node")), Domain(facts.text("domain"))
    except (RequestError, ValueError) as error:
        raise WrongValue(f"{facts.where}: {error}") from error
    pin, store = facts.text_or_none("pin"), facts.text("store") if "store" in facts.values else HOME
    if store not in ((HOME, PROJECT) if pin else (HOME,)):
        raise WrongValue(f"{facts.where}: store is {store!r:.60}, not {HOME}, or {PROJECT} of a pin")
    return ReadRecord(
        cell=NO_CELL,
        written=facts.text("written"),
        ref=facts.text("ref"),
        node=node,
        window=facts.window(),
        content=facts.digest("content"),
        fingerprint=facts.digest("fingerprint"),
        seq=facts.whole("seq"),
        as_of_ms=facts.moment_ms("as_of"),
        rows=facts.whole("rows"),
        pin=pin,
        domain=domain,
        store=store,
    )


def result_json(result: ResultRecord) -> Json:
    """A result without its cell."""
    return {
        "kind": result.kind,
        "digest": result.digest,
        "inputs": [
            {"name": each.name, "ref": each.ref, **spelled(each.window), "content": each.content}
            for each in result.inputs
        ],
        "recipe": dict(result.recipe),
        "repeatable": result.repeatable,
    }


def result_from(facts: JsonFacts) -> ResultRecord:
    """The result that `result_json` wrote. Raises `WrongValue`."""
    facts.only("kind", "digest", "inputs", "recipe", "repeatable")
    return ResultRecord(
        kind=facts.text("kind"),
        digest=facts.digest("digest"),
        inputs=tuple(
            ResultInput(each.text("name"), each.text("ref"), each.window(), each.digest("content"))
            for each in facts.objects("inputs")
        ),
        recipe=dict(facts.inner("recipe").values),
        repeatable=facts.flag("repeatable"),
    )
