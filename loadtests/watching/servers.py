"""MongoDB, Redis and SQS, asked for their own counters: every member of a replica set, every node of a cluster."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from loadtests.watching import aws
from loadtests.watching.reading import Reading, Source
from scenarios.stack_info import QueueInfo

# Commands that count as database queries; serverStatus' opcounters leave out findAndModify and aggregate.
QUERY_COMMANDS = ("find", "getMore", "insert", "update", "delete", "findAndModify", "aggregate", "count", "distinct")
TIMEOUT_S = 0.8
FIND_MEMBERS_WITHIN_S = 5.0


@contextmanager
def mongo(url: str) -> Iterator[Source]:
    """What all members of the set served. What members ask each other, to follow the primary, is no query."""
    from pymongo import MongoClient

    timeout_ms = int(TIMEOUT_S * 1000)
    with ExitStack() as closing:
        members: list[MongoClient[dict[str, Any]]] = [
            closing.enter_context(MongoClient(member, timeoutMS=timeout_ms, maxPoolSize=2, **options))
            for member, options in _members(url)
        ]

        def read() -> Reading:
            served = [member.admin.command("serverStatus")["metrics"] for member in members]
            return Reading(totals={"database_queries": float(sum(map(_queries, served)))})

        yield Source("MongoDB", frozenset({"database_queries"}), read)


def _members(url: str) -> list[tuple[str, dict[str, Any]]]:
    """The URL of each member and how to reach it alone; the URL itself while none is found."""
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError
    from pymongo.uri_parser import parse_uri

    client: MongoClient[dict[str, Any]] = MongoClient(url, timeoutMS=int(FIND_MEMBERS_WITHIN_S * 1000))
    with client:
        try:
            client.admin.command("ping")
        except PyMongoError:
            return [(url, {})]
        nodes = sorted(client.nodes)
    given = parse_uri(url)
    options = {**given["options"], "directConnection": True, "replicaSet": None}
    options |= {name: given[name] for name in ("username", "password") if given[name]}
    return [(f"mongodb://{host}:{port}", options) for host, port in nodes]


def _queries(metrics: dict[str, Any]) -> int:
    commands = metrics["commands"]
    served = sum(commands.get(name, {}).get("total", 0) for name in QUERY_COMMANDS)
    # A secondary's own getMores were served by the primary, or by another secondary.
    return int(served - metrics["repl"]["network"]["getmores"]["num"])


@contextmanager
def redis(url: str) -> Iterator[Source]:
    from redis import Redis, RedisCluster

    with ExitStack() as closing:
        one = closing.enter_context(Redis.from_url(url, socket_timeout=TIMEOUT_S))
        cluster: list[RedisCluster] = []

        def read() -> Reading:
            if not cluster and one.info("cluster")["cluster_enabled"]:
                found = RedisCluster.from_url(url, socket_timeout=TIMEOUT_S)
                closing.callback(found.close)
                cluster.append(found)
            stats: Any = cluster[0].info("stats", target_nodes="all") if cluster else {"": one.info("stats")}
            hits, misses = (
                float(sum(node[f"keyspace_{what}"] for node in stats.values())) for what in ("hits", "misses")
            )
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
