"""Watches the stations of a stack, once a second, in a process of its own.

Reading /proc, serverStatus and metrics pages takes milliseconds that the generator's loop must not lose. Run as
`python -m loadtests.watching.stations` with a stack file on standard input it prints one JSON object a second, until
it is told to end or nobody reads any more. What CloudWatch says comes later, for seconds that are past.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from types import FrameType
from typing import TypeVar

from loadtests.watching import prometheus, servers
from loadtests.watching.cloudwatch import CloudWatch
from loadtests.watching.processes import Processes
from loadtests.watching.reading import Source
from loadtests.watching.speed import reference_work_cpu_ms
from scenarios.children import end_with_parent
from scenarios.stack_info import CloudWatchInfo, StackInfo

Sample = dict[str, float]
# No sum: one app that waits for connections while others have some to spare is what shall be seen.
POOL = {"mongo_in_use", "mongo_pool_size"}
T = TypeVar("T")
# What has been said already: MongoDB's errors hold times, so that no two are the same.
_SAID: set[tuple[str, type[Exception]]] = set()


class StationWatch:
    """The watching process as its reader sees it. Under gevent the thread is a greenlet: it blocks nobody."""

    def __init__(self, stack: StackInfo) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "loadtests.watching.stations"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,  # what could not be read goes to standard error, and so to Locust's log
            preexec_fn=end_with_parent,
        )
        assert self._process.stdin
        with self._process.stdin as stdin:
            stdin.write(stack.model_dump_json().encode())  # not as a file: it holds the test sender's secret
        self._arrived: list[Sample] = []
        self._reader = threading.Thread(target=self._follow, daemon=True)
        self._reader.start()

    def read(self) -> list[Sample]:
        """What has arrived since the last call; each sample names its `second`."""
        arrived, self._arrived = self._arrived, []
        return arrived

    def _follow(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._arrived.append(json.loads(line))

    def stop(self, patient: bool = True) -> list[Sample]:
        """End it. Returns what it still had to say: with CloudWatch that may take the stack file's `wait_s`, if
        `patient`."""
        if patient:
            self._process.terminate()
        else:
            self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdout
        self._process.stdout.close()
        return self.read()


class Watch:
    """All sources of a stack, asked together: the slowest decides how long a second's reading takes, not the sum."""

    def __init__(self, stack: StackInfo, closing: ExitStack) -> None:
        self._processes = Processes(stack)
        self._sources: list[Source] = [closing.enter_context(prometheus.page(page)) for page in stack.prometheus]
        counters: list[Source] = []
        if stack.queue:
            counters.append(closing.enter_context(servers.queue(stack.queue)))
        if stack.mongo_url:
            counters.append(closing.enter_context(servers.mongo(stack.mongo_url)))
        if stack.redis_url:
            counters.append(closing.enter_context(servers.redis(stack.redis_url)))
        # Whoever names a metric for a column knows better: Redis counts a miss when it is asked whether somebody is
        # online who is not, the app only when its cache was of no use.
        named = set(stack.columns_filled())
        self._sources += [source for source in counters if not source.columns & named]
        self._threads = closing.enter_context(ThreadPoolExecutor(max(1, len(self._sources))))

    def sample(self, second: int) -> Sample:
        """What is known of a second that has just ended. A column of which a part is missing is left out."""
        values = self._processes.read().values | {"reference_work_cpu_ms": reference_work_cpu_ms()}
        asked = [(source, self._threads.submit(source.sample, second)) for source in self._sources]
        missing: set[str] = set()
        pools: list[Sample] = []
        for source, answer in asked:
            found = _answered(source.name, answer, {})
            missing |= source.columns - set(found)
            if found.keys() >= POOL:
                pools.append({column: found.pop(column) for column in POOL})
            for column, value in found.items():
                values[column] = values.get(column, 0.0) + value  # two apps make one station
        if pools:
            fullest = max(pools, key=_fullness)
            values |= fullest
        return {column: value for column, value in values.items() if column not in missing}


def samples(stack: StackInfo) -> Generator[Sample]:
    """A sample a second, aligned to the clock, until we are told to end; and what CloudWatch has published."""
    with ExitStack() as closing:
        watch = Watch(stack, closing)
        cloudwatch = _CloudWatchInTurn(stack.cloudwatch, closing) if stack.cloudwatch else None
        while not _Ending.asked.wait(1 - time.time() % 1):
            second = round(time.time()) - 1  # the one that has just ended
            yield {"second": second, **watch.sample(second)}
            if cloudwatch:
                yield from cloudwatch.samples(second)
        if cloudwatch:
            yield from cloudwatch.last_samples(int(time.time()))


def _fullness(pool: Sample) -> float:
    return pool["mongo_in_use"] / max(1.0, pool["mongo_pool_size"])


class _CloudWatchInTurn:
    """Asks CloudWatch once a period, beside the second's work: its answer may take seconds."""

    def __init__(self, info: CloudWatchInfo, closing: ExitStack) -> None:
        self._source = closing.enter_context(contextlib.closing(CloudWatch(info, int(time.time()))))
        self._period_s = info.period_s
        self._thread = closing.enter_context(ThreadPoolExecutor(1))
        self._asked: Future[list[Sample]] | None = None
        self._again_at = 0.0

    def samples(self, second: int) -> Iterator[Sample]:
        if self._asked and self._asked.done():
            yield from _answered("CloudWatch", self._asked, [])
            self._asked = None
        if not self._asked and time.monotonic() >= self._again_at:
            self._again_at = time.monotonic() + self._period_s
            self._asked = self._thread.submit(lambda: list(self._source.samples(second)))

    def last_samples(self, until: int) -> Iterator[Sample]:
        if self._asked:
            yield from _answered("CloudWatch", self._asked, [])
        yield from _answered("CloudWatch", self._thread.submit(lambda: list(self._source.last_samples(until))), [])


def _answered(name: str, answer: Future[T], otherwise: T) -> T:
    try:
        return answer.result()
    except Exception as error:  # a server that is down is what a drill measures; it must not end the watch
        if (problem := (name, type(error))) not in _SAID:
            _SAID.add(problem)
            print(
                f"{name} does not answer, its columns stay empty: {type(error).__name__}: {error}",
                file=sys.stderr,
                flush=True,
            )
        return otherwise


class _Ending:
    """Set when we are told to end."""

    asked = threading.Event()

    @classmethod
    def ask(cls, number: int, frame: FrameType | None) -> None:
        cls.asked.set()


def _main() -> None:
    signal.signal(signal.SIGTERM, _Ending.ask)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; our parent tells us
    try:
        for sample in samples(StackInfo.model_validate_json(sys.stdin.buffer.read())):
            print(json.dumps(sample), flush=True)
    except BrokenPipeError:
        # Nobody reads any more. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    _main()
