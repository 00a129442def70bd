"""Notifications: FCM's HTTP v1 API as it is documented, spoken to a server of the test's own."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from reference_app.app import open_platform
from reference_app.pairs import match_id
from reference_app.push.providers import LogProvider, message, provider
from reference_app.push.schemas import Notification, PhoneSystem
from reference_app.push.service import push_service_on
from reference_app.settings import Settings
from reference_app.stack import LocalStack
from tests.reference_app.conftest import Somebody
from tests.waiting import eventually

NEWS = Notification(key="message:m:1", collapse="m", title="New message", body="Hi", data={"match_id": "m"})


@dataclass
class FakeFcm:
    """Google's token endpoint and FCM's send, as far as we use them."""

    url: str
    sent: list[dict[str, Any]] = field(default_factory=list)
    authorizations: set[str] = field(default_factory=set)
    tokens_given: int = 0
    unregistered: set[str] = field(default_factory=set)

    def answer(self, path: str, authorization: str | None, body: bytes) -> tuple[int, dict[str, Any]]:
        if path == "/token":
            assert b"jwt-bearer" in body
            self.tokens_given += 1
            return 200, {"access_token": f"access-{self.tokens_given}", "expires_in": 3600, "token_type": "Bearer"}
        assert path == "/v1/projects/dating/messages:send"
        self.authorizations.add(str(authorization))
        told = json.loads(body)["message"]
        if told["token"] in self.unregistered:
            return 404, {"error": {"status": "NOT_FOUND", "details": [{"errorCode": "UNREGISTERED"}]}}
        self.sent.append(told)
        return 200, {"name": "projects/dating/messages/1"}


@contextmanager
def fcm_server() -> Iterator[FakeFcm]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, answer = fake.answer(self.path, self.headers["Authorization"], body)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        fake = FakeFcm(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def fcm() -> Iterator[FakeFcm]:
    with fcm_server() as fake:
        yield fake


@pytest.fixture
def fcm_settings(fcm: FakeFcm, tmp_path: Path) -> Settings:
    """A service account such as the Firebase console gives out."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    account = {
        "type": "service_account",
        "project_id": "dating",
        "client_email": "push@dating.iam.gserviceaccount.com",
        "private_key": pem.decode(),
        "token_uri": f"{fcm.url}/token",
    }
    file = tmp_path / "account.json"
    file.write_text(json.dumps(account))
    return Settings(push_provider="fcm", fcm_credentials_file=str(file), fcm_base_url=fcm.url)


async def test_a_notification_goes_to_every_phone_once(
    anna: Somebody, stack: LocalStack, fcm: FakeFcm, fcm_settings: Settings
) -> None:
    async with open_platform(stack.settings) as platform:
        push, fcm_provider = push_service_on(platform), provider(fcm_settings)
        for system in PhoneSystem:
            await push.register(anna.id, f"token-{system}-{anna.id}", system)
        for _ in range(2):  # SQS delivers at least once
            await push.deliver(anna.id, NEWS, fcm_provider)
    expected = [message(f"token-{system}-{anna.id}", NEWS) for system in PhoneSystem]
    assert sorted(fcm.sent, key=str) == sorted(expected, key=str)
    assert fcm.sent[0]["notification"] == {"title": "New message", "body": "Hi"}
    # The access token is asked for once, and used until it expires.
    assert (fcm.tokens_given, fcm.authorizations) == (1, {"Bearer access-1"})


async def test_a_phone_without_the_app_is_forgotten(
    anna: Somebody, stack: LocalStack, fcm: FakeFcm, fcm_settings: Settings
) -> None:
    token = f"token-gone-{anna.id}"
    fcm.unregistered.add(token)
    async with open_platform(stack.settings) as platform:
        push = push_service_on(platform)
        await push.register(anna.id, token, PhoneSystem.IOS)
        await push.deliver(anna.id, NEWS, provider(fcm_settings))
        assert await push.store.devices_of(anna.id) == []


async def test_who_has_no_socket_is_pushed_through_the_queue(anna: Somebody, ben: Somebody, stack: LocalStack) -> None:
    async with open_platform(stack.settings) as platform:
        sent, match = push_service_on(platform).store.is_sent, f"match:{match_id(anna.id, ben.id)}"
        async with ben.socket() as bens:
            await anna.swipe(ben)
            await ben.swipe(anna)
            await bens.recv()
        await eventually(lambda: sent(match, anna.id), True)
        # Ben's phone holds a socket.
        assert not await sent(match, ben.id)


async def test_devices_belong_to_whoever_signed_in_last(anna: Somebody, ben: Somebody) -> None:
    phone = {"token": f"a-shared-phone-{anna.id}", "system": "android"}
    device = (await anna.http.put("/devices", json=phone)).json()["id"]
    assert (await ben.http.put("/devices", json=phone)).json()["id"] == device
    assert (await anna.http.delete(f"/devices/{device}")).status_code == 404
    assert (await ben.http.delete(f"/devices/{device}")).status_code == 204


async def test_the_log_shows_no_token(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    await LogProvider().send("secret-token", NEWS)
    assert "push" in caplog.text
    assert "secret-token" not in str([record.__dict__ for record in caplog.records])


def test_fcm_without_credentials_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="MATCHDAY_FCM_CREDENTIALS_FILE"):
        Settings(push_provider="fcm")
