"""A phone that reads nothing is let go, and holds up nobody."""

import asyncio
from typing import Any

import pytest

from reference_app.chat.connection import FRAMES_WAITING_MAX, Connection


class Stuck:
    """A socket whose buffers are full: sending waits for ever."""

    def __init__(self) -> None:
        self.full = asyncio.Event()

    async def send_text(self, text: str) -> None:
        self.full.set()
        await asyncio.Event().wait()

    async def close(self, code: int, reason: str) -> None:
        await asyncio.Event().wait()


@pytest.mark.parametrize("more", [1, 2, 50])
async def test_a_phone_that_reads_nothing_is_let_go(more: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reference_app.chat.connection.CLOSE_WITHIN_S", 0.01)
    socket: Any = Stuck()
    connection = Connection(socket, "session")
    connection.start()
    connection.send("the one that is under way")
    await socket.full.wait()
    for number in range(FRAMES_WAITING_MAX + more):
        connection.send(str(number))
    assert not connection.writing
    async with asyncio.timeout(10):
        await connection.close(1013, "too slow")
        await connection.stop()
    assert connection.too_slow
    assert not connection.ended
