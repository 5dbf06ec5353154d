"""Strategies and whole backtests as text: what a command line names, and what a receipt makes again."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from seamless_lab.app.backtest.options import Trading
from seamless_lab.app.backtest.strategies import StrategyLike, raised_by_strategy
from seamless_lab.core.backtest.crossover import Crossover
from seamless_lab.core.backtest.sleeve import Costs
from seamless_lab.errors import RequestError

_FORMS = "crossover:FAST:SLOW, crossover:FAST:SLOW:short, FILE.py:FUNCTION or FILE.sql"
_LENGTH = re.compile(r"[0-9]{1,18}")


def strategy_named(text: str) -> StrategyLike:
    """The strategy that a command line names; a Python file is run, as importing it would.

    Raises
    ------
    RequestError
        For another form, a file that is not there, or a function that it does not have.
    """
    if text.startswith("crossover:"):
        return _crossover(text)
    if text.endswith(".sql"):
        return _file(text).read_text()
    name, colon, function = text.rpartition(":")
    if not colon or not name.endswith(".py"):
        raise RequestError(f"{text!r} names no strategy.", hint=f"Write {_FORMS}.", value=text)
    module = _run(_file(name))
    found: StrategyLike | None = getattr(module, function, None)
    if not callable(found):
        known = ", ".join(sorted(name for name, value in vars(module).items() if _own(value, module.__name__)))
        raise RequestError(f"{name} has no function {function!r}.", hint=f"It has {known or 'none'}.", value=function)
    return found


def said_of(error: Exception) -> RequestError | None:
    """What a strategy's file raised while it ran, as an error to read; None for what comes from elsewhere."""
    note = raised_by_strategy(error)
    return _said(note, error) if note else None


def from_recipe(recipe: Mapping[str, object]) -> tuple[StrategyLike, Trading, str, str]:
    """Strategy, options and window of a result's recipe.

    Raises
    ------
    RequestError
        If the strategy was a function, which no recipe holds, or the recipe is not one of this version.
    """
    match recipe:
        case {
            "strategy": strategy,
            "fee_bps": float() | int() as fee_bps,
            "slippage_bps": float() | int() as slippage_bps,
            "capital": float() | int() as capital,
            "allow_gaps": bool() as allow_gaps,
            "start": str() as start,
            "end": str() as end,
        }:
            causal = recipe.get("check_lookahead") is not False  # said only where it was turned off
            trading = Trading(Costs(fee_bps, slippage_bps), capital, allow_gaps, causal)
            return _strategy_of(strategy), trading, start, end
    raise RequestError("This is no recipe of a backtest.", hint="Take it from a receipt that was not changed.")


def _strategy_of(found: object) -> StrategyLike:
    match found:
        case {"kind": "crossover", "fast": int() as fast, "slow": int() as slow, "short": bool() as short}:
            return Crossover(fast, slow, short)
        case {"kind": "sql", "query": str() as query}:
            return query
        case None:
            raise RequestError(
                "The strategy was a Python function, which no receipt holds.", hint="Run the notebook that has it."
            )
    raise RequestError(f"{found!r:.80} is no strategy of this version.", hint="Use the version that wrote the receipt.")


def _run(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path.resolve())
    if spec is None or spec.loader is None:
        raise RequestError(f"{path} cannot be imported.", hint=f"Write {_FORMS}.", path=str(path))
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever is in the user's file
        raise _said(f"{path} cannot be imported.", error) from error
    return module


def _said(what: str, error: Exception) -> RequestError:
    said = next(iter(str(error).splitlines()), "")
    return RequestError(f"{what} {type(error).__name__}: {said}", hint="Run it with --debug to see the line.")


def _crossover(text: str) -> Crossover:
    hint = "Write crossover:20:100, or crossover:20:100:short to sell short too."
    match text.split(":"):
        case [_, fast, slow, *rest] if _LENGTH.fullmatch(fast) and _LENGTH.fullmatch(slow) and rest in ([], ["short"]):
            try:
                return Crossover(int(fast), int(slow), short=bool(rest))
            except RequestError as error:
                raise RequestError(error.message, hint=hint, value=text) from error
    raise RequestError(f"{text!r} names no crossover.", hint=hint, value=text)


def _file(name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise RequestError(f"There is no file {path}.", hint=f"Write {_FORMS}.", path=str(path))
    return path


def _own(value: object, module: str) -> bool:
    return callable(value) and getattr(value, "__module__", "") == module
