"""What a command is: a name, its parameters, and a function from a lab to a result."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

from seamless_lab.app.secret import bare_url

if TYPE_CHECKING:  # opening a lab takes a quarter of a second, and help and completion do without one
    from seamless_lab.app.lab import Lab
    from seamless_lab.app.notebooks.journal import Kernel
    from seamless_lab.app.render.view import Block, View
    from seamless_lab.app.results import Result
    from seamless_lab.engine.events import Emit
    from seamless_lab.sandbox import SandboxExchange

    Run = Callable[..., Result]


class Kind(Enum):
    """How the text of a parameter is read, and what completes it."""

    TEXT = auto()
    FLAG = auto()
    """Takes no value."""
    NODE = auto()
    """Completed from the series that the stores hold."""
    REF = auto()
    """A node, or `NODE@SELECTOR`; completed with selectors too."""
    NAMED_REF = auto()
    """`NAME=REF`; the reference is completed."""
    PIN = auto()
    """The name of a pin; completed from the lockfile."""
    TIME = auto()
    DURATION = auto()
    """Whole seconds, or `90s`, `5m`, `2h`."""
    RATIO = auto()
    """`0.98` or `98%`."""
    WORD = auto()
    """One of `words`, in any case."""
    COUNT = auto()
    FILE = auto()
    FOLDER = auto()


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. An option `--name-in-kebab-case`, unless `positional`; `repeated` ones collect a tuple.

    `words` gives the allowed words (`WORD`) or suggestions (`TEXT`); it is called when they are needed. `endings` are
    those of the files that complete it; without any, a `FILE` is completed by all files and other kinds by none.
    """

    name: str
    help: str
    kind: Kind = Kind.TEXT
    positional: bool = False
    required: bool = False
    repeated: bool = False
    short: str = ""
    metavar: str = ""
    words: Callable[[], Iterable[str]] | None = None
    endings: tuple[str, ...] = ()

    @property
    def option(self) -> str:
        """How the option is written."""
        return f"--{self.name.replace('_', '-')}"


@dataclass(frozen=True, slots=True)
class Command:
    """One command of both front ends. `run` takes a `Call` and the parameters by name, and returns a result."""

    name: str
    summary: str
    details: str
    parameters: tuple[Parameter, ...]
    examples: tuple[str, ...]
    run: Run


@dataclass(frozen=True, slots=True)
class Place:
    """Where a lab opens: its home, its configuration file, and the exchange that stands in for the real ones."""

    home: str | None = None
    config: str | None = None
    exchange_url: str | None = None

    def options(self) -> str:
        """The options that name this place, as typed in a shell; empty for the usual one.

        A URL that may have a secret is not among them.
        """
        url = self.exchange_url
        if url is not None and bare_url(url) != url:
            url = None
        named = (("--home", self.home), ("--config", self.config), ("--exchange-url", url))
        return " ".join(f"{option} {shlex.quote(value)}" for option, value in named if value is not None)

    def stand_in(self) -> dict[str, object]:
        """Settings that send every exchange the sandbox knows to `exchange_url`; imports ccxt when there is one."""
        if self.exchange_url is None:
            return {}
        from seamless_lab.app.local_exchange import exchange_overrides

        return exchange_overrides(self.exchange_url.rstrip("/"))


class Call(Protocol):
    """One invocation, as a front end makes it."""

    @property
    def place(self) -> Place:
        """What the line says about where the lab is."""
        ...

    def where(self) -> Place:
        """Where the lab is, or would be."""
        ...

    @property
    def on_event(self) -> Emit | None:
        """Where progress goes."""
        ...

    def lab(self) -> Lab:
        """The lab, opened when first asked for."""
        ...

    def watch(self, lab: Lab) -> None:
        """Show the progress of a lab that the command opened itself."""
        ...

    def tell(self, view: View | str) -> None:
        """Show something while the command runs; a command that answers with JSON alone shows nothing."""
        ...

    def kernel(self) -> Kernel | None:
        """The kernel in which the command runs; None in a terminal."""
        ...

    def keep(self, exchange: SandboxExchange) -> Block:
        """Keep a running exchange until Ctrl-C (terminal) or as long as the kernel (notebook); says how to use it."""
        ...


HOME = Parameter("home", "Folder of the stores.", Kind.FOLDER, metavar="FOLDER")
CONFIG = Parameter("config", "Configuration file (YAML).", Kind.FILE, metavar="FILE", endings=(".yaml", ".yml"))
EXCHANGE_URL = Parameter(
    "exchange_url", "Ask a sandbox exchange instead of the real ones; needs --home.", metavar="URL"
)
JSON = Parameter("json", "Print one JSON object on standard output, errors too.", Kind.FLAG)
QUIET = Parameter("quiet", "No progress.", Kind.FLAG, short="q")
DEBUG = Parameter("debug", "Show the traceback of an error.", Kind.FLAG)

COMMON = (HOME, CONFIG, EXCHANGE_URL, JSON, QUIET, DEBUG)
"""Options of every command; they may also stand before its name."""
