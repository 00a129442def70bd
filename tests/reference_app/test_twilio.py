"""The Twilio sender speaks Twilio's API: tried against a local server that records what it gets."""

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import pytest

from reference_app.auth.senders import TwilioSender
from reference_app.errors import ApiError, Invalid, StoreAway
from reference_app.settings import Settings


class Recording(BaseHTTPRequestHandler):
    status, answer = 201, b""
    got: dict[str, str]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        type(self).got = {"path": self.path, "auth": self.headers["Authorization"]} | {
            key: values[0] for key, values in parse_qs(body).items()
        }
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def twilio() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Recording)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def sender(url: str) -> TwilioSender:
    return TwilioSender(
        Settings(twilio_account_sid="AC1", twilio_auth_token="token", twilio_from="+15550001", twilio_base_url=url)
    )


async def test_a_code_goes_out_as_a_message(twilio: str) -> None:
    Recording.status = 201
    await sender(twilio).send("+15550002", "123456")
    got = Recording.got
    assert got["path"] == "/2010-04-01/Accounts/AC1/Messages.json"
    assert got["auth"] == "Basic " + base64.b64encode(b"AC1:token").decode()
    assert (got["To"], got["From"]) == ("+15550002", "+15550001")
    assert "123456" in got["Body"]


@pytest.mark.parametrize(("status", "refusal"), [(400, Invalid), (401, StoreAway), (429, StoreAway), (500, StoreAway)])
async def test_what_twilio_refuses_is_said(twilio: str, status: int, refusal: type[ApiError]) -> None:
    Recording.status = status
    with pytest.raises(refusal):
        await sender(twilio).send("+15550002", "123456")


@pytest.mark.parametrize(("answer", "code"), [(b'{"code": 21606, "message": "+15550002"}', "21606"), (b"", "unknown")])
async def test_a_refusal_is_in_the_log_by_its_code(
    twilio: str, answer: bytes, code: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Our own number may be wrong. Twilio's message has the other's number in it."""
    monkeypatch.setattr(Recording, "status", 400)
    monkeypatch.setattr(Recording, "answer", answer)
    with pytest.raises(Invalid):
        await sender(twilio).send("+15550002", "123456")
    assert code in caplog.text
    assert "+15550002" not in caplog.text


async def test_twilio_may_be_away() -> None:
    with pytest.raises(StoreAway):
        await sender("http://127.0.0.1:1").send("+15550002", "123456")


def test_codes_are_random() -> None:
    codes = {sender("http://127.0.0.1:1").code_for("+1") for _ in range(50)}
    assert len(codes) > 40
    assert all(len(code) == 6 and code.isdigit() for code in codes)
