"""What is kept of phones, codes, tokens and tickets, and what an answer tells of who is there. OWASP API2."""

import hmac
from typing import Any

import httpx
import pytest
from bson import json_util

from reference_app.app import open_platform
from reference_app.auth.senders import TestSender
from reference_app.auth.service import auth_service_on
from reference_app.auth.store import NO_CODE
from reference_app.errors import NotSignedIn
from reference_app.stack import LocalStack
from scenarios.people import otp_test_code, phone_of
from tests.reference_app.conftest import Backend, Somebody, ask_for_session, somebody_unused


async def everything_stored(stack: LocalStack) -> str:
    """All of MongoDB and of Redis, as text."""
    found: list[Any] = []
    async with open_platform(stack.settings) as platform:
        for name in await platform.db.list_collection_names():
            found += [json_util.dumps(document) async for document in platform.db[name].find()]
        async for key in platform.redis.scan_iter():
            # Short numbers are not in a dump as they are read.
            is_text = await platform.redis.type(key) == b"string"
            found += [key, await (platform.redis.get(key) if is_text else platform.redis.dump(key))]
    return "\n".join(map(str, found))


async def test_secrets_are_stored_only_as_their_hmac(anna: Somebody, stack: LocalStack) -> None:
    ticket = await anna.ticket()
    await anna.http.post("/auth/otp", json={"phone": anna.phone})
    code = otp_test_code(stack.settings.otp_test_secret, anna.phone)
    stored = await everything_stored(stack)
    assert anna.id in stored
    token = anna.http.headers["Authorization"].removeprefix("Bearer ")
    for secret in (anna.phone, anna.phone.removeprefix("+"), token, ticket, f"b'{code}'"):
        assert secret not in stored


async def test_an_answer_does_not_tell_which_phones_are_known(backend: Backend, anybody: httpx.AsyncClient) -> None:
    answers = []
    for phone in (phone_of(somebody_unused()), "+9996000000001"):
        sent = await anybody.post("/auth/otp", json={"phone": phone})
        refused = await anybody.post("/auth/session", json={"phone": phone, "code": "000000"})
        answers.append([(a.status_code, a.content, sorted(a.headers)) for a in (sent, refused)])
    assert answers[0] == answers[1]


async def test_a_code_is_compared_in_constant_time(
    backend: Backend, stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hmac.compare_digest, two texts of the same length, whether there is a code or not."""
    compared, compare = [], hmac.compare_digest

    def noted(one: str, other: str) -> bool:
        compared.append((one, other))
        return compare(one, other)

    monkeypatch.setattr("hmac.compare_digest", noted)
    async with open_platform(stack.settings) as platform:
        auth = auth_service_on(platform, TestSender(stack.settings))
        with pytest.raises(NotSignedIn):
            await auth.sign_in("+9996000000002", "000000", None)
    stored, given = compared[-1]
    assert stored == NO_CODE
    assert len(stored) == len(given)


async def test_the_same_code_does_not_open_anothers_account(backend: Backend) -> None:
    """The code's HMAC is of the phone and the code together."""
    mine, theirs = "+9996000000003", "+9996000000004"
    async with httpx.AsyncClient(base_url=backend.url) as http:
        for phone in (mine, theirs):
            await http.post("/auth/otp", json={"phone": phone})
        code = otp_test_code(backend.otp_test_secret, mine)
        assert (await http.post("/auth/session", json={"phone": theirs, "code": code})).status_code == 401
    assert (await ask_for_session(backend, mine)).status_code == 201
