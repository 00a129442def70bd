"""One WebSocket as the backend holds it."""

import asyncio
import secrets
from contextlib import suppress

from fastapi import WebSocket, WebSocketDisconnect

# A phone that reads nothing for this many frames is dropped; it catches up over REST when it is back.
FRAMES_WAITING_MAX = 100
CLOSE_WITHIN_S = 1.0
# Close codes; from 4000 on they are ours. (1012, restart, is what uvicorn sends when it is told to end.)
TRY_LATER, TOO_MANY_FRAMES, NOT_SIGNED_IN = 1013, 1008, 4401
# What sending to a socket that has just gone away raises.
_GONE = (RuntimeError, WebSocketDisconnect)


class Connection:
    """Frames wait in a queue of its own, so that a slow client delays nobody else.

    Nearly all sockets are idle nearly all the time, so one that has nothing to send has no task and no queue's locks:
    with 10,000 of them that is a tenth of the process' memory.
    """

    __slots__ = ("_open", "_socket", "_waiting", "_writer", "ended", "id", "receiving", "session", "too_slow")

    def __init__(self, socket: WebSocket, session: str) -> None:
        self.id = secrets.token_hex(8)
        self.session = session
        self.receiving: asyncio.Timeout | None = None  # while a frame of the client's is waited for
        self.too_slow = False
        self.ended = False  # by `end`
        self._socket = socket
        self._waiting: list[str | tuple[int, str]] = []
        self._writer: asyncio.Task[None] | None = None  # while there is something to send
        self._open = False

    def start(self) -> None:
        """The handshake is over: what waits can be sent."""
        self._open = True
        self._write_soon()

    @property
    def writing(self) -> bool:
        """Whether more can be sent."""
        return self._open

    def send(self, text: str) -> None:
        """Send it when its turn comes."""
        self._put(text)

    def end(self, code: int, reason: str) -> None:
        """Close the socket when everything before this has been sent."""
        self._put((code, reason))

    async def close(self, code: int, reason: str) -> None:
        """Close it now; a phone that reads nothing is not waited for."""
        with suppress(*_GONE, TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await self._socket.close(code, reason)

    async def stop(self) -> None:
        """The socket is closed: nothing more can be sent."""
        self._over()
        if self._writer:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)

    def _put(self, item: str | tuple[int, str]) -> None:
        if len(self._waiting) < FRAMES_WAITING_MAX:
            self._waiting.append(item)
            self._write_soon()
        elif not self.too_slow:
            self.too_slow = True
            self._over()
            if self._writer:
                self._writer.cancel()

    def _write_soon(self) -> None:
        if self._open and self._waiting and self._writer is None:
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        all_sent = False
        try:
            with suppress(*_GONE):
                while self._waiting:
                    item = self._waiting.pop(0)
                    if not isinstance(item, str):
                        self.ended = True
                        await self.close(*item)
                        return
                    await self._socket.send_text(item)
                all_sent = True
        finally:
            self._writer = None
            if not all_sent:  # whatever it was, the frames behind it must not be shown without it
                self._over()

    def _over(self) -> None:
        """From now on nothing is sent, and nothing more need be received."""
        was_open, self._open = self._open, False
        if was_open and self.receiving:
            with suppress(RuntimeError):  # its time is over at this very moment
                self.receiving.reschedule(asyncio.get_running_loop().time())
