"""A phase's stack as a whole: servers in the order they need each other, ended in the opposite one.

URLs in the environment (MATCHDAY_MONGO_URL, MATCHDAY_REDIS_URL, MATCHDAY_AWS_ENDPOINT_URL) replace a server.
"""

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
from botocore.exceptions import ClientError
from pydantic import ValidationError
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from reference_app.platform import STORE_AWAY
from reference_app.platform.objects import Objects
from reference_app.platform.queue import Queue
from reference_app.population import populate
from reference_app.settings import Settings
from reference_app.stack import servers
from reference_app.stack.process import ServerProcess, StackError, free_port
from scenarios.people import MODERATOR_PHONE
from scenarios.schema import Population, Scenario
from scenarios.stack_info import PrometheusMetric, PrometheusPage, QueueInfo, StackInfo, Station

__all__ = ["LocalStack", "StackError"]

_FOLDER_PREFIX = "matchday-"
PORT_TRIES = 3
_APP_METRICS = (
    PrometheusMetric(column="mongo_in_use", metric="matchday_mongo_connections_in_use"),
    PrometheusMetric(column="mongo_pool_size", metric="matchday_mongo_pool_size"),
)
_EMULATOR_KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


class LocalStack:
    """`with LocalStack(scenario) as stack:` gives a running, empty stack; leaving the block ends it.

    `report(text)` hears of each step. Raises MissingServer or StackError, with nothing left running.
    """

    def __init__(self, scenario: Scenario, report: Callable[[str], None] = lambda text: None) -> None:
        self.scenario = scenario
        self.settings = _settings()
        self.folder = Path()
        self.host = ""
        self._report = report
        self._processes: list[ServerProcess] = []
        self._app_ports: list[int] = []

    def __enter__(self) -> Self:
        if self.scenario.phase != 1:
            raise StackError(
                f"Only phase 1 can be started here so far, not phase {self.scenario.phase}; "
                "give the URL of a running backend with --host."
            )
        remove_stale_folders()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDER_PREFIX}{os.getpid()}-"))
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def populate(self, population: Population, progress: Callable[[int, int], None]) -> None:
        """Fill the empty database; `progress(done, of)` counts people."""
        with _servers_answer():
            asyncio.run(populate(self.settings, population, progress))

    @property
    def info(self) -> StackInfo:
        """What those who measure need to know."""
        settings = self.settings
        stations: dict[str, list[int]] = {}
        for server in self._processes:
            stations.setdefault(server.name.partition("-")[0], []).append(server.pid)
        # One asyncio process or one nginx worker can use one core; mongod uses what there is.
        cores = {name: float(len(pids)) for name, pids in stations.items()} | {"mongod": float(os.cpu_count() or 1)}
        return StackInfo(
            host=self.host,
            stations={
                name: Station(pids=tuple(_with_children(pids)), cores=cores[name]) for name, pids in stations.items()
            },
            mongo_url=settings.mongo_url,
            redis_url=settings.redis_url,
            queue=QueueInfo(
                url=Queue.connect(settings).url,
                region=settings.aws_region,
                endpoint_url=settings.aws_endpoint_url,
                access_key_id=settings.aws_access_key_id,
                secret_access_key=settings.aws_secret_access_key,
            ),
            prometheus=tuple(
                PrometheusPage(url=f"http://127.0.0.1:{port}/metrics", metrics=_APP_METRICS) for port in self._app_ports
            ),
            otp_test_secret=settings.otp_test_secret,
            population=self.scenario.population.model_dump(mode="json"),
        )

    def restart_apps(self) -> Callable[[], None]:
        """Start every app anew on its port; the returned call waits until all are ready. Nobody should be using them.

        Two processes of the same code differ in speed for as long as they live, by a few percent: whoever compares
        versions wants each to be tried in several.
        """
        apps = [server for server in self._processes if server.name.startswith("app-")]
        for app in apps:
            app.ask_to_stop()
        for app in apps:
            app.stop()
            app.start()

        def wait() -> None:
            for app in apps:
                app.wait_ready()

        return wait

    def check(self) -> None:
        """Raises StackError when a server has ended by itself."""
        for server in self._processes:
            if not server.running:
                server.wait_ready()

    def _start(self) -> None:
        self._use(
            secret_key=secrets.token_hex(32),
            otp_test_secret=secrets.token_hex(16),
            cdn_purge_secret=secrets.token_hex(16),
            moderator_phones=[MODERATOR_PHONE],
        )
        self._use_slowdown()
        self._start_stores()
        with _servers_answer():
            Objects.connect(self.settings).create_bucket()
            Queue.connect(self.settings).create()
        environment = self.settings.as_environment()
        for number in range(1, self.scenario.infrastructure.apps + 1):
            self._report(f"app {number}")
            self._app_ports.append(self._run(partial(servers.app, self.folder, environment, number)))
        self._report("nginx: load balancer and CDN cache")
        port = self._run(partial(servers.nginx, self.folder, self._app_ports, self.settings))
        self.host = f"http://127.0.0.1:{port}"
        self._use(cdn_purge_url=self.host)
        self._report("worker")
        self._run(lambda _: servers.worker(self.folder, self.settings.as_environment()))

    def _start_stores(self) -> None:
        """Each store, unless the environment names one."""
        given = self.settings.model_fields_set
        if "mongo_url" not in given:
            self._report("mongod: a replica set of one")
            port = self._run(partial(servers.mongod, self.folder))
            self._use(mongo_url=f"mongodb://127.0.0.1:{port}/?replicaSet={servers.REPLICA_SET}")
        if "redis_url" not in given:
            self._report("valkey")
            port = self._run(partial(servers.valkey, self.folder))
            self._use(redis_url=f"redis://127.0.0.1:{port}/0")
        if "aws_endpoint_url" not in given:
            self._report("S3 and SQS")
            port = self._run(partial(servers.aws, self.folder))
            self._use(aws_endpoint_url=f"http://127.0.0.1:{port}", **_EMULATOR_KEYS)

    def _use_slowdown(self) -> None:
        slowdown = self.scenario.backend.slowdown
        if not slowdown:
            return
        from reference_app.app import endpoints  # the whole backend: only a slowdown needs it here

        known = endpoints()
        if unknown := sorted(slowdown.keys() - known):
            there = ", ".join(sorted(known))
            raise StackError(f"backend.slowdown: the backend has no endpoint {unknown[0]!r}. There are: {there}.")
        self._use(slowdown=slowdown)

    def _use(self, **changes: Any) -> None:
        """Change settings, except those that the environment sets."""
        given = Settings().model_fields_set
        self.settings = self.settings.model_copy(update={k: v for k, v in changes.items() if k not in given})

    def _run(self, make: Callable[[int], ServerProcess]) -> int:
        """Start a server on a free port and wait for it; another stack may take the port first: try again."""
        for attempt in range(1, PORT_TRIES + 1):
            port = free_port()
            server = make(port)
            self._processes.append(server)
            server.start()
            try:
                server.wait_ready()
            except StackError as error:
                self._processes.pop().stop()
                if "address already in use" not in str(error).lower() or attempt == PORT_TRIES:
                    raise
            else:
                break
        return port

    def _stop(self) -> None:
        for server in reversed(self._processes):
            server.stop()
        self._processes.clear()
        shutil.rmtree(self.folder, ignore_errors=True)


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        problems = "; ".join(problem["msg"].removeprefix("Value error, ") for problem in error.errors())
        raise StackError(f"The backend refuses its settings: {problems}.") from error


@contextmanager
def _servers_answer() -> Iterator[None]:
    """Servers that the environment names may be away, or not what they should be."""
    try:
        yield
    except (*STORE_AWAY, PyMongoError, RedisError, ClientError) as error:
        raise StackError(f"A server that the environment names cannot be used: {error}") from error


def _with_children(pids: list[int]) -> list[int]:
    """The processes and those that they started: nginx works in a child."""
    family = list(pids)
    for pid in pids:
        family += [child.pid for child in psutil.Process(pid).children(recursive=True)]
    return family


def remove_stale_folders() -> None:
    """Remove the data of stacks whose process was killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER_PREFIX}*-*"):
        owner = folder.name.removeprefix(_FOLDER_PREFIX).partition("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)
