"""The backend as a client sees it, once with each MongoDB driver."""

import json
from asyncio import timeout as asyncio_timeout
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx
import pytest
import websockets

from reference_app.platform import Redis
from reference_app.platform.redis import connection
from reference_app.settings import Settings
from reference_app.stack import LocalStack, stores
from reference_app.stack.apps import app as app_server
from reference_app.stack.process import ServerProcess, free_port
from scenarios.people import MODERATOR_PHONE, otp_test_code, phone_of
from tests.conftest import PEOPLE, PLAYED

Nodes = dict[int, ServerProcess]  # by port


@dataclass
class Backend:
    """A running backend."""

    url: str
    otp_test_secret: str


def offering(ticket: str) -> dict[str, Any]:
    """How a client brings its ticket: options of `websockets.connect`."""
    return {"subprotocols": ["matchday", f"ticket.{ticket}"]}


@dataclass
class Somebody:
    """A signed-in person."""

    index: int
    id: str
    phone: str
    backend: Backend
    http: httpx.AsyncClient

    @asynccontextmanager
    async def socket(self, **options: Any) -> AsyncIterator[websockets.ClientConnection]:
        async with websockets.connect(self.socket_url, **offering(await self.ticket()), **options) as socket:
            yield socket

    @property
    def socket_url(self) -> str:
        return f"{self.backend.url.replace('http', 'ws', 1)}/ws"

    async def ticket(self) -> str:
        """Opens one socket, once."""
        answer = await self.http.post("/auth/ticket")
        assert answer.status_code == 201, answer.text
        return str(answer.json()["ticket"])

    async def swipe(self, other: "Somebody", kind: str = "like") -> httpx.Response:
        return await self.http.post("/swipes", json={"target_id": other.id, "kind": kind})


@pytest.fixture(scope="session")
def motor_url(stack: LocalStack) -> Iterator[str]:
    """A second app beside the stack's own, on the other driver."""
    port = free_port()
    environment = stack.settings.as_environment() | {"MATCHDAY_MONGO_DRIVER": "motor"}
    server = app_server(stack.folder, environment, "app-motor", port)
    server.start()
    try:
        server.wait_ready()
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()


@pytest.fixture(scope="session", params=["pymongo", pytest.param("motor", marks=pytest.mark.slow)])
def backend(request: pytest.FixtureRequest, stack: LocalStack) -> Backend:
    url = stack.host if request.param == "pymongo" else request.getfixturevalue("motor_url")
    return Backend(url, stack.settings.otp_test_secret)


_indexes = count(PLAYED)


def somebody_unused() -> int:
    """The index of somebody whom no other test has used."""
    index = next(_indexes)
    assert index < PEOPLE, "make more people in tests/conftest.py"
    return index


async def ask_for_session(backend: Backend, phone: str) -> httpx.Response:
    """The answer to whoever has this phone, and the code that was sent there."""
    async with httpx.AsyncClient(base_url=backend.url) as http:
        assert (await http.post("/auth/otp", json={"phone": phone})).status_code == 202
        body = {"phone": phone, "code": otp_test_code(backend.otp_test_secret, phone)}
        return await http.post("/auth/session", json=body)


async def sign_in(backend: Backend, index: int) -> Somebody:
    """Somebody of the population."""
    return await sign_in_with(backend, phone_of(index), index)


async def sign_in_with(backend: Backend, phone: str, index: int = -1) -> Somebody:
    answer = await ask_for_session(backend, phone)
    assert answer.status_code == 201, answer.text
    session = answer.json()
    headers = {"Authorization": f"Bearer {session['token']}"}
    return Somebody(
        index, session["person_id"], phone, backend, httpx.AsyncClient(base_url=backend.url, headers=headers)
    )


@pytest.fixture
async def anna(backend: Backend) -> AsyncIterator[Somebody]:
    """Somebody of the population whom no other test has used."""
    person = await sign_in(backend, somebody_unused())
    yield person
    await person.http.aclose()


@pytest.fixture
async def ben(backend: Backend) -> AsyncIterator[Somebody]:
    """Somebody else."""
    person = await sign_in(backend, somebody_unused())
    yield person
    await person.http.aclose()


@pytest.fixture
async def carla(backend: Backend) -> AsyncIterator[Somebody]:
    """A stranger to both."""
    person = await sign_in(backend, somebody_unused())
    yield person
    await person.http.aclose()


@pytest.fixture
async def moderator(backend: Backend) -> AsyncIterator[Somebody]:
    person = await sign_in_with(backend, MODERATOR_PHONE)
    yield person
    await person.http.aclose()


@pytest.fixture
async def anybody(backend: Backend) -> AsyncIterator[httpx.AsyncClient]:
    """Nobody in particular: not signed in."""
    async with httpx.AsyncClient(base_url=backend.url) as http:
        yield http


async def frame(socket: websockets.ClientConnection) -> dict[str, Any]:
    """The next frame; a test that waits for one that never comes fails by the time-out."""
    async with asyncio_timeout(10):
        found: dict[str, Any] = json.loads(await socket.recv())
    return found


@pytest.fixture(scope="module", params=[1, 3], ids=["one Redis", "cluster"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """A Redis of our own, or three that make a cluster."""
    folder, ports = tmp_path_factory.mktemp("redis"), [free_port() for _ in range(request.param)]
    clustered = len(ports) > 1
    nodes = {port: stores.valkey(folder, n, port, "100mb", clustered=clustered) for n, port in enumerate(ports)}
    with ExitStack() as stopping:
        for node in nodes.values():
            node.start()
            stopping.callback(node.stop)
            node.wait_ready()
        if clustered:
            stores.form_cluster(ports)
        yield nodes


@pytest.fixture
def ports(nodes: Nodes) -> list[int]:
    return list(nodes)


@pytest.fixture
def redis_settings(ports: list[int]) -> Settings:
    return Settings(redis_url=f"redis://127.0.0.1:{ports[0]}/0", redis_cluster=len(ports) > 1)


@pytest.fixture
async def redis(redis_settings: Settings) -> AsyncIterator[Redis]:
    async with connection(redis_settings) as redis:
        yield redis
