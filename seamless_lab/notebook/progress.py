"""Progress of a command in its cell's output: one display that is updated, and ends as one line."""

from __future__ import annotations

import time
from html import escape

from IPython.display import DisplayHandle, display

from seamless_lab.app.progress import Progress
from seamless_lab.engine.events import Event

EVERY_S = 0.1


class CellProgress:
    """Shows itself when an exchange is asked, and not before: what is on disk needs no progress."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent
        self._progress = Progress()
        self._handle: DisplayHandle | None = None
        self._shown_at = 0.0

    def note(self, event: Event) -> None:
        """Take an event in."""
        news = self._progress.note(event)
        if self._silent or not news or not self._progress.asked:
            return
        if self._handle is None or time.monotonic() - self._shown_at >= EVERY_S:
            self._show(self._progress.line(), self._progress.ratio)

    def end(self) -> None:
        """Leave one line behind about what was asked, or nothing when nothing was."""
        if self._handle is not None:
            self._show(self._progress.summary(), None)

    def _show(self, line: str, ratio: float | None) -> None:
        self._shown_at = time.monotonic()
        bundle = {"text/plain": line, "text/html": _html(line.lstrip("█░ ") if ratio is not None else line, ratio)}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)  # type: ignore[no-untyped-call]  # IPython's has no types
        else:
            self._handle.update(bundle, raw=True)  # type: ignore[no-untyped-call]  # nor has this


def _html(line: str, ratio: float | None) -> str:
    text = f'<span style="color:var(--jp-ui-font-color2,#6a737d);font-size:12px">{escape(line)}</span>'
    if ratio is None:
        return text
    frame = "display:inline-block;width:200px;height:8px;margin-right:8px;background:var(--jp-layout-color3,#e0e0e0)"
    bar = f"width:{ratio * 100:.0f}%;height:8px;background:var(--jp-brand-color1,#1976d2)"
    return f'<div style="{frame}"><div style="{bar}"></div></div>{text}'
