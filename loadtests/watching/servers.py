"""MongoDB, Redis and SQS, asked for their own counters."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from loadtests.watching import aws
from loadtests.watching.reading import Reading, Source
from scenarios.stack_info import QueueInfo

# Commands that count as database queries; serverStatus' opcounters leave out findAndModify and aggregate.
QUERY_COMMANDS = ("find", "getMore", "insert", "update", "delete", "findAndModify", "aggregate", "count", "distinct")
TIMEOUT_S = 0.8


@contextmanager
def mongo(url: str) -> Iterator[Source]:
    from pymongo import MongoClient

    client: MongoClient[dict[str, Any]] = MongoClient(url, timeoutMS=int(TIMEOUT_S * 1000), maxPoolSize=2)
    with client:

        def read() -> Reading:
            commands = client.admin.command("serverStatus")["metrics"]["commands"]
            queries = sum(commands.get(name, {}).get("total", 0) for name in QUERY_COMMANDS)
            return Reading(totals={"database_queries": float(queries)})

        yield Source("MongoDB", frozenset({"database_queries"}), read)


@contextmanager
def redis(url: str) -> Iterator[Source]:
    from redis import Redis

    with Redis.from_url(url, socket_timeout=TIMEOUT_S) as client:

        def read() -> Reading:
            stats: Any = client.info("stats")
            hits, misses = float(stats["keyspace_hits"]), float(stats["keyspace_misses"])
            return Reading(totals={"cache_hits": hits, "cache_misses": misses})

        yield Source("Redis", frozenset({"cache_hits", "cache_misses"}), read)


@contextmanager
def queue(info: QueueInfo) -> Iterator[Source]:
    sqs = aws.client("sqs", info, TIMEOUT_S)
    wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def read() -> Reading:
        found = sqs.get_queue_attributes(QueueUrl=info.url, AttributeNames=wanted)["Attributes"]
        return Reading({"queue_backlog": float(sum(int(found[name]) for name in wanted))})

    try:
        yield Source("SQS", frozenset({"queue_backlog"}), read)
    finally:
        sqs.close()
