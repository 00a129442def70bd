"""The stores: MongoDB, Redis, the emulator of S3 and SQS. Each as one process; sets and clusters are made of them."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError
from redis import Redis
from redis.exceptions import RedisError

from reference_app.stack import binaries
from reference_app.stack.process import ServerProcess, eventually, free_port, http_answers, tcp_answers

REPLICA_SET = "rs0"
MONGO_CACHE_GB = "0.5"  # what an Atlas M10 (2 GB) gives WiredTiger
# How soon a set notices that its primary is gone. Longest wait for a write on the majority, measured on three members:
# killed 3 s (12 s with the defaults); paused, so that it neither answers nor refuses, 5.3 s (15 s and more).
SET_SETTINGS = {"electionTimeoutMillis": 2000, "heartbeatTimeoutSecs": 2, "heartbeatIntervalMillis": 500}
OPLOG_TIMEOUT_BUFFER_S = 1  # beyond it a secondary looks for another member to follow
SLOTS = 16384


def mongod(folder: Path, number: int, port: int) -> ServerProcess:
    """A member of the replica set; `form_replica_set` makes it one."""
    name = f"mongod-{number}"
    data = folder / f"{name}-{port}"
    data.mkdir()
    argv: list[str | Path] = [binaries.find("mongod"), "--replSet", REPLICA_SET, "--dbpath", data]
    argv += ["--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket"]
    argv += ["--wiredTigerCacheSizeGB", MONGO_CACHE_GB, "--setParameter", "diagnosticDataCollectionEnabled=false"]
    argv += ["--setParameter", f"oplogNetworkTimeoutBufferSeconds={OPLOG_TIMEOUT_BUFFER_S}"]
    return ServerProcess(name, argv, folder / f"{name}.log", lambda: _hello(port))


def form_replica_set(ports: Sequence[int], arbiters: Sequence[int] = ()) -> str:
    """Make these mongods one set. Returns its URL when it has a primary and every member follows."""
    members = [{"_id": n, "host": f"127.0.0.1:{port}"} for n, port in enumerate(ports)]
    members += [{"_id": 100 + n, "host": f"127.0.0.1:{port}", "arbiterOnly": True} for n, port in enumerate(arbiters)]
    with _direct(ports[0]) as first:
        first.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members, "settings": SET_SETTINGS})
    for port in (*ports, *arbiters):
        eventually(partial(_is_member, port), "the replica set")
    eventually(lambda: _has_primary(ports), "the replica set")
    return f"mongodb://{','.join(f'127.0.0.1:{port}' for port in ports)}/?replicaSet={REPLICA_SET}"


def valkey(folder: Path, number: int, port: int, memory: str, clustered: bool = False) -> ServerProcess:
    """A server of its own, or a node that `form_cluster` joins to others."""
    name = f"valkey-{number}"
    argv: list[str | Path] = [binaries.find("valkey"), "--port", str(port), "--bind", "127.0.0.1"]
    argv += ["--save", "", "--appendonly", "no", "--maxmemory", memory, "--dir", folder]
    argv += ["--maxmemory-policy", "allkeys-lru"]  # all of it can be had again
    if clustered:
        argv += ["--cluster-enabled", "yes", "--cluster-config-file", f"{name}.conf"]
        argv += ["--cluster-port", str(free_port()), "--cluster-require-full-coverage", "no"]
    return ServerProcess(name, argv, folder / f"{name}.log", lambda: tcp_answers(port))


def form_cluster(ports: Sequence[int]) -> str:
    """Share the slots out to these nodes. Returns a URL when all of them know of all."""
    shares = [SLOTS * n // len(ports) for n in range(len(ports) + 1)]
    for port, start, end in zip(ports, shares, shares[1:], strict=False):
        with _redis(port) as node:
            node.execute_command("CLUSTER ADDSLOTSRANGE", start, end - 1)
            bus = int(node.config_get("cluster-port")["cluster-port"])
        if port != ports[0]:
            with _redis(ports[0]) as first:
                first.execute_command("CLUSTER MEET", "127.0.0.1", port, bus)
    for port in ports:
        eventually(partial(_knows_all, port, len(ports)), "the Redis cluster")
    return f"redis://127.0.0.1:{ports[0]}/0"


def aws(folder: Path, port: int) -> ServerProcess:
    """The emulator of S3, SQS and CloudWatch."""
    environment = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "SERVICES": "s3,sqs,cloudwatch",
        "IOT_MTLS_ENABLED": "0",  # else, where `cryptography` is installed, it listens on every address
        "TMPDIR": str(folder),
        "LOG_LEVEL": "WARNING",
    }
    argv = [sys.executable, "-m", "ministack"]
    check = f"http://127.0.0.1:{port}/_ministack/health"
    return ServerProcess("aws", argv, folder / "aws.log", lambda: http_answers(check), environment)


def _direct(port: int) -> MongoClient[dict[str, Any]]:
    return MongoClient("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=500)


def _asked(port: int, command: str) -> dict[str, Any]:
    """Raises TimeoutError when it does not answer."""
    try:
        with _direct(port) as client:
            answer: dict[str, Any] = client.admin.command(command)
    except OperationFailure as error:
        raise TimeoutError(str(error)) from error
    except PyMongoError as error:
        raise TimeoutError(str(error).partition(",")[0]) from error
    return answer


def _hello(port: int) -> None:
    """A mongod that was a member before is ready when it is one again."""
    hello = _asked(port, "hello")
    if hello.get("setName") and not (hello["isWritablePrimary"] or hello["secondary"]):
        raise TimeoutError("it has not joined its replica set yet")


def _is_member(port: int) -> None:
    hello = _asked(port, "hello")
    if not (hello["isWritablePrimary"] or hello["secondary"] or hello.get("arbiterOnly")):
        raise TimeoutError("a member has not joined yet")


def _has_primary(ports: Sequence[int]) -> None:
    if not any(_asked(port, "hello")["isWritablePrimary"] for port in ports):
        raise TimeoutError("it has not elected a primary yet")


def _redis(port: int) -> Redis:
    return Redis(host="127.0.0.1", port=port, socket_timeout=5)


def _knows_all(port: int, nodes: int) -> None:
    try:
        with _redis(port) as node:
            info: Any = node.execute_command("CLUSTER INFO")
            links: Any = node.execute_command("CLUSTER LINKS")
    except RedisError as error:
        raise TimeoutError(str(error)) from error
    if info["cluster_state"] != "ok" or int(info["cluster_known_nodes"]) != nodes:
        raise TimeoutError(f"a node says that the cluster is {info['cluster_state']}")
    # A message that is the first on a link is thrown away, and nobody is told (valkey-io/valkey#2817). Links are listed
    # from a node when it has said something on its own, and to it.
    if len(links) != 2 * (nodes - 1):
        raise TimeoutError("not all nodes have heard of each other yet")
