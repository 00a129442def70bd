"""Limits by phone, session and address. OWASP API4 (resources), API6 (business flows)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import httpx
import pytest

from reference_app.auth.store import ADDRESS_CHECKS, ADDRESS_SENDS
from reference_app.platform.addresses import network_of
from reference_app.platform.limits import InProcess, Limit
from reference_app.platform.redis import connection
from reference_app.settings import Settings
from reference_app.stack import LocalStack, apps
from reference_app.stack.process import free_port
from tests.reference_app.conftest import Backend, Somebody, sign_in_with

# Nobody's, and each test's own. The proxy adds its client's, 127.0.0.1, which the app believes.
_addresses = (f"2001:db8:{number:x}::1" for number in count(1))
_phones = (f"+9995{number:08d}" for number in count())


@pytest.fixture
async def elsewhere(backend: Backend) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody with an address of their own."""
    async with from_address(backend, next(_addresses)) as http:
        yield http


@asynccontextmanager
async def from_address(backend: Backend, address: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=backend.url, headers={"X-Forwarded-For": address}) as http:
        yield http


# A window may end while its limit is being used up; the next one does not.
A_WINDOW_AND_ANOTHER = 2 * Settings().unknown_tokens_per_min + 1


def refused_for_now(answer: httpx.Response) -> bool:
    return answer.status_code == 429 and int(answer.headers["Retry-After"]) > 0


async def test_an_address_is_sent_few_codes_whatever_the_phone(elsewhere: httpx.AsyncClient, backend: Backend) -> None:
    for _ in range(ADDRESS_SENDS["sends"].most):
        assert (await elsewhere.post("/auth/otp", json={"phone": next(_phones)})).status_code == 202
    assert refused_for_now(await elsewhere.post("/auth/otp", json={"phone": next(_phones)}))
    async with from_address(backend, next(_addresses)) as another:
        assert (await another.post("/auth/otp", json={"phone": next(_phones)})).status_code == 202


async def test_an_address_tries_few_codes_whatever_the_phone(elsewhere: httpx.AsyncClient) -> None:
    async def guess() -> httpx.Response:
        return await elsewhere.post("/auth/session", json={"phone": next(_phones), "code": "123456"})

    for _ in range(ADDRESS_CHECKS["checks"].most):
        assert (await guess()).status_code == 401
    assert refused_for_now(await guess())


async def test_a_day_has_twenty_codes_for_a_phone(backend: Backend, stack: LocalStack) -> None:
    phone = next(_phones)
    person = await sign_in_with(backend, phone)  # which counts anew
    sent = 0
    async with person.http, clock_of(stack) as ten_minutes_pass:
        for _ in range(5):
            answers = [(await person.http.post("/auth/otp", json={"phone": phone})).status_code for _ in range(5)]
            sent += answers.count(202)
            await ten_minutes_pass()
    assert sent == 20


@asynccontextmanager
async def clock_of(stack: LocalStack) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    async with connection(stack.settings) as redis:

        async def ten_minutes_pass() -> None:
            """For what is forgotten by then."""
            async for key in redis.scan_iter("otp:*:sends"):
                await redis.delete(key)

        yield ten_minutes_pass


async def test_unknown_tokens_are_counted_by_address(
    elsewhere: httpx.AsyncClient, anna: Somebody, stack: LocalStack
) -> None:
    async def ask(token: str) -> httpx.Response:
        return await elsewhere.get("/me", headers={"Authorization": f"Bearer {token}"})

    known = anna.http.headers["Authorization"].removeprefix("Bearer ")
    assert (await ask(known)).status_code == 200
    guesses = [await ask(f"guess-{number}") for number in range(A_WINDOW_AND_ANOTHER)]
    refused = [number for number, answer in enumerate(guesses) if answer.status_code == 429]
    assert refused[0] >= Settings().unknown_tokens_per_min
    assert {answer.status_code for answer in guesses[: refused[0]]} == {401}
    assert all(refused_for_now(guesses[number]) for number in refused)
    # Those with whom the guesser shares an address are none the worse, also when they have not been here for a while.
    assert (await ask(known)).status_code == 200
    async with connection(stack.settings) as redis:
        for key in [key async for key in redis.scan_iter("session:*")]:
            await redis.delete(key)
    assert (await ask(known)).status_code == 200


async def test_unknown_tickets_are_counted_with_them(elsewhere: httpx.AsyncClient) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    answers = [
        (
            await elsewhere.get("/ws", headers={**upgrade, "Sec-WebSocket-Protocol": f"matchday, ticket.{number}"})
        ).status_code
        for number in range(A_WINDOW_AND_ANOTHER)
    ]
    assert answers.index(429) >= Settings().unknown_tokens_per_min
    assert set(answers) == {401, 429}


async def test_a_session_has_so_many_requests_a_minute(anna: Somebody, stack: LocalStack, tmp_path: Path) -> None:
    environment = stack.settings.model_copy(update={"requests_per_min": 20}).as_environment()
    app = apps.app(tmp_path, environment, "app-limited", port := free_port())
    app.start()
    try:
        app.wait_ready()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=anna.http.headers) as http:
            answers = [await http.get("/me") for _ in range(45)]  # at most two minutes' worth
    finally:
        app.stop()
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) >= 5
    assert all(refused_for_now(answer) for answer in refused)


def test_a_window_ends_and_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now_s)
    limit = InProcess(Limit(most=2, within_s=10))
    assert [limit.take("a") for _ in range(3)] == [True, True, False]
    assert limit.take("b")
    assert limit.used_up("a")
    assert not limit.used_up("b")
    assert limit.left_s == 10
    now_s = 110.0
    assert not limit.used_up("a")
    assert limit.take("a")
    assert limit._counts == {"a": 1}  # b's memory is free


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("10.1.2.3", None),
        ("::ffff:10.1.2.3", None),
        ("testclient", "testclient"),
    ],
)
def test_who_is_counted_together(address: str, counted_as: str | None) -> None:
    settings = Settings.model_validate({"unlimited_addresses": ["10.0.0.0/8"]})
    assert network_of(address, settings.unlimited_addresses) == counted_as
