"""Commands that pin bars, and check and move what is pinned."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from seamless_lab.app.command import Call, Command, Kind, Parameter
from seamless_lab.app.commands.parameters import END, REF, START, needs_start
from seamless_lab.app.commands.sealing import check_notebooks
from seamless_lab.errors import RequestError

if TYPE_CHECKING:
    from seamless_lab.app.results import Result


def pin(  # noqa: PLR0913  # one argument for each option
    call: Call,
    *,
    name: str | None,
    ref: str | None,
    start: str | None,
    end: str | None,
    store: str | None,
    replace: bool,
    allow_gaps: bool,
) -> Result:
    """Pin, or list."""
    if name is None:
        return call.lab().lock()
    if ref is None:
        raise RequestError(
            f"pin {name} has no REF: which bars shall the name stand for?",
            hint=f"Without a name, pin lists what is pinned. To pin: seamless pin {name} NODE --start T --end T",
            name=name,
        )
    needs_start(start, end)
    return call.lab().pin(name, ref, start, end, store=store, replace=replace, allow_gaps=allow_gaps)


def unpin(call: Call, *, name: str) -> Result:
    """Take a pin out."""
    return call.lab().unpin(name)


def lock(call: Call, *, names: tuple[str, ...], check: bool, rebuild: bool, update: bool, yes: bool) -> Result:
    """Show, check or update the lockfile."""
    if check and update:
        raise RequestError("lock either checks or updates.", hint="Leave --check or --update out.")
    if rebuild and not check:
        raise RequestError("--rebuild is a way to check.", hint="Write lock --check --rebuild.")
    if yes and not update:
        raise RequestError("--yes writes an update, and none was asked for.", hint="Write lock --update --yes.")
    lab = call.lab()
    if check and any(name.endswith(".ipynb") for name in names):
        return check_notebooks(lab, names, rebuild=rebuild)
    if check:
        return lab.check_lock(names, rebuild=rebuild, on_event=call.on_event)
    if update:
        return lab.update_lock(names, write=yes)
    if names:
        raise RequestError(
            f"lock {' '.join(names)}: neither --check nor --update.", hint=f"seamless lock --check {' '.join(names)}"
        )
    return lab.lock()


_NAME = Parameter("name", "Name of the pin: lower-case letters, digits, _, . and -.", positional=True, metavar="NAME")

PIN = (
    Command(
        "pin",
        "Give bars a name that always means the same bars; without NAME, list the pins.",
        "Writes their digest into seamless.lock, to be committed with the notebooks. From then on pin:NAME and "
        "NODE@lock stand for exactly these bars, wherever a reference is taken. A bare NODE is its newest sealed "
        "version; without a window all of it is pinned. Slots without an answer are refused, unless with --allow-gaps.",
        (
            _NAME,
            replace(REF, required=False, help="NODE, NODE@SELECTOR or pin:NAME: which bars."),
            START,
            END,
            Parameter("store", "Folder of the store that has them, below the lockfile's; by default the home's.",
                      Kind.FOLDER, metavar="FOLDER"),
            Parameter("replace", "Let a name stand for other bars than before.", Kind.FLAG),
            Parameter("allow_gaps", "Pin slots without an answer as such.", Kind.FLAG),
        ),
        (
            "pin btc ohlcv:binance:BTC/USDT:1m --start 2024-01 --end 2024-03",
            "pin btc ohlcv:binance:BTC/USDT:1m@sha256:0b7c9a3dd9f1c2ab --start 2024-01 --replace",
            "pin",
        ),
        pin,
    ),
    Command(
        "unpin",
        "Take a name out of the lockfile.",
        "The sealed bars stay.",
        (replace(_NAME, required=True, kind=Kind.PIN),),
        ("unpin btc",),
        unpin,
    ),
    Command(
        "lock",
        "The lockfile: show it, check it, or move its pins to the newest versions.",
        "--check reads and hashes every pinned bar again, whatever was verified before; exit code 0: all is as pinned, "
        "1: something differs, and is named, 3: something cannot be verified, with the command that gets it. With "
        "--rebuild the bars come from the exchanges again. --update says what the newest versions would change and "
        "writes nothing without --yes: what moves is not a program's version but the ground under results.",
        (
            Parameter("names", "Pins, by default all; or, with --check, sealed notebooks: which cells would read other "
                      "data today.", Kind.PIN, positional=True, repeated=True, metavar="NAME", endings=(".ipynb",)),
            Parameter("check", "Read and hash the pinned bars again.", Kind.FLAG),
            Parameter("rebuild", "With --check: acquire them from the exchanges again, elsewhere.", Kind.FLAG),
            Parameter("update", "Say what the newest versions would change.", Kind.FLAG),
            Parameter("yes", "With --update: write it.", Kind.FLAG),
        ),
        (
            "lock",
            "lock --check",
            "lock --check notebooks/study.ipynb",
            "lock --check --rebuild btc",
            "lock --update --yes",
        ),
        lock,
    ),
)  # fmt: skip
