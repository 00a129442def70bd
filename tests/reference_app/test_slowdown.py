"""A release that got slower, on purpose: just that endpoint, by just that share of CPU."""

import asyncio
import time

import pytest
from starlette.types import Message, Receive, Scope, Send

from reference_app.slowdown import Slowdown, burn
from reference_app.stack import LocalStack, StackError
from scenarios.load import load

WORK_S = 0.02


class Route:
    path = "/discovery"


async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
    """Works for 20 ms of CPU, waits for 20 ms in between, and answers."""
    scope["route"] = Route()
    for _ in range(2):
        burn(WORK_S / 2)
        await asyncio.sleep(0.02)
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def cpu_s(shares: dict[str, float], method: str = "GET") -> float:
    """What one call costs, while another task burns CPU too."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("nobody asked for the body")

    start_s = time.thread_time()
    await Slowdown(endpoint, shares)({"type": "http", "method": method, "path": Route.path}, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start"]
    return time.thread_time() - start_s


async def test_it_burns_a_share_of_what_the_endpoint_used() -> None:
    assert await cpu_s({"GET /discovery": 1.0}) >= 2 * WORK_S


async def test_time_spent_waiting_is_not_counted() -> None:
    async def busy() -> None:
        for _ in range(1000):
            await asyncio.sleep(0)
            burn(10 * WORK_S / 1000)

    start_s = time.thread_time()
    await asyncio.gather(cpu_s({"GET /discovery": 1.0}), busy())
    # 20 ms of work, 20 ms burnt, and the other's 200 ms at most: had those been counted, it would be 400 ms.
    assert time.thread_time() - start_s < 15 * WORK_S


async def test_other_endpoints_are_left_alone() -> None:
    assert await cpu_s({"GET /discovery": 10.0}, method="POST") < 5 * WORK_S


@pytest.mark.parametrize(
    ("scope", "metered"),
    [
        ({"type": "http", "method": "GET", "path": "/profiles/7"}, True),
        ({"type": "http", "method": "GET", "path": "/profiles/7/photos"}, False),
        ({"type": "http", "method": "PUT", "path": "/profiles/7"}, False),
        ({"type": "websocket", "path": "/profiles/7"}, False),
        ({"type": "lifespan"}, False),
    ],
)
async def test_other_requests_are_not_even_metered(scope: Scope, metered: bool) -> None:
    given: list[Send] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        given.append(send)

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        raise AssertionError

    await Slowdown(inner, {"GET /profiles/{person_id}": 1.0})(scope, receive, send)
    assert (given[0] is not send) == metered


async def test_a_cancelled_request_ends() -> None:
    async def forever(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    async def nothing() -> Message:
        raise AssertionError

    async def nowhere(message: Message) -> None:
        raise AssertionError

    slowed = Slowdown(forever, {"GET /discovery": 1.0})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(slowed({"type": "http", "method": "GET", "path": Route.path}, nothing, nowhere), 0.01)


def test_an_endpoint_that_does_not_exist_is_refused_before_anything_starts() -> None:
    scenario = load("phase-1", ["backend.slowdown.GET /nowhere=0.1"])
    with (
        pytest.raises(StackError, match=r"has no endpoint 'GET /nowhere'\. There are: .*GET /discovery"),
        LocalStack(scenario),
    ):
        pass
