"""`%seamless fetch?` shows the help of the command, as `%seamless?` shows that of the magic."""

from __future__ import annotations

import re

_ASKED = re.compile(
    r"\s*(?:[A-Za-z_][\w.]*\s*=\s*)?%seamless\s+(?:[A-Za-z_]\w*\s*<<\s*)?(?P<command>[a-z]+\s*)?\?{1,2}\s*"
)


def asks_for_help(lines: list[str]) -> list[str]:
    """A cell's lines, or those that ask for a command's help in its place; for IPython's transformers of input.

    Only a cell that is nothing else is read so: a line like it may stand in a text that spans lines.
    """
    found = _ASKED.fullmatch("".join(lines))
    return lines if found is None else [f"%seamless {found['command'] or ''} --help\n"]
