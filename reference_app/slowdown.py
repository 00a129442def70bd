"""A release that got slower, on purpose: endpoints that use more CPU than they must. What gates are tried with."""

import time
from collections.abc import Awaitable, Generator, Mapping
from typing import Any

from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Slowdown:
    """Before an endpoint's answer goes out it burns a share of the CPU time that it has used so far.

    `shares`: by "GET /discovery", the method and the route; 0.1 is 10 % more.
    """

    def __init__(self, app: ASGIApp, shares: Mapping[str, float]) -> None:
        self.app = app
        self._shares = shares
        named = (endpoint.split(" ", 1) for endpoint in shares)
        self._paths = [(method, compile_path(path)[0]) for method, path in named]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def slower(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "")
                burn(self._shares.get(f"{scope['method']} {route}", 0.0) * work.cpu_s())
            await send(message)

        if not self._may_be_meant(scope):
            await self.app(scope, receive, send)
            return
        work = _Metered(self.app(scope, receive, slower))
        await work

    def _may_be_meant(self, scope: Scope) -> bool:
        """Metering costs CPU itself, so the others go without. Which route it is, is known only later."""
        if scope["type"] != "http":
            return False
        return any(method == scope["method"] and path.match(scope["path"]) for method, path in self._paths)


class _Metered:
    """Awaits something and knows how much CPU time it has had: other requests run in between, and are not counted."""

    def __init__(self, inner: Awaitable[None]) -> None:
        self._inner = inner.__await__()
        self._used_s = 0.0
        self._since_s: float | None = None

    def cpu_s(self) -> float:
        running_s = 0.0 if self._since_s is None else time.thread_time() - self._since_s
        return self._used_s + running_s

    def __await__(self) -> Generator[Any, Any, None]:
        resume, value = self._inner.send, None
        while True:
            self._since_s = time.thread_time()
            try:
                waits_for = resume(value)
            except StopIteration:
                return
            finally:
                self._used_s, self._since_s = self.cpu_s(), None
            try:
                value = yield waits_for
                resume = self._inner.send
            except BaseException as error:  # cancelled, say: it is the inner one's to handle
                resume, value = self._inner.throw, error


def burn(cpu_s: float) -> None:
    end_s = time.thread_time() + cpu_s
    while time.thread_time() < end_s:
        pass
