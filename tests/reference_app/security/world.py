"""Six people around one: what each may do with what belongs to the first is the matrix of test_authorization.py."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx

from scenarios.people import MODERATOR_PHONE
from tests.reference_app.conftest import Backend, Somebody, sign_in_with
from tests.reference_app.test_chat import matched

_numbers = count()
# The owner's; nobody else's are like them.
BORN, LATITUDE, LONGITUDE = "1991-07-23", 48.208174, 16.373819
NEARBY_DEGREES = 0.1


@dataclass
class World:
    """`owner` has matched with `matched`, has matched with and then blocked `blocked`; nobody knows `stranger`."""

    owner: Somebody
    matched: Somebody
    stranger: Somebody
    blocked: Somebody
    anonymous: httpx.AsyncClient
    moderator: Somebody
    match: str  # of owner and matched
    ended: str  # of owner and blocked
    photo: str  # the owner's, not uploaded yet

    def client(self, actor: str) -> httpx.AsyncClient:
        who: Somebody | httpx.AsyncClient = getattr(self, actor)
        return who.http if isinstance(who, Somebody) else who

    def secrets_in(self, answer: Any) -> Iterator[str]:
        """What of the owner nobody else may ever be shown, and is in this JSON."""
        match answer:
            case dict():
                for key, value in answer.items():
                    yield from self.secrets_in([key, value])
            case list():
                for value in answer:
                    yield from self.secrets_in(value)
            case str():
                yield from (name for name, secret in self._texts.items() if secret in answer)
            case float():
                if min(abs(answer - LATITUDE), abs(answer - LONGITUDE)) < NEARBY_DEGREES:
                    yield "place"

    @property
    def _texts(self) -> dict[str, str]:
        return {
            "phone": self.owner.phone.removeprefix("+"),
            "birth date": BORN,
            "token": self.owner.http.headers["Authorization"].removeprefix("Bearer "),
            "photo that nobody has approved": self.photo,
        }


async def newcomer(backend: Backend, sex: str = "male", born: str = "1990-01-01", east: float = 0.2) -> Somebody:
    """Somebody who has just signed in for the first time, and may be discovered."""
    person = await sign_in_with(backend, f"+9993{next(_numbers):08d}")
    sexes = {"sexes": ["male" if sex == "female" else "female"]}
    changes = {"name": "Kim", "sex": sex, "birth_date": born, "preferences": sexes}
    assert (await person.http.patch("/me", json=changes)).status_code == 200
    place = {"latitude": LATITUDE + east, "longitude": LONGITUDE + east}
    assert (await person.http.put("/me/location", json=place)).status_code == 204
    return person


@asynccontextmanager
async def world(backend: Backend) -> AsyncIterator[World]:
    everybody = await asyncio.gather(
        newcomer(backend, "female", BORN, east=0),
        *(newcomer(backend) for _ in range(3)),
        sign_in_with(backend, MODERATOR_PHONE),
    )
    async with AsyncExitStack() as closing:
        for person in everybody:
            closing.push_async_callback(person.http.aclose)
        anonymous = await closing.enter_async_context(httpx.AsyncClient(base_url=backend.url))
        owner, friend, stranger, blocked, moderator = everybody
        match, ended = await matched(owner, friend), await matched(owner, blocked)
        assert (await owner.http.put(f"/blocks/{blocked.id}")).status_code == 204
        photo = (await owner.http.post("/photos")).json()["id"]
        yield World(owner, friend, stranger, blocked, anonymous, moderator, match, ended, photo)


async def report_of(world: World) -> str:
    """A report about the owner that waits."""
    body = {"person_id": world.owner.id, "reason": "other", "note": ""}
    return str((await world.stranger.http.post("/reports", json=body)).json()["id"])


async def suspended(world: World) -> str:
    """The owner, suspended."""
    report = await report_of(world)
    decided = await world.moderator.http.post(f"/moderation/reports/{report}", json={"suspend": True})
    assert decided.status_code == 204
    return world.owner.id


async def device_of(world: World) -> str:
    body = {"token": f"a-phone-of-{world.owner.id}", "system": "ios"}
    return str((await world.owner.http.put("/devices", json=body)).json()["id"])
