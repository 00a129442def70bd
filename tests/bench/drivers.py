"""Motor beside PyMongo's own async API: the same backend, the same requests, in turns. `make bench-drivers`.

Two processes of the same code differ by a few percent for as long as they live, so each driver is tried in several. A
row has the median of the ratios within a round, Motor's beside PyMongo's, and the range in which the middle half lies.
"""

import asyncio
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from statistics import median, quantiles

import psutil

from reference_app.platform.redis import connection
from reference_app.settings import Settings
from reference_app.stack import LocalStack, apps
from reference_app.stack.process import free_port
from tests.bench.backend import NO_LIMITS, PLAYED, STATIONS, Figures, Side, filled_stack, kinds, over_http, players_of
from tests.reference_app.conftest import Backend, sign_in

STARTS, ROUNDS = 3, 4
DRIVERS = ("pymongo", "motor")
Pairs = dict[str, list[tuple[Figures, Figures]]]


@contextmanager
def both(stack: LocalStack, start: int) -> Iterator[dict[str, Side]]:
    """An app with each driver."""
    stores: dict[str, list[psutil.Process]] = defaultdict(list)
    for server in stack.servers:
        if (station := server.name.split("-")[0]) in STATIONS[1:]:
            stores[station].append(psutil.Process(server.pid))
    sides = {}
    try:
        for driver in DRIVERS:
            settings = stack.settings.model_copy(update={**NO_LIMITS, "mongo_driver": driver})
            port = free_port()
            server = apps.app(stack.folder, settings.as_environment(), f"app-{driver}-{start}", port)
            server.start()
            sides[driver] = Side(server, port, stores)
        for side in sides.values():
            side.server.wait_ready()
        yield sides
    finally:
        for side in sides.values():
            side.server.stop()


async def measure(stack: LocalStack, wanted: str) -> Pairs:
    found: Pairs = defaultdict(list)
    async with AsyncExitStack() as closing:
        redis = await closing.enter_async_context(connection(stack.settings))
        backend = Backend(stack.host, stack.settings.otp_test_secret)
        people = [await sign_in(backend, index) for index in range(PLAYED)]
        for person in people:
            closing.push_async_callback(person.http.aclose)
        players = await players_of(stack, people)
        for start in range(STARTS):
            with both(stack, start) as sides:
                for round_ in range(ROUNDS + 1):  # the first fills pools and caches
                    for kind in kinds(redis):
                        if wanted not in kind.name:
                            continue
                        turn = DRIVERS if round_ % 2 else DRIVERS[::-1]
                        figures = {
                            driver: await over_http(sides[driver], kind, players, floor=False) for driver in turn
                        }
                        if round_:
                            found[kind.name].append((figures["pymongo"], figures["motor"]))
    return found


def report(found: Pairs) -> None:
    print("| | PyMongo: requests/s | app ms | Motor: requests/s | app ms | Motor's CPU beside PyMongo's |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, pairs in found.items():
        ratios = [motor.cpu_ms["app"] / pymongo.cpu_ms["app"] for pymongo, motor in pairs]
        low, _, high = quantiles(ratios, n=4)
        cells = []
        for place in (0, 1):
            cells += [f"{median(pair[place].per_s for pair in pairs):,.0f}"]
            cells += [f"{median(pair[place].cpu_ms['app'] for pair in pairs):.2f}"]
        print(f"| {name} | {' | '.join(cells)} | **{median(ratios):.2f}** ({low:.2f} to {high:.2f}) |")
    middle = median(median(m.cpu_ms["app"] / p.cpu_ms["app"] for p, m in pairs) for pairs in found.values())
    faster = "pymongo" if middle > 1 else "motor"
    print(f"\nMotor uses {middle:.2f} times the CPU, over all kinds: the default should be {faster}", end="")
    print(f", and is {Settings.model_fields['mongo_driver'].default}.")


def main(wanted: str) -> None:
    with filled_stack() as stack:
        report(asyncio.run(measure(stack, wanted)))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
