"""HTTP for benchmarks: a client that costs a fraction of what it asks, so that the server is what is measured."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", *(f"{name}: {value}" for name, value in headers.items())]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Client:
    """One kept-alive connection; one request at a time."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def connect(cls, port: int) -> "Client":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, text: bytes) -> tuple[int, bytes]:
        """(status, body)."""
        self.writer.write(text)
        head = await self.reader.readuntil(b"\r\n\r\n")
        lower = head.lower()
        start = lower.find(b"content-length: ")
        length = int(lower[start + 16 : lower.index(b"\r\n", start)]) if start >= 0 else 0
        return int(head[9:12]), await self.reader.readexactly(length) if length else b""

    def close(self) -> None:
        self.writer.close()


async def closed_loop(count: int, at_a_time: int, ask: Callable[[int, int], Awaitable[object]]) -> None:
    """`count` asks, `at_a_time` of them; `ask` is told which of them it is, and in whose turn."""
    left = iter(range(count))

    async def work(turn: int) -> None:
        for number in left:
            await ask(number, turn)

    await asyncio.gather(*(work(turn) for turn in range(at_a_time)))
