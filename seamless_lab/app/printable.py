"""Text of strangers, such as of a receipt, that may be shown on a terminal: without sequences that command it."""

from __future__ import annotations

_CONTROLS = {code: "\ufffd" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"}


def printable(text: str) -> str:
    """The text with a sign for each control character in it but tabs and ends of lines."""
    return text.translate(_CONTROLS)
