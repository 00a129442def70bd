"""MongoDB, Redis and SQS, asked for their own counters: every member of a replica set, every node of a cluster."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from loadtests.watching import aws
from loadtests.watching.reading import Reading, Source
from scenarios.stack_info import QueueInfo

if TYPE_CHECKING:
    from pymongo import MongoClient

# Commands that count as database queries; serverStatus' opcounters leave out findAndModify and aggregate.
QUERY_COMMANDS = ("find", "getMore", "insert", "update", "delete", "findAndModify", "aggregate", "count", "distinct")
TIMEOUT_S = 0.8
FIND_MEMBERS_WITHIN_S = 5.0


@contextmanager
def mongo(url: str) -> Iterator[Source]:
    """What all members of the set served. What members ask each other, to follow the primary, is no query."""
    with ExitStack() as closing:
        members = [closing.enter_context(mongo_client(member, TIMEOUT_S, options)) for member, options in _members(url)]

        def read() -> Reading:
            served = [member.admin.command("serverStatus")["metrics"] for member in members]
            return Reading(totals={"database_queries": float(sum(map(_queries, served)))})

        yield Source("MongoDB", frozenset({"database_queries"}), read)


def _members(url: str) -> list[tuple[str, dict[str, Any]]]:
    """The URL of each member and how to reach it alone; the URL itself while none is found."""
    from pymongo.errors import PyMongoError
    from pymongo.uri_parser import parse_uri

    with mongo_client(url, FIND_MEMBERS_WITHIN_S) as client:
        try:
            client.admin.command("ping")
        except PyMongoError:
            return [(url, {})]
        nodes = sorted(client.nodes)
    given = parse_uri(url)
    options = {**given["options"], "directConnection": True, "replicaSet": None}
    options |= {name: given[name] for name in ("username", "password") if given[name]}
    return [(f"mongodb://{host}:{port}", options) for host, port in nodes]


def mongo_client(url: str, timeout_s: float, options: Mapping[str, Any] | None = None) -> "MongoClient[dict[str, Any]]":
    from pymongo import MongoClient

    # Its timeout does not reach closing, which looks for a server once more: for 30 s, unless told.
    patience_ms = {"timeoutMS": int(timeout_s * 1000), "serverSelectionTimeoutMS": int(timeout_s * 1000)}
    return MongoClient(url, **{**(options or {}), **patience_ms, "maxPoolSize": 2})


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
