"""One run of the campaign on sealed SQL: `python -m tests.campaigns.querying HOME MODE CORES CACHE`.

`escapes` tries every statement of the published list and prints how each was answered; `digests` prints the digest of
every accepted query, `few` of every fourth.
"""

from __future__ import annotations

import json
import os
import sys

from seamless_lab.app.lab import Lab
from seamless_lab.errors import SeamlessError
from tests.app.sql.lists import accepted, refused


def main() -> None:
    """Run one mode, with the working folder as a place for whatever a statement would write."""
    home, mode, cores, cache = sys.argv[1:]
    if cores != "all":
        os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    segments = {"segments.max_bytes": 0} if cache == "parquet" else {}
    with Lab(home, overrides=segments) as lab:
        refs = [lab.manifest(node).ref for node in lab.nodes()]
        pins: dict[str, str | list[str]] = {"btc": refs[0], "eth": refs[1], "coins": refs}
        if mode == "escapes":
            print(json.dumps([_answer(lab, pins, statement) for statement in refused()]))
        else:
            queries = accepted()[:: 4 if mode == "few" else 1]
            print(json.dumps([lab.sql(query, pins).digest for query in queries]))


def _answer(lab: Lab, pins: dict[str, str | list[str]], statement: str) -> str:
    try:
        lab.sql(statement, pins)
    except SeamlessError as error:
        return error.code
    return "answered"


if __name__ == "__main__":
    main()
