"""How long a deck from the cache takes while its app is half busy. Part of `make bench-backend`.

Requests come as a Poisson process, at the rate at which the process uses half a core, whatever it answers; each is
timed from when it was meant to start.
"""

import asyncio
import random
import time
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import quantiles

from reference_app.stack import LocalStack
from tests.bench.asking import Client
from tests.bench.backend import PLAYED, Player, Side, filled_stack, kinds, players_of, sides
from tests.reference_app.conftest import Backend, sign_in

CONNECTIONS, BUSY, FIND_S, MEASURE_S = 64, 0.5, 4.0, 20.0


@dataclass(frozen=True)
class Stretch:
    """Latencies (ms) at a rate, and the share of a core that the app used."""

    per_s: float
    busy: float
    latencies_ms: list[float]


async def at_rate(side: Side, players: list[Player], per_s: float, seconds: float) -> Stretch:
    rng, clients = random.Random(1), [await Client.connect(side.port) for _ in range(CONNECTIONS)]
    free: asyncio.Queue[Client] = asyncio.Queue()
    for client in clients:
        free.put_nowait(client)
    text, latencies_ms = next(kind.text for kind in kinds() if kind.name == "GET /discovery"), list[float]()

    async def ask(due_s: float, player: Player) -> None:
        client = await free.get()
        status, _ = await client.ask(text(player, False))
        latencies_ms.append((time.perf_counter() - due_s) * 1000)
        assert status == 200
        free.put_nowait(client)

    asked = set()
    before_s, begun_s = side.cpu_s()["app"], time.perf_counter()
    due_s = begun_s
    while due_s < begun_s + seconds:
        if (early_s := due_s - time.perf_counter()) > 0:
            await asyncio.sleep(early_s)
        asked.add(asyncio.create_task(ask(due_s, rng.choice(players))))
        due_s += rng.expovariate(per_s)
    await asyncio.gather(*asked)
    took_s = time.perf_counter() - begun_s
    for client in clients:
        client.close()
    return Stretch(len(asked) / took_s, (side.cpu_s()["app"] - before_s) / took_s, latencies_ms)


async def measure(stack: LocalStack, closing: ExitStack) -> None:
    backend = Backend(stack.host, stack.settings.otp_test_secret)
    people = [await sign_in(backend, index) for index in range(PLAYED)]
    players = await players_of(stack, people)
    side, _ = closing.enter_context(sides(stack))
    per_s = 200.0
    for _ in range(4):  # a request costs less when many come
        found = await at_rate(side, players, per_s, FIND_S)
        per_s *= BUSY / found.busy
    found = await at_rate(side, players, per_s, MEASURE_S)
    cuts = quantiles(found.latencies_ms, n=100)
    print("| requests/s | app busy | p50 | p95 | p99 |\n|---:|---:|---:|---:|---:|")
    print(
        f"| {found.per_s:,.0f} | {found.busy:.0%} | " + " | ".join(f"{cuts[p - 1]:.1f} ms" for p in (50, 95, 99)) + " |"
    )
    for person in people:
        await person.http.aclose()


def main() -> None:
    with filled_stack() as stack, ExitStack() as closing:
        asyncio.run(measure(stack, closing))


if __name__ == "__main__":
    main()
