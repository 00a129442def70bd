"""Logs are JSON with request ids, and hold nothing that could be used against anybody. So does what Sentry gets."""

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import brotli
import httpx
import pytest

from reference_app.platform.logs import hidden
from reference_app.stack import LocalStack
from tests.reference_app.conftest import Somebody
from tests.reference_app.test_chat import matched

# Logs an error in which secrets hide, as the entry points configure it.
SCRIPT = """
import logging, sys
from reference_app.platform import logs
from reference_app.settings import Settings
logs.configure(Settings(sentry_dsn=sys.argv[1]), "app")
phone, token = "+4915112345678", "hL3xZ0m8Qk5vR2nW7tYc1sB4dF6gJ9pAbCdEfGhIjKl"
try:
    raise ValueError(f"{phone} with {token}")
except ValueError:
    logging.getLogger("somebody").exception("Calling %s failed", phone, extra={"header": f"Bearer {token}"})
import sentry_sdk
sentry_sdk.flush()
"""
SECRETS = ("4915112345678", "hL3xZ0m8Qk5vR2nW7tYc1sB4dF6gJ9pAbCdEfGhIjKl")


def logged(dsn: str = "") -> list[dict[str, Any]]:
    done = subprocess.run([sys.executable, "-c", SCRIPT, dsn], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_a_line_is_json_and_shows_no_secret() -> None:
    (line,) = logged()
    assert (line["process"], line["level"], line["logger"]) == ("app", "error", "somebody")
    assert line["event"] == "Calling [hidden] failed"
    assert "ValueError: [hidden] with [hidden]" in line["exception"]
    assert not any(secret in json.dumps(line) for secret in SECRETS)


@pytest.mark.parametrize("kept", ["6f1d2c3b4a59687786a5b4c3", "took 12 ms", "a" * 44, "2026-11-23T20:15:00.250000Z"])
def test_ids_and_times_stay(kept: str) -> None:
    assert hidden({"event": [kept]}) == {"event": [kept]}


@pytest.fixture
def sentry() -> Iterator[tuple[str, list[bytes]]]:
    """A server that takes Sentry's envelopes. (DSN, envelopes)"""
    envelopes: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            packed = {"br": brotli.decompress, "gzip": gzip.decompress}
            envelopes.append(packed.get(self.headers["Content-Encoding"], bytes)(body))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://key@127.0.0.1:{server.server_port}/1", envelopes
        server.shutdown()
        thread.join()


def test_sentry_hears_of_errors_but_of_no_secret(sentry: tuple[str, list[bytes]]) -> None:
    dsn, envelopes = sentry
    logged(dsn)
    (sent,) = [envelope.decode() for envelope in envelopes if b"ValueError" in envelope]
    assert "Calling [hidden] failed" in sent
    assert not any(secret in sent for secret in SECRETS)


BROKEN = """
import asyncio, sys
import httpx
from reference_app.app import create_app
from reference_app.platform import logs
from reference_app.settings import Settings
settings = Settings()
logs.configure(settings, "app")
app = create_app(settings)
@app.get("/broken")
async def broken():
    raise ValueError("who could have known")
async def ask():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as http:
        answer = await http.get("/broken", headers={"X-Request-Id": "request-1"})
        print(answer.status_code, answer.headers["X-Request-Id"], answer.json()["error"]["code"])
asyncio.run(ask())
"""


def test_our_own_mistake_is_answered_and_logged_with_the_requests_id() -> None:
    done = subprocess.run([sys.executable, "-c", BROKEN], capture_output=True, text=True, check=True)
    assert done.stdout == "500 request-1 internal\n"
    logged = [json.loads(line) for line in done.stderr.splitlines()]
    assert {line["request_id"] for line in logged} == {"request-1"}
    assert any("who could have known" in line.get("exception", "") for line in logged)


async def test_a_body_of_bytes_is_refused_as_any_other(anybody: httpx.AsyncClient) -> None:
    refused = await anybody.post("/auth/otp", content=b"\xff\xfe", headers={"Content-Type": "text/plain"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "invalid")


async def test_a_request_has_an_id_and_others_ids_are_kept(anna: Somebody) -> None:
    port = anna.backend.url
    made = (await anna.http.get(f"{port}/me")).headers["X-Request-Id"]
    assert len(made) == 32


async def test_an_id_with_a_line_break_is_not_taken_over(stack: LocalStack) -> None:
    app = str(stack.info.prometheus[0].url).removesuffix("/metrics")
    async with httpx.AsyncClient(base_url=app) as http:
        for request_id, taken in (("abc-12345", True), ("short", False), ("a" * 65, False), ('"}{"a":"b', False)):
            answer = await http.get("/healthz", headers={"X-Request-Id": request_id})
            assert (answer.headers["X-Request-Id"] == request_id) is taken


async def test_what_people_do_leaves_no_secret_in_any_log(anna: Somebody, ben: Somebody, stack: LocalStack) -> None:
    """Everything that goes wrong by itself in a day, and some things that do not."""
    secret_text = f"a secret between us {anna.id}"
    match = await matched(anna, ben)
    for _ in range(3):  # the second and third find the first
        await anna.http.post(f"/matches/{match}/messages", json={"id": f"from-{anna.id}", "text": secret_text})
    await anna.http.post("/auth/otp", json={"phone": anna.phone, "more": 1})
    await anna.http.post("/auth/session", json={"phone": anna.phone, "code": "000000"})
    await anna.http.get("/nowhere")
    stack_logs = "".join(log.read_text() for log in stack.folder.glob("*.log") if not log.name.startswith("mongod"))
    token = anna.http.headers["Authorization"].removeprefix("Bearer ")
    for secret in (secret_text, anna.phone, token):
        assert secret not in stack_logs
