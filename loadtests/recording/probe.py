"""Does the service answer at all? Asked once a second, apart from the load."""

import json
from http.client import HTTPException

import gevent
from geventhttpclient import HTTPClient

from loadtests.reach import Reach

PROBE_PATH = "/healthz"
TIMEOUT_S = 0.9


class Probe:
    """Asks PROBE_PATH in the background; any answer below 500 counts as up."""

    def __init__(self, host: str, reach: Reach) -> None:
        self._host, self._reach = host, reach
        self._asked: gevent.Greenlet | None = None

    def read(self) -> dict[str, float]:
        """Whether the last question was answered, as a column of series.csv; then ask again."""
        asked, self._asked = self._asked, gevent.spawn(answers, self._host, self._reach)
        if asked is None:
            return {}
        return {"answered": 1.0 if asked.ready() and asked.value else 0.0}


def answers(host: str, reach: Reach, timeout_s: float = TIMEOUT_S) -> bool:
    """Whether the host answers a request within the time."""
    try:
        client = _client(host, reach, timeout_s)
        try:
            status: int = client.get(PROBE_PATH).status_code
        finally:
            client.close()
    except (OSError, ValueError, HTTPException):
        return False
    return status < 500


def refuses_code(host: str, reach: Reach, phone: str, code: str, timeout_s: float) -> bool:
    """Whether the backend answers a fresh code of its test sender with 401: we have another secret than it."""
    try:
        client = _client(host, reach, timeout_s)
        try:
            _post(client, "/auth/otp", {"phone": phone})
            return _post(client, "/auth/session", {"phone": phone, "code": code}) == 401
        finally:
            client.close()
    except (OSError, ValueError, HTTPException):
        return False  # whatever else is wrong, the run will show


def _client(host: str, reach: Reach, timeout_s: float) -> HTTPClient:
    return HTTPClient.from_url(
        host,
        connection_timeout=timeout_s,
        network_timeout=timeout_s,
        headers=dict(reach.headers),
        **reach.tls(host),
    )


def _post(client: HTTPClient, path: str, body: dict[str, str]) -> int:
    response = client.post(path, body=json.dumps(body), headers={"Content-Type": "application/json"})
    response.read()
    status: int = response.status_code
    return status
