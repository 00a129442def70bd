"""Watches the stations of a stack, once a second, in a process of its own.

Reading /proc, serverStatus and metrics pages takes milliseconds that the generator's loop must not lose. Run as
`python -m loadtests.stations` with a stack file on standard input it prints one JSON object a second, until nobody
reads any more.
"""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

import psutil

from scenarios.children import end_with_parent
from scenarios.stack_info import StackInfo

Sample = dict[str, float]
# Commands that count as database queries; serverStatus' opcounters leave out findAndModify and aggregate.
QUERY_COMMANDS = ("find", "getMore", "insert", "update", "delete", "findAndModify", "aggregate", "count", "distinct")
TIMEOUT_S = 0.8
# Our metric names on the left, columns of series.csv on the right.
_METRICS = {
    "matchday_mongo_connections_in_use": "mongo_in_use",
    "matchday_mongo_pool_size": "mongo_pool_size",
}
# These only ever grow: a sample says by how much in its second.
_COUNTERS = ("database_queries", "cache_hits", "cache_misses")


class StationWatch:
    """The watching process as its reader sees it. Under gevent the thread is a greenlet: it blocks nobody."""

    def __init__(self, stack: StackInfo) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "loadtests.stations"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,  # what could not be read goes to standard error, and so to Locust's log
            preexec_fn=end_with_parent,
        )
        assert self._process.stdin
        with self._process.stdin as stdin:
            stdin.write(stack.model_dump_json().encode())  # not as a file: it holds the test sender's secret
        self._arrived: list[Sample] = []
        threading.Thread(target=self._follow, daemon=True).start()

    def read(self) -> list[Sample]:
        """What has arrived since the last call; each sample names its `second`."""
        arrived, self._arrived = self._arrived, []
        return arrived

    def _follow(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._arrived.append(json.loads(line))

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


class ProcessSampler:
    """CPU and memory of each station and of the machine, from /proc."""

    def __init__(self, stack: StackInfo) -> None:
        self._stations = {
            name: [p for p in map(_process, station.pids) if p] for name, station in stack.stations.items()
        }
        self._own = psutil.Process()
        self._before = self._read()

    def sample(self) -> Sample:
        """Cores in use since the last call, and memory now."""
        before, now = self._before, self._read()
        self._before = now
        elapsed = now["at"] - before["at"]
        values: Sample = {"memory_percent": psutil.virtual_memory().percent, "measured_cpu_cores": 0.0}
        for name, seconds in now.items():
            if name != "at":
                # A process that ended takes its seconds with it: never below nothing.
                values[name] = max(0.0, seconds - before[name]) / elapsed
                if name.startswith("cpu_cores_"):
                    values["measured_cpu_cores"] += values[name]
        values["measured_cpu_cores"] += values.pop("own")
        for name, processes in self._stations.items():
            values[f"memory_mb_{name}"] = sum(_quietly(lambda p=p: p.memory_info().rss) for p in processes) / 2**20  # type: ignore[misc]
        return values

    def _read(self) -> Sample:
        times = psutil.cpu_times()
        steal = getattr(times, "steal", 0.0)
        values = {
            "at": time.monotonic(),
            "steal_cpu_cores": steal,
            "machine_cpu_cores": sum(times) - times.idle - getattr(times, "iowait", 0.0) - _guest(times),
            "own": _cpu_s(self._own),
        }
        for name, processes in self._stations.items():
            values[f"cpu_cores_{name}"] = sum(_cpu_s(process) for process in processes)
        return values


def _guest(times: Any) -> float:
    # The kernel counts guests' time in user time already.
    return float(getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0))


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _quietly(read: Callable[[], float]) -> float:
    try:
        return read()
    except psutil.Error:
        return 0.0


def _cpu_s(process: psutil.Process) -> float:
    def read() -> float:
        times = process.cpu_times()
        return float(times.user + times.system)

    return _quietly(read)


@contextmanager
def _mongo_reader(url: str) -> Iterator[Callable[[], Sample]]:
    from pymongo import MongoClient

    client: MongoClient[dict[str, Any]] = MongoClient(url, timeoutMS=int(TIMEOUT_S * 1000), maxPoolSize=2)
    with client:

        def read() -> Sample:
            commands = client.admin.command("serverStatus")["metrics"]["commands"]
            return {"database_queries": float(sum(commands.get(name, {}).get("total", 0) for name in QUERY_COMMANDS))}

        yield read


@contextmanager
def _redis_reader(url: str) -> Iterator[Callable[[], Sample]]:
    from redis import Redis

    with Redis.from_url(url, socket_timeout=TIMEOUT_S) as client:

        def read() -> Sample:
            stats: Any = client.info("stats")
            return {"cache_hits": float(stats["keyspace_hits"]), "cache_misses": float(stats["keyspace_misses"])}

        yield read


def _metrics_reader(urls: tuple[str, ...]) -> Callable[[], Sample]:
    def read() -> Sample:
        values: Sample = {}
        for url in urls:
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response:
                for line in response.read().decode().splitlines():
                    name, _, value = line.rpartition(" ")
                    if column := _METRICS.get(name):
                        values[column] = values.get(column, 0.0) + float(value)
        return values

    return read


def _queue_reader(stack: StackInfo) -> Callable[[], Sample]:
    import boto3
    from botocore.config import Config

    queue = stack.queue
    assert queue
    sqs = boto3.client(
        "sqs",
        region_name=queue.region,
        endpoint_url=queue.endpoint_url,
        aws_access_key_id=queue.access_key_id,
        aws_secret_access_key=queue.secret_access_key,
        config=Config(connect_timeout=TIMEOUT_S, read_timeout=TIMEOUT_S, retries={"total_max_attempts": 1}),
    )
    wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def read() -> Sample:
        found = sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=wanted)["Attributes"]
        return {"queue_backlog": float(sum(int(found[name]) for name in wanted))}

    return read


def samples(stack: StackInfo) -> Iterator[Sample]:
    """A sample a second, aligned to the clock. What does not answer is left out of that second."""
    processes = ProcessSampler(stack)
    readers: list[Callable[[], Sample]] = []
    if stack.metrics_urls:
        readers.append(_metrics_reader(stack.metrics_urls))
    if stack.queue:
        readers.append(_queue_reader(stack))
    with ExitStack() as closing:
        if stack.mongo_url:
            readers.append(closing.enter_context(_mongo_reader(stack.mongo_url)))
        if stack.redis_url:
            readers.append(closing.enter_context(_redis_reader(stack.redis_url)))
        totals: dict[str, tuple[int, float]] = {}
        while True:
            time.sleep(1 - time.time() % 1)
            second = round(time.time()) - 1  # the one that has just ended
            values = processes.sample()
            for read in readers:
                values |= _answered(read)
            yield {"second": second, **_rates(values, totals, second)}


def _answered(read: Callable[[], Sample]) -> Sample:
    try:
        return read()
    except Exception as error:  # a server that is down is what a drill measures; it must not end the watch
        _say_once(f"A station does not answer, its columns stay empty: {type(error).__name__}: {error}")
        return {}


@cache
def _say_once(problem: str) -> None:
    print(problem, file=sys.stderr, flush=True)


def _rates(values: Sample, totals: dict[str, tuple[int, float]], second: int) -> Sample:
    """Counters as what was added a second since they were last read, which `totals` remembers."""
    result = {name: value for name, value in values.items() if name not in _COUNTERS}
    for name in _COUNTERS:
        if name in values:
            if name in totals:
                before, total = totals[name]
                # After seconds without an answer the difference is spread: it must not look like a burst.
                result[name] = max(0.0, values[name] - total) / max(1, second - before)
            totals[name] = second, values[name]
    return result


def _main() -> None:
    try:
        for sample in samples(StackInfo.model_validate_json(sys.stdin.buffer.read())):
            print(json.dumps(sample), flush=True)
    except (BrokenPipeError, KeyboardInterrupt):
        # Nobody reads any more. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    _main()
