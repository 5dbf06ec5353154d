"""What is said of cached files of this machine that held other bars than were sealed."""

from __future__ import annotations

from collections.abc import Sequence

from seamless_lab.app.render.view import plural

_NAMED = 3


def wrong_files(digests: Sequence[str]) -> str:
    """A sentence that names them by the digests of what they were to hold; empty for none."""
    if not digests:
        return ""
    named = [f"{digest[:16]}….arrow" for digest in digests[:_NAMED]] + ["…"][: max(0, len(digests) - _NAMED)]
    return (
        f"{plural(len(digests), 'cached file')} held other bars than were sealed: removed ({', '.join(named)}); "
        "run again what was computed on this machine."
    )
