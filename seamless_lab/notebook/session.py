"""What lives as long as a kernel: its labs, its sandbox exchange, and the series known for completion."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from seamless_lab.app.command import Place
from seamless_lab.app.notebooks.journal import CellJournal
from seamless_lab.app.opening import open_lab
from seamless_lab.errors import SeamlessError

if TYPE_CHECKING:
    from seamless_lab.app.lab import Lab
    from seamless_lab.sandbox import SandboxExchange


class Session:
    """One kernel's labs, opened when first used, and what its cells read; may be used from any thread."""

    def __init__(self) -> None:
        self.journal = CellJournal()
        self._lock = threading.RLock()
        self._labs: dict[Place, Lab] = {}
        self._default = Place()
        self._exchange: SandboxExchange | None = None
        self._temporary = ""
        self._known: Sequence[str] | None = None
        self._listing = False
        atexit.register(self.close)

    def lab(self, place: Place | None = None) -> Lab:
        """The lab at a place; what the place leaves open is as `%seamless sandbox` or the defaults have it."""
        wanted = self.resolved(place or Place())
        with self._lock:
            found = self._labs.get(wanted)
            if found is None:
                found = self._labs[wanted] = open_lab(wanted)
            return found

    def use(self, exchange: SandboxExchange, home: str | None) -> bool:
        """Move the kernel's lab to a sandbox exchange, away from real bars; whether its home is a temporary one."""
        with self._lock:
            self.close()
            self._exchange = exchange
            if home is None:
                self._temporary = tempfile.mkdtemp(prefix="seamless-sandbox-")
            self._default = Place(home=home or self._temporary, exchange_url=exchange.url)
            return home is None

    def known(self) -> Iterable[str]:
        """The series and pins last listed, at once; starts a listing in the background when there is none yet."""
        if self._known is None:
            self.list_soon()
        return self._known or ()

    def list_soon(self) -> None:
        """List the series and pins again, in the background."""
        with self._lock:
            if self._listing:
                return
            self._listing = True
        threading.Thread(target=self._list, name="seamless-completion", daemon=True).start()

    def close(self) -> None:
        """Close the labs, stop the exchange, remove the temporary home. The session can be used again."""
        with self._lock:
            labs, self._labs = self._labs, {}
            exchange, self._exchange = self._exchange, None
            temporary, self._temporary = self._temporary, ""
            self._default, self._known = Place(), None
        for lab in labs.values():
            lab.close()
        if exchange is not None:
            exchange.__exit__(None, None, None)
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)

    def resolved(self, place: Place) -> Place:
        """A place with what it leaves open: the sandbox's, after `use`."""
        default = self._default
        if place.home is not None and place.exchange_url is None:
            return place  # another home asks the real exchanges, unless it says otherwise
        return Place(
            place.home if place.home is not None else default.home,
            place.config,
            place.exchange_url if place.exchange_url is not None else default.exchange_url,
        )

    def _list(self) -> None:
        try:
            self._known = tuple(self.lab().known())
        except SeamlessError:
            self._known = ()  # completion has no place for errors: the command that is typed will show them
        finally:
            self._listing = False


SESSION = Session()
"""The session of this process."""
