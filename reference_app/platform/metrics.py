"""Prometheus metrics of one process. CPU and memory of the process are among them by themselves."""

import psutil
from prometheus_client import Counter, Gauge, Histogram

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
QUEUE_BACKLOG = Gauge("matchday_queue_backlog", "Jobs that wait or are being done")
QUEUE_AGE_S = Gauge("matchday_queue_age_seconds", "How long ago the oldest job at hand was sent")
DEAD_LETTERS = Gauge("matchday_queue_dead_letters", "Jobs that were given up after five tries")
JOBS = Counter("matchday_jobs", "Jobs tried", ["kind", "outcome"])  # `job` is Prometheus' own
MACHINE_MEMORY = Gauge("matchday_machine_memory_percent", "Memory of this machine that is in use")
MATCHES = Counter("matchday_matches", "Matches detected")
MESSAGES = Counter("matchday_messages", "Messages stored")
PUSHES = Counter("matchday_pushes", "Notifications brought to phones", ["outcome"])
PHOTOS = Counter("matchday_photos", "Photos processed", ["outcome"])


for _cache in ("sessions", "decks", "cards"):  # a cache that was not asked yet shows as 0, not as missing
    CACHE_HITS.labels(_cache)
    CACHE_MISSES.labels(_cache)


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


MACHINE_MEMORY.set_function(lambda: psutil.virtual_memory().percent)
MONGO_CONNECTIONS = InUse()
MONGO_IN_USE.set_function(MONGO_CONNECTIONS.most)
