"""The notebook front end: `%load_ext seamless_lab`, then `%seamless COMMAND …`."""

from __future__ import annotations

from collections.abc import Container, Mapping
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING

from seamless_lab.notebook.cells import CellWatch
from seamless_lab.notebook.magic import SeamlessMagics, documented
from seamless_lab.notebook.matcher import make_matcher
from seamless_lab.notebook.question import asks_for_help
from seamless_lab.notebook.session import SESSION

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from seamless_lab.app.lab import Lab

__all__ = ["lab", "load_ipython_extension", "unload_ipython_extension"]

_loaded: dict[int, tuple[SeamlessMagics, CellWatch]] = {}


def lab() -> Lab:
    """The lab that `%seamless` uses in this kernel, opened if need be. Closed when the kernel ends."""
    return SESSION.lab()


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Add `%seamless`, `%%seamless` and their completion; a no-op when they are there."""
    if id(shell) in _loaded:
        return
    magics = SeamlessMagics(shell, SESSION)
    documented()
    shell.register_magics(magics)
    hidden = frozenset(shell.user_ns_hidden)
    shell.Completer.custom_matchers.append(make_matcher(SESSION.known, lambda: _variables(shell.user_ns, hidden)))
    shell.input_transformer_manager.cleanup_transforms.append(asks_for_help)
    _loaded[id(shell)] = (magics, CellWatch(shell, SESSION.journal))


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take everything away again and close the labs; a no-op when nothing is there."""
    if id(shell) not in _loaded:
        return
    magics, watch = _loaded.pop(id(shell))
    watch.end()
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("seamless", None)
    shell.configurables[:] = [kept for kept in shell.configurables if id(kept) != id(magics)]
    matchers = shell.Completer.custom_matchers
    matchers[:] = [kept for kept in matchers if getattr(kept, "matcher_identifier", "") != "seamless"]
    transforms = shell.input_transformer_manager.cleanup_transforms
    transforms[:] = [kept for kept in transforms if kept is not asks_for_help]
    SESSION.close()


def _variables(names: Mapping[str, object], hidden: Container[str]) -> list[str]:
    """The names that a user gave to values; what they import and define is no word of a command."""
    defined = (ModuleType, FunctionType, type)
    return sorted(
        name
        for name, value in tuple(names.items())
        if not name.startswith("_") and name not in hidden and not isinstance(value, defined)
    )
