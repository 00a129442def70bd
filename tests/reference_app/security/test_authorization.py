"""Who may do what with what belongs to somebody else: every route of the backend, tried by six people.

A route without a row fails. OWASP API Security 2023: API1 (objects), API2 (sessions), API3 (fields), API5 (roles).
"""

import inspect
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
import websockets

from reference_app.app import create_app
from reference_app.settings import Service, Settings
from reference_app.stack import LocalStack
from tests.reference_app.conftest import Backend, Somebody, offering
from tests.reference_app.security.world import World, device_of, report_of, suspended, world
from tests.reference_app.test_photos import in_review

ACTORS = ("owner", "matched", "stranger", "blocked", "anonymous", "moderator")
EVERYBODY, SIGNED_IN, MODERATORS = "{0} {0} {0} {0} {0} {0}", "{0} {0} {0} {0} 401 {0}", "403 403 403 403 401 {0}"
Path = Callable[[World], str | Awaitable[str]]


@dataclass(frozen=True)
class Row:
    """`expected`: a status for each of ACTORS. `path` may prepare what it names. `once`: it can be done once only."""

    route: str
    path: Path
    expected: str
    body: Callable[[World], Any] = lambda world: None
    once: bool = False


def of(path: str) -> Path:
    return lambda world: path


def match(suffix: str = "") -> Path:
    return lambda world: f"/matches/{world.match}{suffix}"


def ended(suffix: str = "") -> Path:
    return lambda world: f"/matches/{world.ended}{suffix}"


def photo(suffix: str = "") -> Path:
    return lambda world: f"/photos/{world.photo}{suffix}"


def prepared(path: str, prepare: Callable[[World], Awaitable[str]]) -> Path:
    """`path` with the id that `prepare` gives."""

    async def made(world: World) -> str:
        return path.format(await prepare(world))

    return made


def owner(path: str) -> Path:
    return lambda world: path.format(world.owner.id)


def fixed(body: Any) -> Callable[[World], Any]:
    return lambda world: body


PHONES = (f"+9994{number:08d}" for number in count())  # each is sent few codes
MESSAGE = fixed({"id": "message-1", "text": "Hello"})

ROWS = [
    Row("POST /auth/otp", of("/auth/otp"), EVERYBODY.format(202), lambda w: {"phone": next(PHONES)}),
    # Whoever has no code is nobody, whoever else they are.
    Row(
        "POST /auth/session",
        of("/auth/session"),
        EVERYBODY.format(401),
        lambda w: {"phone": next(PHONES), "code": "000000"},
    ),
    Row("DELETE /auth/session", of("/auth/session"), SIGNED_IN.format(204)),
    Row("POST /auth/ticket", of("/auth/ticket"), SIGNED_IN.format(201)),
    Row("WS /ws", of("/ws"), SIGNED_IN.format(101)),
    Row("GET /me", of("/me"), SIGNED_IN.format(200)),
    Row("PATCH /me", of("/me"), SIGNED_IN.format(200), fixed({"bio": "New."})),
    Row("DELETE /me", of("/me"), SIGNED_IN.format(202)),
    Row("PUT /me/location", of("/me/location"), SIGNED_IN.format(204), fixed({"latitude": 1, "longitude": 2})),
    Row("GET /profiles/{person_id}", owner("/profiles/{}"), "200 200 200 404 401 200"),
    Row("GET /photos", of("/photos"), SIGNED_IN.format(200)),
    Row("POST /photos", of("/photos"), SIGNED_IN.format(201)),
    Row("PUT /photos/order", of("/photos/order"), "409 409 409 409 401 409", lambda w: {"photo_ids": [w.photo]}),
    Row("GET /photos/{photo_id}", photo(), "200 404 404 404 401 404"),
    Row("DELETE /photos/{photo_id}", photo(), "204 404 404 404 401 404"),
    # Of the owner's it is known that nothing was uploaded.
    Row("POST /photos/{photo_id}/complete", photo("/complete"), "409 404 404 404 401 404"),
    Row("GET /discovery", of("/discovery"), "200 200 200 200 401 409"),
    Row("POST /swipes", of("/swipes"), "409 201 201 404 401 201", lambda w: {"target_id": w.owner.id, "kind": "like"}),
    # A swipe that has made a match is not taken back; others have made none.
    Row("DELETE /swipes/{target_id}", owner("/swipes/{}"), "404 409 404 409 401 404"),
    Row("GET /matches", of("/matches"), SIGNED_IN.format(200)),
    Row("DELETE /matches/{match_id}", match(), "204 204 404 404 401 404", once=True),
    Row("DELETE /matches/{match_id}", ended(), "404 404 404 404 401 404"),
    Row("GET /matches/{match_id}/messages", match("/messages"), "200 200 404 404 401 404"),
    Row("GET /matches/{match_id}/messages", ended("/messages"), "404 404 404 404 401 404"),
    Row("POST /matches/{match_id}/messages", match("/messages"), "201 201 404 404 401 404", MESSAGE),
    Row("POST /matches/{match_id}/messages", ended("/messages"), "404 404 404 404 401 404", MESSAGE),
    Row("PUT /matches/{match_id}/read", match("/read"), "204 204 404 404 401 404", fixed({"seq": 1})),
    Row("PUT /matches/{match_id}/read", ended("/read"), "404 404 404 404 401 404", fixed({"seq": 1})),
    Row("PUT /devices", of("/devices"), SIGNED_IN.format(200), fixed({"token": "x" * 16, "system": "ios"})),
    Row("DELETE /devices/{device_id}", prepared("/devices/{}", device_of), "204 404 404 404 401 404"),
    Row("GET /blocks", of("/blocks"), SIGNED_IN.format(200)),
    Row("PUT /blocks/{person_id}", owner("/blocks/{}"), "409 204 204 204 401 204"),
    Row("DELETE /blocks/{person_id}", owner("/blocks/{}"), SIGNED_IN.format(204)),
    Row(
        "POST /reports",
        of("/reports"),
        "409 201 201 201 401 201",
        lambda w: {"person_id": w.owner.id, "reason": "other", "note": ""},
    ),
    Row("GET /moderation/queue", of("/moderation/queue?limit=100"), MODERATORS.format(200)),
    Row(
        "POST /moderation/photos/{photo_id}",
        prepared("/moderation/photos/{}", lambda world: in_review(world.owner)),
        MODERATORS.format(204),
        fixed({"approve": True}),
    ),
    Row(
        "POST /moderation/reports/{report_id}",
        prepared("/moderation/reports/{}", report_of),
        MODERATORS.format(204),
        fixed({"suspend": False}),
    ),
    Row(
        "DELETE /moderation/suspensions/{person_id}",
        prepared("/moderation/suspensions/{}", suspended),
        # Who is suspended is signed out.
        "401 403 403 403 401 204",
    ),
    Row("GET /healthz", of("/healthz"), EVERYBODY.format(200)),
    Row("GET /readyz", of("/readyz"), EVERYBODY.format(200)),
    Row("GET /metrics", of("/metrics"), EVERYBODY.format(404)),  # the proxy keeps it to itself
    *(
        Row(f"GET {path}", of(path), EVERYBODY.format(200))
        for path in ("/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc")
    ),
]


def routes() -> Iterator[str]:
    """Everything that the application answers: "GET /me", "WS /ws"."""
    for outer in create_app(Settings(), list(Service)).routes:
        inner = getattr(outer, "original_router", None)
        found: list[Any] = inner.routes if inner else [outer]
        for route in found:
            for method in getattr(route, "methods", None) or ["WS"]:
                if method != "HEAD":
                    yield f"{method} {route.path}"


def test_every_route_has_a_row() -> None:
    assert set(routes()) == {row.route for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.route)
async def test_who_may(backend: Backend, stack: LocalStack, row: Row) -> None:
    if row.route == "GET /metrics":  # what the proxy keeps to itself, the app beside it does not
        backend = Backend(stack.host, backend.otp_test_secret)
    expected = dict(zip(ACTORS, map(int, row.expected.split()), strict=True))
    # Who is refused must leave everything as it was, so that the others may still.
    refused = [actor for actor in ACTORS if expected[actor] >= 400]
    allowed = [actor for actor in ACTORS if expected[actor] < 400]
    found = {}
    turns = [[*refused, *allowed[:1]], *([actor] for actor in allowed[1:])] if row.once else [refused + allowed]
    for actors in turns:
        async with world(backend) as people:
            path = row.path(people)
            path = await path if inspect.isawaitable(path) else path
            for actor in actors:
                found[actor], shown = await ask(people, actor, row, str(path))
                if actor not in ("owner", "moderator"):
                    assert not set(people.secrets_in(shown)), f"{actor} is shown something of the owner's"
    assert found == expected


async def ask(people: World, actor: str, row: Row, path: str) -> tuple[int, Any]:
    """The status of the answer, and its JSON if it has one."""
    if row.route.startswith("WS"):
        return await open_socket(people, actor), None
    answer = await people.client(actor).request(row.route.split(" ")[0], path, json=row.body(people))
    return answer.status_code, answer.json() if answer.headers.get(
        "content-type"
    ) == "application/json" and answer.content else None


async def open_socket(people: World, actor: str) -> int:
    who = getattr(people, actor)
    ticket = offering(await who.ticket()) if isinstance(who, Somebody) else {}
    try:
        async with websockets.connect(people.owner.socket_url, **ticket):
            return 101
    except websockets.InvalidStatus as refused:
        return refused.response.status_code


async def test_nobody_is_listed_to_whom_they_have_blocked(backend: Backend) -> None:
    async with world(backend) as people:
        for path in ("/matches", "/blocks", "/photos"):  # decks: test_safety.py
            shown = await people.blocked.http.get(path)
            assert shown.status_code == 200
            assert people.owner.id not in shown.text
