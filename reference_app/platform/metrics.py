"""Prometheus metrics of one process, and the middleware that fills them."""

import time

from prometheus_client import Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_SECONDS = Histogram(
    "matchday_request_seconds",
    "Time to the end of the response",
    ["method", "route", "status"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5),
)
SOCKETS = Gauge("matchday_open_sockets", "WebSockets held by this process")
MONGO_IN_USE = Gauge("matchday_mongo_connections_in_use", "MongoDB connections, the most since the last scrape")
MONGO_POOL_SIZE = Gauge("matchday_mongo_pool_size", "MongoDB connections at most")
CACHE_HITS = Counter("matchday_cache_hits", "Found in Redis", ["cache"])
CACHE_MISSES = Counter("matchday_cache_misses", "Not found in Redis, asked of MongoDB", ["cache"])
COMMIT_SIZE = Histogram(
    "matchday_commit_documents",
    "Documents that were committed together",
    ["collection"],
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
)
MATCHES = Counter("matchday_matches", "Matches detected")
MESSAGES = Counter("matchday_messages", "Messages stored")
PUSHES = Counter("matchday_pushes", "Notifications brought to phones", ["outcome"])
PHOTOS = Counter("matchday_photos", "Photos processed", ["outcome"])


def cache_hit(cache: str, times: int = 1) -> None:
    CACHE_HITS.labels(cache).inc(times)


def cache_miss(cache: str, times: int = 1) -> None:
    CACHE_MISSES.labels(cache).inc(times)


class InUse:
    """How many of something are in use, and the most since somebody last asked: a scrape a second misses peaks."""

    def __init__(self) -> None:
        self._now = self._most = 0

    def take(self) -> None:
        self._now += 1
        self._most = max(self._most, self._now)

    def give_back(self) -> None:
        self._now -= 1

    def most(self) -> float:
        most, self._most = self._most, self._now
        return most


MONGO_CONNECTIONS = InUse()
MONGO_IN_USE.set_function(MONGO_CONNECTIONS.most)


class RequestMetrics:
    """Pure ASGI: no task or buffer per request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 500  # unless a response starts

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        start = time.perf_counter()
        try:
            await self.app(scope, receive, watch)
        finally:
            # The route's template, never the path: a label for every id would grow without bound.
            route = getattr(scope.get("route"), "path", "(none)")
            REQUEST_SECONDS.labels(scope["method"], route, status).observe(time.perf_counter() - start)
