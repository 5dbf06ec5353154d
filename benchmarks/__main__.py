"""`python -m benchmarks`: run the rows and write `benchmarks/results.json` and `docs/benchmarks.md`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Sequence

from benchmarks import report
from benchmarks.bench import QUICK, ROWS, TINY, Bench, Sizes
from benchmarks.environment import ROOT, install_peers
from benchmarks.measure import Row, reason

SIZES = {"full": Sizes(), "quick": QUICK, "tiny": TINY}


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when every row ran, 1 when one failed; a missed goal is no failure."""
    given = _parse(arguments)
    import benchmarks.rows  # noqa: F401  # registers the rows

    chosen = [name for name in ROWS if not given.rows or any(part in name for part in given.rows)]
    if given.list or not chosen:
        print("\n".join(ROWS))
        return 0 if given.list else 2
    warnings.simplefilter("ignore")
    os.environ["SEAMLESS_RENDER"] = "static"
    sizes = SIZES["quick" if given.quick else given.size]
    why_no_peers = "" if given.no_peers else install_peers()
    if why_no_peers:
        print(f"benchmarks: the peers cannot be installed: {why_no_peers}", file=sys.stderr)
    rows = run(chosen, sizes, with_peers=not given.no_peers, why_no_peers=why_no_peers, say=print)
    result = report.to_json(rows, sizes)
    if given.json:
        print(json.dumps(result, indent=1))
    whole = len(chosen) == len(ROWS) and not given.no_write
    if (whole or given.update) and not given.no_peers and sizes == Sizes():
        report.write(result if whole else report.updated(result, ROOT, list(ROWS)), ROOT)
        print("benchmarks: wrote benchmarks/results.json and docs/benchmarks.md")
    return 1 if any(row.error for row in rows) else 0


def run(
    names: Sequence[str], sizes: Sizes, *, with_peers: bool, why_no_peers: str = "", say: object = None
) -> list[Row]:
    """The rows of these names; one that raises is a failed row with its reason."""
    rows = []
    with Bench(sizes, with_peers=with_peers, why_no_peers=why_no_peers) as bench:
        for name in names:
            begun = time.perf_counter()
            try:
                made = ROWS[name](bench)
            except Exception as error:  # a row's failure is a result; the other rows still run
                made = Row(name, (ROWS[name].__doc__ or name).rstrip("."), error=reason(error))
                if os.environ.get("BENCH_RAISE"):
                    raise
            bench.close_peers()
            made.seconds = time.perf_counter() - begun
            rows.append(made)
            if callable(say):
                say(report.summary(made), flush=True)
    return rows


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", action="append", default=[], metavar="NAME", help="only rows whose name has this")
    parser.add_argument("--quick", action="store_true", help="a fraction of the work; writes nothing")
    parser.add_argument("--size", choices=sorted(SIZES), default="full")
    parser.add_argument("--no-peers", action="store_true", help="ours and the floors only; writes nothing")
    parser.add_argument("--no-write", action="store_true", help="leave results and table as they are")
    parser.add_argument("--update", action="store_true", help="with --rows: replace these rows of the kept results")
    parser.add_argument("--json", action="store_true", help="also print the results")
    parser.add_argument("--list", action="store_true", help="name the rows")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
