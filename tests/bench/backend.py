"""What a request costs the backend, beside its floor: `make bench-backend` prints the table.

Each endpoint is asked of one app process, and then of another that does only the endpoint's database calls
(tests/bench/floor.py), on the same stores, in interleaved rounds. Rows are medians of the rounds, ratios those within a
round: machines are shared, and only neighbours can be compared.
`python -m tests.bench.backend message` measures the kinds whose name contains that.
"""

import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count, cycle
from statistics import median

import psutil
import websockets

from reference_app.auth.store import keyed_hash
from reference_app.platform.redis import Redis, connection
from reference_app.profiles.service import deck_key
from reference_app.stack import LocalStack, apps
from reference_app.stack.process import ServerProcess, free_port, http_answers
from scenarios.load import load
from scenarios.people import person_id_of, sex_of
from tests.bench.asking import Client, closed_loop, request
from tests.conftest import STRANGERS
from tests.reference_app.conftest import Backend, Somebody, offering, sign_in

PEOPLE, PLAYED, AT_A_TIME, ROUNDS, REQUESTS = 2000, 100, 20, 5, 600
STATIONS = ("app", "mongod", "valkey")
NO_LIMITS = {"requests_per_min": 10**9, "frames_per_10_s": 10**9, "likes_per_day": 10**9}


@dataclass
class Player:
    """Somebody who asks: `headers` for the backend, `floor` for the floor."""

    index: int
    id: str
    headers: dict[str, str]
    floor: dict[str, str]
    match: str = ""
    targets: Iterator[str] = field(default_factory=lambda: iter(()))
    cards: Iterator[str] = field(default_factory=lambda: iter(()))


@dataclass(frozen=True)
class Kind:
    """One kind of request; `text(player, floor)` is the next of it. `before` is done first, and not counted."""

    name: str
    text: Callable[[Player, bool], bytes]
    has_floor: bool = True
    before: Callable[[Player], Awaitable[object]] | None = None


_numbers = count(1)


def kinds(redis: Redis | None = None) -> list[Kind]:
    """`redis`: for those that need something done before."""

    def headers(player: Player, floor: bool) -> dict[str, str]:
        return player.floor if floor else player.headers

    def get(path: str) -> Callable[[Player, bool], bytes]:
        return lambda player, floor: request("GET", path, headers(player, floor))

    def swipe(kind: str) -> Callable[[Player, bool], bytes]:
        def text(player: Player, floor: bool) -> bytes:
            body = json.dumps({"target_id": next(player.targets), "kind": kind}).encode()
            return request("POST", "/swipes", headers(player, floor), body)

        return text

    def profile(player: Player, floor: bool) -> bytes:
        return request("GET", f"/profiles/{next(player.cards)}", headers(player, floor))

    def message(player: Player, floor: bool) -> bytes:
        body = json.dumps({"id": f"message-{next(_numbers):08d}", "text": "How was your day?"}).encode()
        return request("POST", f"/matches/{player.match}/messages", headers(player, floor), body)

    async def forget_deck(player: Player) -> None:
        assert redis
        await redis.delete(deck_key(player.id))

    return [
        Kind("GET /discovery", get("/discovery")),
        Kind("POST /swipes pass", swipe("pass")),
        Kind("POST /swipes like", swipe("like")),
        Kind("POST message", message),
        Kind("GET /profiles/{id}", profile),
        Kind("GET /discovery, new deck", get("/discovery"), has_floor=False, before=forget_deck),
        Kind("GET /matches", get("/matches"), has_floor=False),
        Kind("GET /me", get("/me"), has_floor=False),
    ]


@dataclass
class Side:
    """The backend's app, or the floor."""

    server: ServerProcess
    port: int
    stores: dict[str, list[psutil.Process]]

    def cpu_s(self) -> dict[str, float]:
        processes = {"app": [psutil.Process(self.server.pid)], **self.stores}
        return {name: sum(sum(p.cpu_times()[:2]) for p in found) for name, found in processes.items()}


@dataclass(frozen=True)
class Figures:
    """Of one round: requests a second, and CPU milliseconds a request at each station."""

    per_s: float
    cpu_ms: dict[str, float]


async def measured(side: Side, requests: int, ask: Callable[[int, int], Awaitable[object]]) -> Figures:
    before, start_s = side.cpu_s(), time.perf_counter()
    await closed_loop(requests, AT_A_TIME, ask)
    took_s = time.perf_counter() - start_s
    await asyncio.sleep(0.2)  # what happens off the request belongs to it
    after = side.cpu_s()
    return Figures(requests / took_s, {name: (after[name] - before[name]) * 1000 / requests for name in STATIONS})


async def over_http(side: Side, kind: Kind, players: list[Player], floor: bool) -> Figures:
    clients = [await Client.connect(side.port) for _ in range(AT_A_TIME)]
    whose = cycle(players)
    turns = [next(whose) for _ in range(REQUESTS)]
    texts = [kind.text(player, floor) for player in turns]
    for player in dict.fromkeys(player.index for player in turns) if kind.before else ():
        await kind.before(players[player]) if kind.before else None

    async def ask(number: int, turn: int) -> None:
        status, body = await clients[turn].ask(texts[number])
        assert status in (200, 201), (kind.name, status, body)

    try:
        requests = min(REQUESTS, len(players)) if kind.before else REQUESTS
        return await measured(side, requests, ask)
    finally:
        for client in clients:
            client.close()


async def over_sockets(
    side: Side, what: str, sockets: list[websockets.ClientConnection], players: list[Player]
) -> Figures:
    """A socket each; who has asked waits for the answer, whatever else comes meanwhile."""

    async def ask(number: int, turn: int) -> None:
        place = number % len(sockets)
        frame = {"type": "ping"}
        if what == "message":
            frame = {"type": "message", "match_id": players[place].match, "text": "How was your day?"}
            frame["id"] = f"message-{next(_numbers):08d}"
        await sockets[place].send(json.dumps(frame))
        while json.loads(await sockets[place].recv())["type"] != ("ack" if what == "message" else "pong"):
            pass

    return await measured(side, REQUESTS, ask)


@contextmanager
def sides(stack: LocalStack) -> Iterator[tuple[Side, Side]]:
    """An app of its own and the floor, on the stack's stores."""
    environment = stack.settings.model_copy(update=NO_LIMITS).as_environment()
    stores: dict[str, list[psutil.Process]] = defaultdict(list)
    for server in stack.servers:
        if (station := server.name.split("-")[0]) in STATIONS[1:]:
            stores[station].append(psutil.Process(server.pid))
    backend = apps.app(stack.folder, environment, "app-measured", free_port())
    port = int(str(backend.argv[-1]))
    floor_port = free_port()
    floor = ServerProcess(
        "floor",
        [sys.executable, "-m", "tests.bench.floor", "--port", str(floor_port)],
        stack.folder / "floor.log",
        lambda: http_answers(f"http://127.0.0.1:{floor_port}/readyz"),
        environment,
    )
    try:
        for server in (backend, floor):
            server.start()
            server.wait_ready()
        yield Side(backend, port, stores), Side(floor, floor_port, stores)
    finally:
        backend.stop()
        floor.stop()


async def players_of(stack: LocalStack, people: list[Somebody]) -> list[Player]:
    """Each has matched with a neighbour, and has somebody new for every swipe."""
    seed = stack.scenario.population.seed
    players = []
    for person in people:
        authorization = person.http.headers["Authorization"]
        token_hmac = keyed_hash(stack.settings.secret_key, f"token:{authorization.removeprefix('Bearer ')}")
        player = Player(
            person.index,
            person.id,
            {"Authorization": authorization},
            {"Session": f"session:{token_hmac}", "Person": person.id},
        )
        others = [i for i in range(PLAYED, PEOPLE) if sex_of(i) != sex_of(person.index)]
        player.targets = (person_id_of(i, seed) for i in cycle(others))
        found = [card["profile"]["id"] for card in (await person.http.get("/discovery")).json()["cards"]]
        player.cards = cycle(found)
        players.append(player)
    for one, other in zip(people[::2], people[1::2], strict=True):
        await one.swipe(other)
        await other.swipe(one)
        pair = ":".join(sorted((one.id, other.id)))
        players[one.index].match = players[other.index].match = pair
    return players


async def measure(stack: LocalStack, wanted: str) -> dict[str, list[tuple[Figures, Figures | None]]]:
    found: dict[str, list[tuple[Figures, Figures | None]]] = defaultdict(list)
    async with AsyncExitStack() as closing:
        redis = await closing.enter_async_context(connection(stack.settings))
        people = [await sign_in(Backend(stack.host, stack.settings.otp_test_secret), index) for index in range(PLAYED)]
        for person in people:
            closing.push_async_callback(person.http.aclose)
        players = await players_of(stack, people)
        backend, floor = closing.enter_context(sides(stack))
        sockets = {True: [], False: []}  # type: dict[bool, list[websockets.ClientConnection]]
        if any(wanted in name for name in ("WS ping", "WS message")):
            for person in people:
                for is_floor, url, ticket in (
                    (False, f"ws://127.0.0.1:{backend.port}/ws", offering(await person.ticket())),
                    (True, f"ws://127.0.0.1:{floor.port}/ws?person={person.id}", {}),
                ):
                    opened = await closing.enter_async_context(websockets.connect(url, max_queue=None, **ticket))
                    sockets[is_floor].append(opened)
        for _ in range(ROUNDS + 1):  # the first fills caches
            for kind in kinds(redis):
                if wanted in kind.name:
                    ours = await over_http(backend, kind, players, floor=False)
                    least = await over_http(floor, kind, players, floor=True) if kind.has_floor else None
                    found[kind.name].append((ours, least))
            for what in ("ping", "message"):
                if wanted in f"WS {what}":
                    ours = await over_sockets(backend, what, sockets[False], players)
                    least = await over_sockets(floor, what, sockets[True], players)
                    found[f"WS {what}"].append((ours, least))
    return {name: rounds[1:] for name, rounds in found.items()}


def report(found: dict[str, list[tuple[Figures, Figures | None]]]) -> None:
    """A line a kind, as Markdown."""
    print("| | requests/s | app ms | mongod ms | Redis ms | floor: requests/s | app ms | app beside floor |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for name, rounds in found.items():
        ours = [round_[0] for round_ in rounds]
        cells = [f"{median(one.per_s for one in ours):,.0f}"]
        cells += [f"{median(one.cpu_ms[station] for one in ours):.2f}" for station in STATIONS]
        pairs = [(one, least) for one, least in rounds if least]
        if pairs:
            cells += [f"{median(least.per_s for _, least in pairs):,.0f}"]
            cells += [f"{median(least.cpu_ms['app'] for _, least in pairs):.2f}"]
            cells += [f"**{median(one.cpu_ms['app'] / least.cpu_ms['app'] for one, least in pairs):.2f}**"]
        else:
            cells += ["", "", ""]
        print(f"| {name} | {' | '.join(cells)} |")


@contextmanager
def filled_stack() -> Iterator[LocalStack]:
    """Phase 1 with PEOPLE in one city, of whom nobody has met."""
    scenario = load("phase-1", [f"population.users={PEOPLE}", 'population.cities=["Berlin"]', *STRANGERS])
    with LocalStack(scenario) as stack:
        stack.populate(scenario, lambda done, of: None)
        yield stack


def main(wanted: str) -> None:
    with filled_stack() as stack:
        report(asyncio.run(measure(stack, wanted)))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
