"""What brings back a damaged or missing file: asking the exchange again mends the home's store, and no other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from seamless_lab.app.wiring import Wiring
from seamless_lab.engine.artifacts import SealedStore
from seamless_lab.errors import Corrupted


@contextmanager
def restoring(wiring: Wiring, store: SealedStore) -> Iterator[None]:
    """Tell damage that is met while reading a store with what mends this store."""
    try:
        yield
    except Corrupted as error:
        if store.url == wiring.sealed.url:
            raise
        raise type(error)(error.message, hint=restoration(store), **error.facts) from error


def restoration(store: SealedStore) -> str:
    """What mends a store that is not the home's."""
    place = min(os.path.relpath(store.url), store.url, key=len)
    return f"Restore {place} from where it comes from, such as version control."
