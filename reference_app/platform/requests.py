"""Every request is timed, has an id, and leaves a line in the log when it failed or took long."""

import logging
import re
import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from reference_app.platform import metrics

log = logging.getLogger("matchday.requests")
SLOW_S = 1.0  # twice the alert on p95
_HEADER = b"x-request-id"
# What is answered is for one person, and is what its content type says.
_ALWAYS = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
_WELL_FORMED = re.compile(rb"[A-Za-z0-9-]{8,64}")  # others' ids end up in our logs


class Requests:
    """Pure ASGI: no task or buffer per request."""

    def __init__(self, app: ASGIApp, broken: ASGIApp) -> None:
        """`broken` answers when the app raises instead."""
        self.app, self.broken = app, broken

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        request_id = _id_of(scope)
        with bound_contextvars(request_id=request_id.decode()):
            if scope["type"] == "http":
                await self._timed(scope, receive, send, request_id)
            else:
                await self.app(scope, receive, send)

    async def _timed(self, scope: Scope, receive: Receive, send: Send, request_id: bytes) -> None:
        status = 0  # until a response starts

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_ALWAYS, (_HEADER, request_id)]
            await send(message)

        start = time.perf_counter()
        try:
            await self.app(scope, receive, watch)
        except Exception:
            log.exception("A request was not answered")  # here, where the line has the request's id
            if status:  # half an answer: the server breaks it off
                raise
            await self.broken(scope, receive, watch)
        finally:
            took_s, status = time.perf_counter() - start, status or 500
            # The route's template, never the path: a label for every id would grow without bound.
            route = getattr(scope.get("route"), "path", "(none)")
            metrics.REQUEST_SECONDS.labels(scope["method"], route, status).observe(took_s)
            if status >= 500 or took_s > SLOW_S:
                what = {"method": scope["method"], "route": route, "status": status, "ms": round(took_s * 1000)}
                log.warning("failed" if status >= 500 else "slow", extra=what)


def _id_of(scope: Scope) -> bytes:
    """The load balancer's, or a new one."""
    for name, value in scope["headers"]:
        if name == _HEADER and _WELL_FORMED.fullmatch(value):
            return bytes(value)
    return secrets.token_hex(16).encode()
