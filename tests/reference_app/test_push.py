"""Notifications: FCM's HTTP v1 API as it is documented, spoken to a server of the test's own."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from reference_app.app import open_platform
from reference_app.pairs import match_id
from reference_app.platform import Queue
from reference_app.push.providers import LogProvider, message, provider
from reference_app.push.schemas import Notification, PhoneSystem
from reference_app.push.service import Notifier, push_service_on
from reference_app.push.store import DEVICES_MAX, PushStore
from reference_app.settings import Settings
from reference_app.stack import LocalStack
from tests.reference_app.conftest import Somebody
from tests.waiting import eventually

NEWS = Notification(key="message:m:1", collapse="m", title="New message", body="Hi", data={"match_id": "m"})


def fcm_error(code: str, **more: Any) -> dict[str, Any]:
    return {"error": {"status": "as documented", "details": [{"errorCode": code}, more]}}


@dataclass
class FakeFcm:
    """Google's token endpoint and FCM's send, as far as we use them."""

    url: str
    sent: list[dict[str, Any]] = field(default_factory=list)
    authorizations: set[str] = field(default_factory=set)
    tokens_given: int = 0
    refuses: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)

    def answer(self, path: str, authorization: str | None, body: bytes) -> tuple[int, dict[str, Any]]:
        if path == "/token":
            assert b"jwt-bearer" in body
            self.tokens_given += 1
            return 200, {"access_token": f"access-{self.tokens_given}", "expires_in": 3600, "token_type": "Bearer"}
        assert path == "/v1/projects/dating/messages:send"
        self.authorizations.add(str(authorization))
        told = json.loads(body)["message"]
        if told["token"] in self.refuses:
            return self.refuses[told["token"]]
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
    async with open_platform(stack.settings) as platform, provider(fcm_settings) as fcm_provider:
        push = push_service_on(platform)
        for system in PhoneSystem:
            await push.register(anna.id, f"token-{system}-{anna.id}", system)
        for _ in range(2):  # SQS delivers at least once
            await push.deliver(anna.id, NEWS, fcm_provider)
    expected = [message(f"token-{system}-{anna.id}", NEWS) for system in PhoneSystem]
    assert sorted(fcm.sent, key=str) == sorted(expected, key=str)
    assert fcm.sent[0]["notification"] == {"title": "New message", "body": "Hi"}
    # The access token is asked for once, and used until it expires.
    assert (fcm.tokens_given, fcm.authorizations) == (1, {"Bearer access-1"})


async def test_somebody_has_ten_phones_at_most(anna: Somebody, stack: LocalStack) -> None:
    """Each notification goes to all of them."""
    registered = [
        (await anna.http.put("/devices", json={"token": f"phone-{number}-of-{anna.id}", "system": "ios"})).json()["id"]
        for number in range(DEVICES_MAX + 2)
    ]
    async with open_platform(stack.settings) as platform:
        kept = [device["_id"] for device in await PushStore(platform.db).devices_of(anna.id)]
    assert kept == registered[:1:-1]  # the latest ones, in the order in which they came


async def test_news_of_a_lost_socket_leave_one_job_however_often_it_is_lost(
    anna: Somebody, stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs: list[dict[str, Any]] = []

    async def send(_: Queue, job: dict[str, Any]) -> None:
        jobs.append(job)

    monkeypatch.setattr(Queue, "send", send)
    async with open_platform(stack.settings) as platform:
        notifier = Notifier.on(platform)
        other = NEWS.model_copy(update={"key": f"message:m:2:{anna.id}"})
        news = NEWS.model_copy(update={"key": f"message:m:1:{anna.id}"})
        for notifications in ([news], [news, other], [news, other]):
            await notifier.push_once(anna.id, notifications)
    assert [job["notification"]["key"] for job in jobs] == [news.key, other.key]


GONE = [
    (404, fcm_error("UNREGISTERED")),
    (400, fcm_error("INVALID_ARGUMENT", fieldViolations=[{"field": "message.token"}])),
]
NOT_NOW = [
    (403, fcm_error("SENDER_ID_MISMATCH")),  # another project's credentials
    (400, fcm_error("INVALID_ARGUMENT", fieldViolations=[{"field": "message.data"}])),  # our mistake
    (404, {"error": {"status": "NOT_FOUND"}}),  # a wrong project or URL
    (429, fcm_error("QUOTA_EXCEEDED")),
    (503, fcm_error("UNAVAILABLE")),
]


@pytest.mark.parametrize("refusal", [*GONE, *NOT_NOW])
async def test_a_phone_that_is_not_reached_holds_up_no_other(
    anna: Somebody, stack: LocalStack, fcm: FakeFcm, fcm_settings: Settings, refusal: tuple[int, dict[str, Any]]
) -> None:
    first, refused, last = (f"token-{name}-{anna.id}" for name in ("first", "refused", "last"))
    fcm.refuses[refused] = refusal
    async with open_platform(stack.settings) as platform, provider(fcm_settings) as fcm_provider:
        push = push_service_on(platform)
        for token in (first, refused, last):
            await push.register(anna.id, token, PhoneSystem.IOS)
        for _ in range(2):
            with nullcontext() if refusal in GONE else pytest.raises(ExceptionGroup):
                await push.deliver(anna.id, NEWS, fcm_provider)
        kept = {device["token"] for device in await push.store.devices_of(anna.id)}
    assert sorted(told["token"] for told in fcm.sent) == [first, last]
    assert kept == ({first, last} if refusal in GONE else {first, refused, last})


async def test_who_has_no_socket_is_pushed_through_the_queue(anna: Somebody, ben: Somebody, stack: LocalStack) -> None:
    match = f"match:{match_id(anna.id, ben.id)}"
    async with open_platform(stack.settings) as platform:
        push = push_service_on(platform)
        annas, bens = [await push.register(p.id, f"a-phone-of-{p.id}", PhoneSystem.IOS) for p in (anna, ben)]
        async with ben.socket() as socket:
            await anna.swipe(ben)
            await ben.swipe(anna)
            await socket.recv()
        await eventually(lambda: push.store.is_sent(match, annas), True)
        # Ben's phone holds a socket.
        assert not await push.store.is_sent(match, bens)


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
