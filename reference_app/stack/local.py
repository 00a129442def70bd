"""A phase's stack as a whole: servers in the order they need each other, ended in the opposite one.

URLs in the environment (MATCHDAY_MONGO_URL, MATCHDAY_REDIS_URL, MATCHDAY_AWS_ENDPOINT_URL) replace a server.
"""

import asyncio
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psutil
from botocore.exceptions import ClientError
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from reference_app.platform import STORE_AWAY
from reference_app.platform.objects import Objects
from reference_app.platform.queue import Queue
from reference_app.population import UPLOAD_THREADS, picture_paths, populate, start_over
from reference_app.settings import Service, Settings, from_environment
from reference_app.stack import apps, proxy, stores
from reference_app.stack.describe import describe
from reference_app.stack.process import ServerProcess, StackError, free_port, reserved_port
from scenarios.people import MODERATOR_PHONE
from scenarios.schema import Scenario
from scenarios.stack_info import StackInfo

__all__ = ["LocalStack", "StackError"]

_FOLDER_PREFIX = "matchday-"
PORT_TRIES = 3
_STORES = ("mongod-", "valkey-")
_EMULATOR_KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


class LocalStack:
    """`with LocalStack(scenario) as stack:` gives a running, empty stack; leaving the block ends it.

    `report(text)` hears of each step. Raises MissingServer or StackError, with nothing left running.
    """

    def __init__(self, scenario: Scenario, report: Callable[[str], None] = lambda text: None) -> None:
        self.scenario = scenario
        self.settings = from_environment()
        self.folder = Path()
        self.host = ""
        self.servers: list[ServerProcess] = []
        self._report = report
        self._ports: dict[str, socket.socket] = {}  # of the apps, theirs across restarts

    def __enter__(self) -> Self:
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

    def populate(self, scenario: Scenario, progress: Callable[[int, int], None]) -> None:
        """Fill the empty database; `progress(done, of)` counts people."""
        with _servers_answer():
            asyncio.run(populate(self.settings, scenario, progress))

    def start_over(self) -> None:
        """Undo what load has done: nobody has swiped, matched or written since they were made."""
        with _servers_answer():
            asyncio.run(start_over(self.settings, self.scenario))

    def fill_cdn(self, progress: Callable[[int, int], None]) -> None:
        """Ask for everybody's photos once, as weeks of use would have: else few people meet an empty cache, and the
        many that come later a full one. `progress(done, of)` counts pictures. Raises StackError."""
        paths = picture_paths(self.scenario.population, self.settings.secret_key)
        with httpx.Client(base_url=self.host) as client, ThreadPoolExecutor(UPLOAD_THREADS) as pool:
            try:
                for done, answer in enumerate(pool.map(client.get, paths), 1):
                    answer.raise_for_status()
                    progress(done, len(paths))
            except httpx.HTTPError as error:
                raise StackError(f"The CDN has no picture: {error}") from error

    @property
    def info(self) -> StackInfo:
        """What those who measure need to know."""
        app_ports = {name: reserved.getsockname()[1] for name, reserved in self._ports.items()}
        return describe(self.host, self.servers, self.settings, app_ports, self.scenario.population)

    def server(self, name: str) -> ServerProcess:
        """By name: app-1, chat-1, mongod-2, valkey-1, worker, proxy, aws."""
        return next(server for server in self.servers if server.name == name)

    def restart_apps(self) -> Callable[[], None]:
        """Start every app anew on its port; the returned call waits until all are ready. Nobody should be using them.

        Two processes of the same code differ in speed for as long as they live, by a few percent: whoever compares
        versions wants each to be tried in several.
        """
        for app in self._apps:
            app.ask_to_stop()
        for app in self._apps:
            app.stop()
            app.start()

        def wait() -> None:
            for app in self._apps:
                app.wait_ready()

        return wait

    def roll(self) -> None:
        """Start every app anew, one after the other, each beside its predecessor: no request meets a closed door."""
        for app in self._apps:
            before = replace(app)
            app.start()
            try:
                app.wait_ready()
            except StackError:  # the one that works stays
                app.stop()
                app.process = before.process
                raise
            before.stop()

    def check(self) -> None:
        """Raises StackError when a server has ended by itself."""
        for server in self.servers:
            if not server.running:
                server.wait_ready()

    @property
    def _apps(self) -> list[ServerProcess]:
        return [server for server in self.servers if server.name in self._ports]

    def _start(self) -> None:
        self._use(
            secret_key=secrets.token_hex(32),
            otp_test_secret=secrets.token_hex(16),
            cdn_purge_secret=secrets.token_hex(16),
            moderator_phones=[MODERATOR_PHONE],
            unlimited_addresses=(ip_network("127.0.0.0/8"),),  # all load comes from there
        )
        self._use_switches()
        self._use_slowdown()
        self._start_mongodb()
        self._start_redis()
        self._start_aws()
        with _servers_answer():
            Objects.connect(self.settings).create_bucket()
            Queue.connect(self.settings).create()
        upstreams = self._start_apps()
        self._report("nginx: load balancer and CDN cache")
        port = self._run(partial(proxy.nginx, self.folder, upstreams, self.settings))
        self.host = f"http://127.0.0.1:{port}"
        self._use(cdn_purge_url=self.host)
        self._report("worker")
        self._run(partial(apps.worker, self.folder, self.settings.as_environment()))

    def _start_mongodb(self) -> None:
        if "mongo_url" in self.settings.model_fields_set:
            return
        members = self.scenario.infrastructure.mongodb_members
        self._report(f"mongod: a replica set of {_count(members)}")
        ports = [self._run(partial(stores.mongod, self.folder, n)) for n in range(1, members + 1)]
        self._use(mongo_url=stores.form_replica_set(ports))

    def _start_redis(self) -> None:
        if "redis_url" in self.settings.model_fields_set:
            return
        infrastructure = self.scenario.infrastructure
        nodes = infrastructure.redis_nodes
        self._report("valkey" if nodes == 1 else f"valkey: a cluster of {_count(nodes)}")
        memory = f"{infrastructure.redis_gb / nodes * 1024:.0f}mb"
        node = partial(stores.valkey, self.folder, memory=memory, clustered=nodes > 1)
        ports = [self._run(partial(node, n)) for n in range(1, nodes + 1)]
        if nodes == 1:
            self._use(redis_url=f"redis://127.0.0.1:{ports[0]}/0")
        else:
            self._use(redis_url=stores.form_cluster(ports), redis_cluster=True)

    def _start_aws(self) -> None:
        if "aws_endpoint_url" not in self.settings.model_fields_set:
            self._report("S3 and SQS")
            port = self._run(partial(stores.aws, self.folder))
            self._use(aws_endpoint_url=f"http://127.0.0.1:{port}", **_EMULATOR_KEYS)

    def _start_apps(self) -> dict[Service, list[int]]:
        """The apps, and the services that run apart. Returns the ports of each."""
        infrastructure = self.scenario.infrastructure
        chat_apart = self.scenario.backend.chat_service
        apart = [Service(name) for name in infrastructure.services if name != "chat" or chat_apart]
        together = [service for service in Service if service not in apart]
        each = f" of {_count(infrastructure.app_processes)} processes" * (infrastructure.app_processes > 1)
        apps_said = f"{_count(infrastructure.apps)} app{'s' * (infrastructure.apps > 1)}{each}"
        self._report(", ".join([apps_said, *apart]))
        processes = infrastructure.apps * infrastructure.app_processes
        upstreams = {Service.APP: [self._app("app", n, together) for n in range(1, processes + 1)]}
        upstreams |= {service: [self._app(service, 1, [service])] for service in apart}
        for server in self._apps:
            server.start()
        for server in self._apps:
            server.wait_ready()
        return upstreams

    def _app(self, kind: str, number: int, services: Sequence[Service]) -> int:
        """Prepare an app on a port of its own."""
        name = f"{kind}-{number}"
        self._ports[name] = reserved_port()
        port: int = self._ports[name].getsockname()[1]
        settings = self.settings.model_copy(update={"services": list(services)})
        self.servers.append(apps.app(self.folder, settings.as_environment(), name, port))
        return port

    def _use_switches(self) -> None:
        backend = self.scenario.backend
        self._use(
            group_commit=backend.group_commit,
            cdn=backend.cdn,
            decks=backend.decks,
            sharded_channels=backend.chat_service,
            geo_index=backend.geo_index,
            session_store=backend.session_store,
            stale_reads_from="secondaries" if self.scenario.infrastructure.mongodb_members > 1 else "primary",
        )

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

    def _run(self, make: Callable[..., ServerProcess]) -> int:
        """Start a server on a free port and wait for it; another stack may take the port first: try again."""
        for attempt in range(1, PORT_TRIES + 1):
            port = free_port()
            server = make(port=port)
            self.servers.append(server)
            server.start()
            try:
                server.wait_ready()
            except StackError as error:
                self.servers.pop().stop()
                if "address already in use" not in str(error).lower() or attempt == PORT_TRIES:
                    raise
            else:
                break
        return port

    def _stop(self) -> None:
        # The apps drain at the same time; then the others, in the opposite order.
        for app in self._apps:
            app.ask_to_stop()
        for server in reversed(self.servers):
            if server.name.startswith(_STORES):
                server.kill()  # a primary would wait for its secondaries, to save what is thrown away next
            else:
                server.stop()
        self.servers.clear()
        for reserved in self._ports.values():
            reserved.close()
        self._ports.clear()
        shutil.rmtree(self.folder, ignore_errors=True)


def _count(number: int) -> str:
    return {1: "one", 2: "two", 3: "three"}.get(number, str(number))


@contextmanager
def _servers_answer() -> Iterator[None]:
    """Servers that the environment names may be away, or not what they should be."""
    try:
        yield
    except (*STORE_AWAY, PyMongoError, RedisError, ClientError) as error:
        raise StackError(f"A server that the environment names cannot be used: {error}") from error


def remove_stale_folders() -> None:
    """Remove the data of stacks whose process was killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER_PREFIX}*-*"):
        owner = folder.name.removeprefix(_FOLDER_PREFIX).partition("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)
