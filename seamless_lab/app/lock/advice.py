"""A hint as results show it: a command in it stands in a line of its own, which no terminal breaks."""

from __future__ import annotations

from seamless_lab.app.render.view import Block, Code, Note

_COMMAND = ": seamless "


def advice(hint: str) -> list[Block]:
    """The sentences of a hint, and the command that one of them ends with."""
    said, found, rest = hint.partition(_COMMAND)
    if not found:
        return [Note(hint)]
    command, _, more = rest.partition(". ")
    blocks: list[Block] = [Note(f"{said}:"), Code((f"seamless {command}",), command=True)]
    return [*blocks, Note(more)] if more else blocks
