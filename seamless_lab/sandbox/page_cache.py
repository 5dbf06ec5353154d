"""Pages that will not change any more, kept by request: a repeated benchmark or test then measures its client."""

from __future__ import annotations

from collections import OrderedDict

from seamless_lab.sandbox.family import Page


class PageCache:
    """Final pages by key, the least recently used leaving first once their text exceeds `capacity_bytes`."""

    def __init__(self, capacity_bytes: int) -> None:
        self._capacity_bytes = capacity_bytes
        self._used_bytes = 0
        self._pages: OrderedDict[str, Page] = OrderedDict()

    def get(self, key: str, now_ms: int) -> Page | None:
        """The page of this key, unless a clock moved back makes part of it the future."""
        page = self._pages.get(key)
        if page is None or page.window_end * 1000 > now_ms:
            return None
        self._pages.move_to_end(key)
        return page

    def put(self, key: str, page: Page) -> None:
        """Keep a page if it is final."""
        if page.is_final and key not in self._pages:
            self._pages[key] = page
            self._used_bytes += len(page.lines)
            while self._used_bytes > self._capacity_bytes:
                _, dropped = self._pages.popitem(last=False)
                self._used_bytes -= len(dropped.lines)
