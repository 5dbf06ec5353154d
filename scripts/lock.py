"""Resolve `pyproject.toml` into `requirements/dev.txt`; beside it `uv.in`, the bootstrap, and `bench.in`, the peers.

Pinned, hashed, for every supported platform and Python at once, and naming no package index: where packages come from
is the installing machine's setting. Pins stay unless they contradict `pyproject.toml`; `--upgrade` raises them.
"""

import argparse
import sys
from pathlib import Path

from bootstrap import ROOT, find_uv, install_uv, run

OPTIONS = ["-q", "--universal", "--generate-hashes", "--no-annotate", "--no-header"]
NO_HOSTS = ["--no-emit-index-url", "--no-emit-find-links"]
# One version of each package on every Python, where there is one: results should not depend on the interpreter.
ONE_VERSION = ["--fork-strategy", "fewest"]


def main() -> int:
    """Write the three files and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="raise the pins to the newest versions allowed")
    upgrade = ["--upgrade"] if parser.parse_args().upgrade else []
    uv = find_uv() or install_uv()
    out = ROOT / "requirements"
    compile_ = [uv, "pip", "compile", *OPTIONS, *NO_HOSTS, *upgrade]
    run([*compile_, *ONE_VERSION, "--python-version", "3.11", "--all-extras", "pyproject.toml", "-o", out / "dev.txt"])
    run([*compile_, "--python-version", "3.8", out / "uv.in", "-o", out / "uv.txt"])
    run([*compile_, "--python-version", "3.11", out / "bench.in", "-o", out / "bench.txt"])
    for path in (out / "dev.txt", out / "uv.txt", out / "bench.txt"):
        pins = sum("==" in line for line in path.read_text().splitlines())
        print(f"{Path(path).relative_to(ROOT)}: {pins} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
