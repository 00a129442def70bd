"""What idle sockets cost one app process: memory and CPU, with 10,000 of them. Part of `make bench-backend`."""

import asyncio
import sys
from contextlib import AsyncExitStack

import psutil
import websockets

from reference_app.app import open_platform
from reference_app.auth.store import keyed_hash, new_session
from reference_app.stack import LocalStack, apps
from reference_app.stack.process import free_port
from scenarios.load import load
from tests.bench.asking import Client, request
from tests.reference_app.conftest import offering

SOCKETS, STEPS, AT_A_TIME, IDLE_S = 10_000, 4, 50, 10.0
MB = 2**20


async def sign_everybody_in(stack: LocalStack, people: int) -> list[str]:
    """A session each, of somebody who has a socket and nothing else. Returns their tokens."""
    tokens = [f"idle-{number}" for number in range(people)]
    key = stack.settings.secret_key
    sessions = [new_session(keyed_hash(key, f"token:{token}"), f"person-of-{token}", 3600) for token in tokens]
    async with open_platform(stack.settings) as platform:
        await platform.db.sessions.insert_many(sessions)
    return tokens


async def measure(stack: LocalStack, sockets: int) -> None:
    tokens = iter(await sign_everybody_in(stack, sockets))
    app = apps.app(stack.folder, stack.settings.as_environment(), "app-sockets", port := free_port())
    app.start()
    async with AsyncExitStack() as closing:
        closing.callback(app.stop)
        app.wait_ready()
        process, url = psutil.Process(app.pid), f"ws://127.0.0.1:{port}/ws"
        begun_mb = process.memory_info().rss / MB
        print(
            f"| sockets | memory | a socket | CPU while idle |\n|---:|---:|---:|---:|\n| 0 | {begun_mb:,.0f} MB | | |"
        )

        async def open_some() -> None:
            client = await Client.connect(port)
            closing.callback(client.close)
            for token in each:
                headers = {"Authorization": f"Bearer {token}"}
                status, body = await client.ask(request("POST", "/auth/ticket", headers))
                assert status == 201, body
                ticket = body.decode().split('"')[3]
                socket = await closing.enter_async_context(websockets.connect(url, **offering(ticket)))
                await socket.send('{"type":"ping"}')
                assert "pong" in str(await socket.recv())

        for step in range(1, STEPS + 1):
            each = iter([next(tokens) for _ in range(sockets // STEPS)])
            await asyncio.gather(*(open_some() for _ in range(AT_A_TIME)))
            used_s = sum(process.cpu_times()[:2])
            await asyncio.sleep(IDLE_S)
            busy = (sum(process.cpu_times()[:2]) - used_s) / IDLE_S
            there, used_mb = sockets * step // STEPS, process.memory_info().rss / MB
            a_socket_kb = (used_mb - begun_mb) * 1024 / there
            print(f"| {there:,} | {used_mb:,.0f} MB | {a_socket_kb:.1f} KB | {busy:.1%} of a core |", flush=True)


def main(sockets: int) -> None:
    with LocalStack(load("phase-1", ["population.users=10"])) as stack:
        asyncio.run(measure(stack, sockets))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SOCKETS)
