"""Does the service answer at all? Asked once a second, apart from the load."""

from http.client import HTTPException

import gevent
from geventhttpclient import HTTPClient

PROBE_PATH = "/healthz"
TIMEOUT_S = 0.9


class Probe:
    """Asks PROBE_PATH in the background; any answer below 500 counts as up."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._asked: gevent.Greenlet | None = None

    def read(self) -> dict[str, float]:
        """Whether the last question was answered, as a column of series.csv; then ask again."""
        asked, self._asked = self._asked, gevent.spawn(answers, self._host)
        if asked is None:
            return {}
        return {"answered": 1.0 if asked.ready() and asked.value else 0.0}


def answers(host: str, timeout_s: float = TIMEOUT_S) -> bool:
    """Whether the host answers a request within the time."""
    try:
        client = HTTPClient.from_url(host, connection_timeout=timeout_s, network_timeout=timeout_s)
        try:
            status: int = client.get(PROBE_PATH).status_code
        finally:
            client.close()
    except (OSError, ValueError, HTTPException):
        return False
    return status < 500
