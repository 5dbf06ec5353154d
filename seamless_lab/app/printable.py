"""Text of strangers, such as of a receipt, that may be shown on a terminal: in one line, without what commands it."""

from __future__ import annotations

_HIDDEN = (*range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
"""Delete and C1, ends of lines and paragraphs, and what turns the direction of the text around it."""

_SIGNS = dict.fromkeys((*range(0x09), *range(0x0A, 0x20), *_HIDDEN), "\ufffd")
_ESCAPES = {code: f"\\u{code:04x}" for code in _HIDDEN}


def printable(text: str) -> str:
    """The text in one line, with a sign for each control character in it but tabs."""
    return (" ".join(text.split()) if "\n" in text else text).translate(_SIGNS)


def printable_json(text: str) -> str:
    """The same JSON, with the control characters escaped that JSON lets stand."""
    return text.translate(_ESCAPES)
