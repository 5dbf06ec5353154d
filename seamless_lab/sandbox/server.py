"""The HTTP side: routing, request weights, planted faults, the journal."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Mapping

import numpy as np
from aiohttp import web

from seamless_lab.sandbox.control import add_control_routes
from seamless_lab.sandbox.exchange import Exchange
from seamless_lab.sandbox.family import Family, Page, Refused, Reply, Request, Route, web_page
from seamless_lab.sandbox.faults import PAGE_FAULTS, WIRE_FAULTS, spoiled
from seamless_lab.sandbox.journal import RequestRecord
from seamless_lab.sandbox.randomness import salt

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with zero time: closing sends RST instead of FIN


def build_app(exchange: Exchange) -> web.Application:
    """The web application: every family below `/<family>`, the control API below `/__control`."""
    app = web.Application()
    add_control_routes(app, exchange)
    for family in exchange.families.values():
        for route in family.routes:
            app.router.add_get(f"/{family.name}{route.pattern}", _Endpoint(exchange, family, route).handle)
        app.router.add_route("*", f"/{family.name}/{{rest:.*}}", _unknown_path(exchange, family))
    return app


def _unknown_path(exchange: Exchange, family: Family) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        params = dict(request.query)
        record = exchange.journal.open(exchange.clock.now_ms(), family.name, "unknown", request.path, params)
        return _response(family.not_found(), record)

    return handle


class _Endpoint:
    """One route of one family as an HTTP handler."""

    def __init__(self, exchange: Exchange, family: Family, route: Route) -> None:
        self._exchange = exchange
        self._family = family
        self._route = route

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Account, answer, and let the planted fault happen, if any."""
        exchange, route = self._exchange, self._route
        parsed = Request(request.match_info.get("subject", ""), dict(request.query), exchange.clock.now_ms())
        record = exchange.journal.open(parsed.now_ms, self._family.name, route.name, parsed.subject, dict(parsed.query))
        record.weight = route.weight(parsed.query)
        verdict = exchange.budgets[self._family.name].charge(record.weight, time.time())
        usage = self._family.usage_headers(verdict.used_weight)
        if verdict.outcome != "pass":
            refuse = self._family.banned if verdict.outcome == "ban" else self._family.rate_limited
            return _response(refuse(verdict.retry_after_s), record, usage)
        content = f"{request.path}?{sorted(parsed.query.items())}"
        try:
            answer = self._answer(parsed, content)
        except Refused as refused:
            return _response(refused.reply, record, usage)
        record.fault = exchange.faults.next(route.name, content, is_page=isinstance(answer, Page))
        await asyncio.sleep(exchange.faults.latency_s(route.name))
        chance = salt(exchange.faults.plan.seed, "chance", content)
        if isinstance(answer, Page):
            record.window_start, record.window_end = answer.window_start, answer.window_end
            if record.fault in PAGE_FAULTS:
                answer = spoiled(answer, record.fault, chance)
        if record.fault in WIRE_FAULTS:
            body = answer.reply() if isinstance(answer, Page) else answer
            return await self._fail(request, record, body, chance)
        if isinstance(answer, Page):
            _note_rows(record, answer)
            answer = answer.reply()
        return _response(answer, record, usage)

    def _answer(self, parsed: Request, content: str) -> Page | Reply:
        """The answer, without faults; final pages are kept, so that repeated benchmarks measure their client."""
        exchange = self._exchange
        key = f"{content} after {exchange.market.known_restatements(parsed.now_ms)}"
        kept = exchange.pages.get(key)
        if kept is not None and kept.window_end * 1000 <= parsed.now_ms:  # a clock may have been moved back
            return kept
        answer = self._route.answer(parsed)
        if kept is None and isinstance(answer, Page) and answer.is_final:
            exchange.pages.put(key, answer)
        return answer

    async def _fail(
        self, request: web.Request, record: RequestRecord, answer: Reply, chance: np.uint64
    ) -> web.StreamResponse:
        """What the client gets instead of the answer."""
        plan = self._exchange.faults.plan
        match record.fault:
            case "rate_limit":
                return _response(self._family.rate_limited(plan.retry_after_s), record)
            case "ban":
                return _response(self._family.banned(plan.retry_after_s), record)
            case "html":
                return _response(web_page(200), record)
            case "server_error":
                return _response(web_page(500) if chance % 2 else self._family.unavailable(), record)
            case "malformed":
                spoilt = answer.body[: len(answer.body) * 2 // 3] + b"\x00"
                return _response(Reply(200, spoilt, answer.content_type), record)
            case "truncated":
                return await _truncated(request, answer, record)
            case "timeout":
                await asyncio.sleep(plan.timeout_ms / 1000)
            case "hang":
                await asyncio.Event().wait()
        return _reset(request)


def _note_rows(record: RequestRecord, page: Page) -> None:
    record.rows = len(page.ts)
    if record.rows:
        record.served_first_ts, record.served_last_ts = int(page.ts.min()), int(page.ts.max())


def _response(reply: Reply, record: RequestRecord, headers: Mapping[str, str] | None = None) -> web.Response:
    record.status = reply.status
    merged = {**(headers or {}), **reply.headers, "Content-Type": reply.content_type}
    return web.Response(status=reply.status, body=reply.body, headers=merged)


async def _truncated(request: web.Request, reply: Reply, record: RequestRecord) -> web.StreamResponse:
    """The head announces the whole body; the connection closes half way through it."""
    record.status = reply.status
    response = web.StreamResponse(status=reply.status, headers={"Content-Type": reply.content_type})
    response.content_length = len(reply.body)
    await response.prepare(request)
    await response.write(reply.body[: len(reply.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def _reset(request: web.Request) -> web.Response:
    """The connection is torn down; the response returned reaches nobody."""
    if request.transport is not None:
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        request.transport.abort()
    return web.Response(status=500)
