"""The terminal front end: `seamless COMMAND …`.

Results go to standard output, as text or as one JSON object; progress, notes and errors to standard error. Exit codes:
0 the answer is accepted, 1 the data or the policy says no, 2 usage or configuration, 3 something cannot be verified,
130 stopped.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from seamless_lab.errors import Interrupted


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command line (by default the process's own); the exit code."""
    try:
        from seamless_lab.cli import line  # takes long enough to be stopped meanwhile

        return line.carry_out(arguments)
    except KeyboardInterrupt:  # before there is a screen to say it on
        if "--json" in (sys.argv[1:] if arguments is None else arguments):
            error = f'{{"code":"{Interrupted.code}","message":"Stopped.","hint":"","facts":{{}}}}'
            sys.stdout.write(f'{{"error":{error}}}\n')
            sys.stdout.flush()
        else:
            sys.stderr.write(f"error[{Interrupted.code}]: Stopped.\n")
        return Interrupted.exit_code
