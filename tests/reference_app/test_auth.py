"""Signing in with a one-time code, sessions, and what is refused."""

import asyncio

import httpx
import pytest

from scenarios.people import otp_test_code, person_id_of
from tests.reference_app.conftest import Backend, Somebody, sign_in

# Not of the population; each test its own, for sends are counted by phone.
NEW_PHONES = iter(f"+9992{number:08d}" for number in range(1000))


async def ask_for_code(http: httpx.AsyncClient, phone: str) -> httpx.Response:
    return await http.post("/auth/otp", json={"phone": phone})


async def test_a_person_of_the_population_signs_in_as_themselves(anna: Somebody) -> None:
    assert anna.id == person_id_of(anna.index, seed=1)
    assert (await anna.http.get("/me")).json()["id"] == anna.id


async def test_a_new_phone_makes_a_new_person_once(anybody: httpx.AsyncClient, backend: Backend) -> None:
    phone, ids = next(NEW_PHONES), set()
    for _ in range(2):
        await ask_for_code(anybody, phone)
        body = {"phone": phone, "code": otp_test_code(backend.otp_test_secret, phone)}
        ids.add((await anybody.post("/auth/session", json=body)).json()["person_id"])
    assert len(ids) == 1


async def test_a_session_ends_when_signed_out(anna: Somebody) -> None:
    assert (await anna.http.delete("/auth/session")).status_code == 204
    refused = await anna.http.get("/me")
    assert refused.status_code == 401
    assert refused.json()["error"]["code"] == "not_signed_in"


@pytest.mark.parametrize("header", [{}, {"Authorization": "Basic x"}, {"Authorization": "Bearer made-up"}])
async def test_without_a_session_nothing_is_shown(anybody: httpx.AsyncClient, header: dict[str, str]) -> None:
    assert (await anybody.get("/me", headers=header)).status_code == 401


async def test_a_code_works_once(backend: Backend, anybody: httpx.AsyncClient) -> None:
    phone = next(NEW_PHONES)
    await ask_for_code(anybody, phone)
    body = {"phone": phone, "code": otp_test_code(backend.otp_test_secret, phone)}
    answers = await asyncio.gather(*(anybody.post("/auth/session", json=body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 401, 401, 401]


async def test_five_wrong_codes_lock_the_right_one_out(backend: Backend, anybody: httpx.AsyncClient) -> None:
    phone = next(NEW_PHONES)
    await ask_for_code(anybody, phone)
    right = otp_test_code(backend.otp_test_secret, phone)
    wrong = f"{(int(right) + 1) % 10**6:06d}"
    tries = [await anybody.post("/auth/session", json={"phone": phone, "code": wrong}) for _ in range(5)]
    assert {answer.status_code for answer in tries} == {401}
    locked = await anybody.post("/auth/session", json={"phone": phone, "code": right})
    assert locked.status_code == 429


async def test_a_sixth_code_in_ten_minutes_is_refused(anybody: httpx.AsyncClient) -> None:
    phone = next(NEW_PHONES)
    answers = [(await ask_for_code(anybody, phone)).status_code for _ in range(6)]
    assert answers == [202] * 5 + [429]


async def test_the_answer_is_the_same_for_a_known_and_an_unknown_phone(
    backend: Backend, anybody: httpx.AsyncClient
) -> None:
    known = await sign_in(backend, 100)
    await known.http.aclose()
    answers = [await ask_for_code(anybody, phone) for phone in ("+9991000000100", next(NEW_PHONES))]
    assert answers[0].status_code == answers[1].status_code
    assert answers[0].content == answers[1].content


@pytest.mark.parametrize("phone", ["", "0301234567", "+49abc", "+1" * 20])
async def test_a_malformed_phone_is_named(anybody: httpx.AsyncClient, phone: str) -> None:
    refused = await ask_for_code(anybody, phone)
    assert refused.status_code == 422
    assert "body.phone" in refused.json()["error"]["message"]
