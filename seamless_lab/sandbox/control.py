"""The control API: what a test or a demo changes about a running exchange, over HTTP.

| route | does |
|---|---|
| `GET /__control` | what this is: seed, families, clock |
| `GET /__control/log` | every request so far; `DELETE` forgets them |
| `GET /__control/faults` | the fault plan; `POST` replaces it, `DELETE` ends all faults |
| `GET /__control/clock` | the exchange's time; `POST {"now_ms": ...}`, `{"advance_ms": ...}` or `{"now_ms": null}` |
| `GET /__control/restatements` | restatements; `POST` adds one |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import orjson
from aiohttp import web

from seamless_lab.sandbox.exchange import Exchange
from seamless_lab.sandbox.faults import FaultPlan, FaultState
from seamless_lab.sandbox.market import Restatement, Stretch

Json = dict[str, Any]


def add_control_routes(app: web.Application, exchange: Exchange) -> None:
    """Mount the control API on an application."""
    control = _Control(exchange)
    for method, path, handler in (
        ("GET", "", control.about),
        ("GET", "/log", control.log),
        ("DELETE", "/log", control.clear_log),
        ("GET", "/faults", control.faults),
        ("POST", "/faults", control.set_faults),
        ("DELETE", "/faults", control.end_faults),
        ("GET", "/clock", control.clock),
        ("POST", "/clock", control.set_clock),
        ("GET", "/restatements", control.restatements),
        ("POST", "/restatements", control.add_restatement),
    ):
        app.router.add_route(method, f"/__control{path}", _handler(handler))


def fault_plan(value: Json) -> FaultPlan:
    """A plan from its JSON form; the keys are the plan's fields."""
    routes, rates = value.get("routes", []), value.get("rates", {})
    if not isinstance(routes, list) or not all(isinstance(route, str) for route in routes):
        raise ValueError(f"routes must be a list of route names, got {routes!r}")
    if not isinstance(rates, dict) or not all(isinstance(rate, int | float) for rate in rates.values()):
        raise ValueError(f"rates must map faults to numbers, got {rates!r}")
    return FaultPlan(**{**value, "routes": frozenset(routes), "rates": rates})


def restatement(value: Json) -> Restatement:
    """A restatement from its JSON form: symbol, start, end (epoch seconds), known_at_ms, kind."""
    rest = {key: item for key, item in value.items() if key not in {"start", "end"}}
    return Restatement(stretch=Stretch(int(value["start"]), int(value["end"])), **rest)


class _Control:
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def about(self, _: Json) -> Json:
        config = self._exchange.config
        return {
            "seed": config.seed,
            "symbols": config.symbols,
            "families": list(self._exchange.families),
            **self.clock({}),
        }

    def log(self, _: Json) -> list[Json]:
        return [asdict(record) for record in self._exchange.journal.records()]

    def clear_log(self, _: Json) -> Json:
        self._exchange.journal.clear()
        return {}

    def faults(self, _: Json) -> Json:
        plan = self._exchange.faults.plan
        return {
            "seed": plan.seed,
            "rates": dict(plan.rates),
            "routes": sorted(plan.routes),
            "max_consecutive": plan.max_consecutive,
            "latency_ms": plan.latency_ms,
            "timeout_ms": plan.timeout_ms,
            "retry_after_s": plan.retry_after_s,
        }

    def set_faults(self, value: Json) -> Json:
        self._exchange.faults = FaultState(fault_plan(value))
        return self.faults({})

    def end_faults(self, _: Json) -> Json:
        return self.set_faults({})

    def clock(self, _: Json) -> Json:
        clock = self._exchange.clock
        return {"now_ms": clock.now_ms(), "frozen": clock.is_frozen}

    def set_clock(self, value: Json) -> Json:
        clock = self._exchange.clock
        if set(value) == {"advance_ms"}:
            clock.advance(int(value["advance_ms"]))
        elif set(value) == {"now_ms"} and value["now_ms"] is None:
            clock.run()
        elif set(value) == {"now_ms"}:
            clock.freeze(int(value["now_ms"]))
        else:
            raise ValueError(f"give either now_ms or advance_ms, got {sorted(value)}")
        return self.clock({})

    def restatements(self, _: Json) -> list[Json]:
        return [
            {
                "symbol": item.symbol,
                "start": item.stretch.start,
                "end": item.stretch.end,
                "known_at_ms": item.known_at_ms,
                "kind": item.kind,
            }
            for item in self._exchange.market.restatements
        ]

    def add_restatement(self, value: Json) -> list[Json]:
        self._exchange.market.restate(restatement(value))
        return self.restatements({})


def _handler(act: Callable[[Json], Json | list[Json]]) -> Callable[[web.Request], Any]:
    async def handle(request: web.Request) -> web.Response:
        try:
            value = orjson.loads(await request.read() or b"{}")
            if not isinstance(value, dict):
                raise ValueError(f"the body must be a JSON object, got {type(value).__name__}")
            answer = act(value)
        except (ValueError, TypeError, KeyError) as error:
            return web.Response(status=400, body=orjson.dumps({"error": str(error)}), content_type="application/json")
        return web.Response(body=orjson.dumps(answer), content_type="application/json")

    return handle
