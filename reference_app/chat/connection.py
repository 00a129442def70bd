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
    """Frames wait in a queue of its own, so that a slow client delays nobody else."""

    def __init__(self, socket: WebSocket, session: str) -> None:
        self.id = secrets.token_hex(8)
        self.session = session
        self._socket = socket
        self._waiting: asyncio.Queue[str | tuple[int, str]] = asyncio.Queue(FRAMES_WAITING_MAX)
        self._writer: asyncio.Task[None] | None = None
        self.receiving: asyncio.Timeout | None = None  # while a frame of the client's is waited for
        self.too_slow = False
        self.ended = False  # by `end`

    def start(self) -> asyncio.Task[None]:
        """The handshake is over: what waits can be sent. The task ends when nothing more will be."""
        self._writer = asyncio.create_task(self._write())
        self._writer.add_done_callback(self._stop_receiving)
        return self._writer

    @property
    def writing(self) -> bool:
        return self._writer is not None and not self._writer.done()

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
        if self._writer:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)

    def _stop_receiving(self, _: asyncio.Task[None]) -> None:
        if self.receiving:
            with suppress(RuntimeError):  # its time is over at this very moment
                self.receiving.reschedule(asyncio.get_running_loop().time())

    def _put(self, item: str | tuple[int, str]) -> None:
        try:
            self._waiting.put_nowait(item)
        except asyncio.QueueFull:
            if self._writer and not self.too_slow:
                self._writer.cancel()
            self.too_slow = True

    async def _write(self) -> None:
        with suppress(*_GONE):
            while isinstance(item := await self._waiting.get(), str):
                await self._socket.send_text(item)
            self.ended = True
            await self.close(*item)
