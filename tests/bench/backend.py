"""What one request of each kind costs at each station, in milliseconds of CPU. `make bench-backend` prints the table.

Phase 1 on its real servers, some people at a time, one kind after the other in interleaved rounds; the medians of the
rounds. A figure can be compared with those of the same minutes only: machines are shared.
`python -m tests.bench.backend POST` measures the kinds whose name contains that.
"""

import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from itertools import cycle
from statistics import median
from typing import Any

import psutil
import websockets

from reference_app.platform.redis import Redis, connection
from reference_app.profiles.service import deck_key
from reference_app.stack import LocalStack
from scenarios.load import load
from scenarios.people import person_id_of, sex_of
from scenarios.schema import Scenario
from tests.conftest import STRANGERS
from tests.reference_app.conftest import Backend, Somebody, sign_in

PEOPLE, PLAYED, AT_A_TIME, ROUNDS, REQUESTS = 1000, 100, 20, 3, 400

Ask = Callable[[Somebody], Awaitable[object]]


class Stations:
    """CPU seconds that each station's processes have used so far."""

    def __init__(self, stack: LocalStack) -> None:
        self._processes = [
            (server.name.split("-")[0], process)
            for server in stack.servers
            for process in [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
            if "cache loader" not in " ".join(process.cmdline())  # nginx's, gone after a minute
        ]

    def cpu_s(self) -> dict[str, float]:
        spent: dict[str, float] = defaultdict(float)
        for station, process in self._processes:
            times = process.cpu_times()
            spent[station] += times.user + times.system
        return spent


def kinds(scenario: Scenario, people: list[Somebody], redis: Redis) -> dict[str, Ask]:
    """A request of each kind; every swipe is on somebody new."""
    seed = scenario.population.seed
    others = {
        person.id: iter([i for i in range(PLAYED, PEOPLE) if sex_of(i) != sex_of(person.index)]) for person in people
    }
    cards = {person.id: _cards(person) for person in people}

    def swipe(kind: str) -> Ask:
        async def ask(person: Somebody) -> None:
            body = {"target_id": person_id_of(next(others[person.id]), seed), "kind": kind}
            assert (await person.http.post("/swipes", json=body)).status_code == 201

        return ask

    async def image(person: Somebody) -> None:
        card = await anext(cards[person.id])
        assert (await person.http.get(card["photos"][0]["card_url"])).status_code == 200

    async def profile(person: Somebody) -> None:
        card = await anext(cards[person.id])
        assert (await person.http.get(f"/profiles/{card['id']}")).status_code == 200

    async def get(person: Somebody, path: str) -> None:
        assert (await person.http.get(path)).status_code == 200

    async def new_deck(person: Somebody) -> None:
        await redis.delete(deck_key(person.id))
        await get(person, "/discovery")

    return {
        "GET /discovery, new": new_deck,
        "POST /swipes pass": swipe("pass"),
        "POST /swipes like": swipe("like"),
        "GET /discovery": lambda person: get(person, "/discovery"),
        "GET /profiles/{id}": profile,
        "GET /matches": lambda person: get(person, "/matches"),
        "IMAGE photo": image,
    }


async def _cards(person: Somebody) -> AsyncIterator[dict[str, Any]]:
    found = [card["profile"] for card in (await person.http.get("/discovery")).json()["cards"]]
    for card in cycle([card for card in found if card["photos"]]):
        yield card


def main(wanted: str) -> None:
    scenario = load("phase-1", [f"population.users={PEOPLE}", 'population.cities=["Berlin"]', *STRANGERS])
    with LocalStack(scenario) as stack:
        stack.populate(scenario, lambda done, of: None)
        report(asyncio.run(measure(stack, wanted)))


async def measure(stack: LocalStack, wanted: str) -> dict[str, list[dict[str, float]]]:
    backend, stations = Backend(stack.host, stack.settings.otp_test_secret), Stations(stack)
    people = [await sign_in(backend, index) for index in range(PLAYED)]
    async with AsyncExitStack() as closing:
        redis = await closing.enter_async_context(connection(stack.settings))
        for person in people:
            await closing.enter_async_context(person.http)
        sockets = [await closing.enter_async_context(person.socket()) for person in people]
        asks = kinds(stack.scenario, people, redis) | {"WS ping": lambda person: ping(sockets[person.index])}
        spent: dict[str, list[dict[str, float]]] = defaultdict(list)
        for _ in range(ROUNDS + 1):  # the first fills caches
            for name, ask in asks.items():
                if wanted in name:
                    spent[name].append(await measured(stations, ask, people))
    return {name: rounds[1:] for name, rounds in spent.items()}


async def ping(socket: websockets.ClientConnection) -> None:
    await socket.send('{"type":"ping"}')
    while json.loads(await socket.recv())["type"] != "pong":  # a match may come first
        pass


async def measured(stations: Stations, ask: Ask, people: list[Somebody]) -> dict[str, float]:
    """CPU milliseconds a request, by station; `took` in milliseconds on the clock."""
    whose: Iterator[Somebody] = cycle(people)
    left = REQUESTS
    before, start_s = stations.cpu_s(), time.perf_counter()

    async def work() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await ask(next(whose))

    await asyncio.gather(*(work() for _ in range(AT_A_TIME)))
    took_ms = (time.perf_counter() - start_s) * 1000
    await asyncio.sleep(0.2)  # what happens off the request belongs to it
    after = stations.cpu_s()
    return {station: (after[station] - before[station]) * 1000 / REQUESTS for station in after} | {
        "took": took_ms / REQUESTS
    }


def report(spent: dict[str, list[dict[str, float]]]) -> None:
    stations = list(next(iter(spent.values()))[0])
    print(f"{'CPU ms a request':<22}" + "".join(f"{station:>9}" for station in stations))
    for name, rounds in spent.items():
        figures = [median(one[station] for one in rounds) for station in stations]
        print(f"{name:<22}" + "".join(f"{figure:>9.2f}" for figure in figures))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
