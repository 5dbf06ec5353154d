"""What a backtest runs over: sealed bars by name, of one window and one timeframe, with every slot answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seamless_lab.app.door import Door
from seamless_lab.app.render.view import plural
from seamless_lab.app.results import FetchResult, Json
from seamless_lab.app.sealed_reads import SealedBars, SealedTarget, resolve_sealed
from seamless_lab.app.sql.relations import matching
from seamless_lab.app.wiring import Wiring
from seamless_lab.core.grid import Grid
from seamless_lab.core.identity import NodeId
from seamless_lab.core.policy import Domain
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeLike, TimeRange, format_time
from seamless_lab.errors import DataError, GapsRefused, RequestError

PinsLike = Mapping[str, str] | Sequence[str] | str
"""References to sealed bars: by the names they are given, or a list of them, or one; `pin:GLOB*` is all that match."""

_EXAMPLE = "pins={'btc': 'pin:btc', 'eth': 'ohlcv:binance:ETH/USDT:1m@sha256:…'}"


@dataclass(frozen=True, slots=True)
class Input:
    """Sealed bars that a backtest used.

    `written`: the reference as it was given; `ref`: the version it came to; `content`: the digest of exactly the bars
    of `window`, which is what makes the result repeatable.
    """

    name: str
    written: str
    ref: str
    node: NodeId
    window: TimeRange
    content: str
    rows: int
    pin: str

    @classmethod
    def of(cls, name: str, sealed: SealedBars) -> Input:
        """What was read."""
        target = sealed.target
        return cls(
            name, target.written, target.ref, target.node, target.window, sealed.content, len(sealed.bars), target.pin
        )

    def to_dict(self) -> Json:
        """Plain JSON values."""
        return {
            "name": self.name,
            "written": self.written,
            "ref": self.ref,
            "node": str(self.node),
            "content": self.content,
            "rows": self.rows,
            "pin": self.pin or None,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Universe:
    """Targets by name, sorted; all of one window and one grid."""

    targets: tuple[tuple[str, SealedTarget], ...]
    window: TimeRange
    grid: Grid


def universe(
    wiring: Wiring, door: Door, pins: PinsLike, start: TimeLike | None = None, end: TimeLike | None = None
) -> Universe:
    """Resolve references in the backtest domain; reads no bars.

    Raises
    ------
    NotSealed
        For what may be another version tomorrow, with a reference to use instead.
    RequestError
        For no pins, one name twice, different timeframes, or different windows without `start` and `end`.
    """
    targets = tuple(
        (name, resolve_sealed(wiring, door, ref, start, end, domain=Domain.BACKTEST))
        for name, ref in sorted(_named(wiring, pins).items())
    )
    first_name, first = targets[0]
    grid = first.version.header.grid
    for name, target in targets[1:]:
        if target.version.header.grid != grid:
            raise RequestError(
                f"{name} has bars of {target.node.timeframe} and {first_name} bars of {first.node.timeframe}; a "
                "backtest runs on one timeframe.",
                hint="Pin all of them in one timeframe.",
            )
    for name, target in targets[1:]:
        if target.window != first.window:
            raise _different_windows(first_name, name, [target.window for _, target in targets])
    return Universe(targets, first.window, grid)


def require_answered(name: str, sealed: SealedBars) -> None:
    """Refuse bars with slots that nobody has an answer for. Quiet slots, where the source proved no bar, are answers.

    Raises
    ------
    GapsRefused
        With the first stretch and the command that fills it.
    """
    gaps = unanswered(sealed)
    if gaps:
        step = sealed.bars.grid.step_s
        first = TimeRange(*gaps.pairs()[0])
        stretches = "in one stretch" if len(gaps) == 1 else f"in {len(gaps):,} stretches, the first"
        raise GapsRefused(
            f"{name}: {plural(gaps.seconds // step, 'slot')} of {sealed.target.ref} in {sealed.target.window} "
            f"{'has' if gaps.seconds == step else 'have'} no answer, {stretches} {first}.",
            hint=f"Fill and pin again: seamless backfill {sealed.target.node} --start {format_time(first.start)} "
            f"--end {format_time(first.end)} ; or accept it with allow_gaps=True.",
            symbol=name,
            slots=gaps.seconds // step,
        )


def unanswered(sealed: SealedBars) -> Ranges:
    """The slots of the window for which the version has no answer."""
    return Ranges.single(sealed.target.window) - sealed.answered


def require_prices(name: str, sealed: SealedBars) -> None:
    """Refuse bars that no return can be computed of.

    Raises
    ------
    DataError
        For no bars at all, or a price that is not positive.
    """
    frame = sealed.bars.frame
    if frame.is_empty():
        raise DataError(
            f"{name}: {sealed.target.ref} has no bar in {sealed.target.window}.",
            hint="Leave it out, or choose a window in which it was traded.",
            symbol=name,
        )
    for column in ("open", "close"):
        place = frame[column].arg_min() or 0
        if frame[column][place] <= 0:
            at = int(frame["ts"][place])
            raise DataError(
                f"{name}: the {column} of {format_time(at)} is {frame[column][place]}; returns need prices above zero.",
                hint="Choose a window without it.",
                symbol=name,
                ts=at,
            )


def _named(wiring: Wiring, pins: PinsLike) -> dict[str, str]:
    if isinstance(pins, Mapping):
        named = {_text(name): _text(ref) for name, ref in pins.items()}
    else:
        listed: list[object] = [*pins] if isinstance(pins, list | tuple) else [pins]
        named = {}
        for ref in (match for given in listed for match in matching(wiring, _text(given))):
            name = _name(ref)
            if name in named:
                raise RequestError(f"Two of the pins are {name!r}.", hint=f"Give them names: {_EXAMPLE}", value=name)
            named[name] = ref
    if not named:
        raise RequestError("A backtest needs at least one reference to sealed bars.", hint=f"Write {_EXAMPLE}")
    return named


def _text(ref: object) -> str:
    if isinstance(ref, str):
        return ref
    use = f"Use its reference: {ref.ref!r}" if isinstance(ref, FetchResult) and ref.ref else f"Write {_EXAMPLE}"
    raise RequestError(
        f"A backtest reads sealed bars by their reference, and was given a {type(ref).__name__}, which nothing vouches "
        "for.",
        hint=use,
    )


def _name(ref: str) -> str:
    """The pin's name, or else the node."""
    return ref.removeprefix("pin:") if ref.startswith("pin:") else ref.rpartition("@")[0] or ref


def _different_windows(first: str, name: str, windows: Sequence[TimeRange]) -> RequestError:
    start, end = max(window.start for window in windows), min(window.end for window in windows)
    hint = (
        f"All of them have start={format_time(start)!r}, end={format_time(end)!r}."
        if start < end
        else "They have no moment in common."
    )
    other = next(window for window in windows if window != windows[0])
    return RequestError(f"{first} has {windows[0]} and {name} {other}; a backtest runs over one window.", hint=hint)
