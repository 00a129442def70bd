"""A server whose latencies follow a known law, and which says afterwards what it really did.

`GET /law/NAME` answers after a time drawn from that law. `GET /stalling` answers at once, but not during the stalls
that `--stalls FROM:TO,...` names (seconds after the first request): then at their end. `GET /flaky` fails at once three
times in ten. `GET /log` tells, by path and status, the milliseconds from the last byte read to the first byte written.
"""

import argparse
import asyncio
import json
import random
import time
from collections import defaultdict
from collections.abc import Callable

import httptools

LAWS: dict[str, Callable[[random.Random], float]] = {
    "constant": lambda rng: 50.0,
    "bimodal": lambda rng: 20.0 if rng.random() < 0.8 else 250.0,
    "lognormal": lambda rng: rng.lognormvariate(4.0, 0.5),
    "bare": lambda rng: 20.0,
    "two-seconds": lambda rng: 2000.0,
    # 105 ms at p95: Locust rounds to 10 ms there, and errs by up to 4.9 %.
    "around-105": lambda rng: rng.gauss(97.0, 5.0),
}


class Book:
    """What was really done."""

    def __init__(self, stalls: list[tuple[float, float]], seed: int) -> None:
        self.rng = random.Random(seed)
        self.stalls = stalls
        self.first_s: float | None = None
        self.done: defaultdict[str, list[float]] = defaultdict(list)

    def answer(self, path: str, now_s: float) -> tuple[int, float]:
        """(status, milliseconds until the answer)."""
        kind, _, law = path.strip("/").partition("/")
        if kind == "law":
            return 200, max(0.0, LAWS[law](self.rng))
        if kind == "flaky":
            return (500, 0.0) if self.rng.random() < 0.3 else (200, LAWS["lognormal"](self.rng))
        self.first_s = self.first_s or now_s
        since_s = now_s - self.first_s
        return 200, next((1000 * (to - since_s) for start, to in self.stalls if start <= since_s < to), 0.0)


class Connection(asyncio.Protocol):
    def __init__(self, book: Book) -> None:
        self._book = book
        self._parser = httptools.HttpRequestParser(self)
        self._path = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._path = url.decode()

    def on_message_complete(self) -> None:
        if self._path == "/log":
            self._write(200, json.dumps(self._book.done).encode())
            return
        now_s = time.perf_counter()
        status, wait_ms = self._book.answer(self._path, now_s)
        asyncio.get_running_loop().call_later(wait_ms / 1000, self._finish, self._path, status, now_s)

    def _finish(self, path: str, status: int, since_s: float) -> None:
        if self._transport.is_closing():
            return
        self._book.done[f"{path} {status}"].append((time.perf_counter() - since_s) * 1000)
        self._write(status, b"{}")

    def _write(self, status: int, body: bytes) -> None:
        head = f"HTTP/1.1 {status} .\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)


async def serve(book: Book, address: str) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Connection(book), address, 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--stalls", default="")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--address", default="127.0.0.1")
    options = parser.parse_args()
    pairs = [tuple(map(float, stall.split(":"))) for stall in options.stalls.split(",") if stall]
    asyncio.run(serve(Book([(start, to) for start, to in pairs], options.seed), options.address))
