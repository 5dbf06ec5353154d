"""Ctrl-C at every place of a function, one after the other."""

from __future__ import annotations

import sys
from collections.abc import Callable


def interrupted_at(place: int, act: Callable[[], object], *ends: type[BaseException]) -> bool:
    """Whether Ctrl-C came before `act` had ended: at its `place`-th call or return from C, where Python sees it.

    `act` may end with it, or with one of `ends`.
    """
    left = place

    def look(_: object, event: str, __: object) -> None:
        nonlocal left
        left -= event in ("call", "c_return")
        if left == 0:
            raise KeyboardInterrupt

    try:
        sys.setprofile(look)
        act()
    except (KeyboardInterrupt, *ends):
        return True
    finally:
        sys.setprofile(None)
    return left <= 0
