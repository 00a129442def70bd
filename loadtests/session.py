"""HTTP as an app speaks it: kept-alive connections, gzip, no cookies, no redirects.

Locust's FastHttpSession does more for each request than an app's API needs (cookie jar, redirects, URL rebuilding):
with it the generator spends a fifth more CPU. This asks the same library, geventhttpclient, one layer below, and fires
the same request event, so statistics, listeners and the recorder see no difference.
"""

import gzip
import select
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from gevent import GreenletExit
from gevent.monkey import get_original
from gevent.socket import socket
from geventhttpclient import HTTPClient
from geventhttpclient.connectionpool import ConnectionPool
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS
from locust.event import EventHook

from loadtests.reach import Reach

CONNECTIONS_PER_ORIGIN = 10  # an app loads several images at a time
_poll = get_original("select", "poll")


def _is_idle(pool: ConnectionPool, connection: socket | None) -> bool:
    """Whether a kept connection can be used again: nothing has come over it, not even its end."""
    if connection is None or connection.fileno() < 0:
        return False
    poll = _poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)


# The library's own asks select(), which knows no descriptor beyond 1023: from about 500 people on every request had a
# connection of its own, a sixth of the generator's CPU. A test holds it, for the day when the library does it right.
ConnectionPool._is_socket_alive = _is_idle  # type: ignore[assignment, method-assign]


@dataclass
class Answer:
    """What came back. Without an answer `status_code` is 0 and `error` says why (GreenletExit: the test was over)."""

    status_code: int
    content: bytes
    header: Callable[[str], str | None]  # by name, whatever its case
    took_ms: float
    started_at: float  # seconds since the epoch
    error: BaseException | None = None
    bytes_sent: int = 0  # bodies, as they travel: an answer may be compressed
    bytes_received: int = 0

    @property
    def ok(self) -> bool:
        """Whether a whole answer came and it says yes."""
        return self.error is None and 200 <= self.status_code < 300


@dataclass
class Session:
    """One person's connections, to the backend and to whatever else it names (CDN, object store)."""

    host: str
    request_event: EventHook
    reach: Reach = field(default_factory=Reach)
    _clients: dict[str, HTTPClient] = field(default_factory=dict)

    def ask(self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """Send a request, wait for all of its answer; `count` it then. `url` is a path on the host, or a whole URL."""
        origin, path = _parts(self.host, url)
        started_at, start_s = time.time(), time.perf_counter()
        try:
            response = self._client(origin).request(method, path, body, headers)
            content = bytes(response.read())
            status = int(response.get_code())
        except (*FAILURE_EXCEPTIONS, GreenletExit) as error:
            return Answer(0, b"", lambda name: None, (time.perf_counter() - start_s) * 1000, started_at, error)
        took_ms, received = (time.perf_counter() - start_s) * 1000, len(content)
        if response.get("content-encoding") == "gzip":
            content = gzip.decompress(content)
        return Answer(
            status,
            content,
            lambda name: _text(response.get(name)),
            took_ms,
            started_at,
            bytes_sent=len(body),
            bytes_received=received,
        )

    def count(self, request_type: str, name: str, answer: Answer, problem: Exception | str | None) -> None:
        """Tell Locust's listeners of a request, as successful when there is no problem.

        Raises GreenletExit when that is what ended the request: its user ends here, but the request counts.
        """
        self.request_event.fire(
            request_type=request_type,
            name=name,
            response_time=answer.took_ms,
            response_length=len(answer.content),
            response=answer,
            exception=problem,
            context={},
            start_time=answer.started_at,
        )
        if isinstance(answer.error, GreenletExit):
            raise answer.error

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def _client(self, origin: str) -> HTTPClient:
        client = self._clients.get(origin)
        if client is None:
            client = self._clients[origin] = HTTPClient.from_url(
                origin,
                concurrency=CONNECTIONS_PER_ORIGIN,
                connection_timeout=self.reach.connect_timeout_s,
                network_timeout=self.reach.answer_timeout_s,
                headers={"Accept-Encoding": "gzip", **(self.reach.headers if origin == self.host else {})},
                **self.reach.tls(origin),
            )
        return client


def _text(header: str | list[str] | None) -> str | None:
    return ", ".join(header) if isinstance(header, list) else header


@lru_cache(maxsize=8192)
def _parts(host: str, url: str) -> tuple[str, str]:
    """(origin, path with its query)."""
    if url.startswith("/"):
        return host, url
    scheme, _, rest = url.partition("://")
    authority, _, path = rest.partition("/")
    return f"{scheme}://{authority}", f"/{path}"
