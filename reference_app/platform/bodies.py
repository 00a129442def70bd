"""A body that is too long, or comes too slowly, is read no further."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BYTES_MAX = 64 * 1024  # the longest that the API describes, a message, has 8 KiB
WITHIN_S = 10.0
_HAS_BODY = {b"content-length", b"transfer-encoding"}


class Bodies:
    """Pure ASGI. Whoever reads a body that is not as it should be meets HTTPException, 408 or 413.

    Starlette has a limit of its own (1.10), which answers in plain text, and waits for ever.
    """

    def __init__(self, app: ASGIApp, bytes_max: int = BYTES_MAX, within_s: float = WITHIN_S) -> None:
        self.app, self._bytes_max, self._within_s = app, bytes_max, within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not any(name in _HAS_BODY for name, _ in scope["headers"]):
            await self.app(scope, receive, send)
            return
        until_s = asyncio.get_running_loop().time() + self._within_s
        read_bytes, whole = 0, False

        async def read() -> Message:
            nonlocal read_bytes, whole
            if whole:  # now it is the client's going away that is waited for
                return await receive()
            try:
                async with asyncio.timeout_at(until_s):
                    message = await receive()
            except TimeoutError as error:
                raise HTTPException(408, "Request Timeout", {"Connection": "close"}) from error
            read_bytes += len(message.get("body", b""))
            if read_bytes > self._bytes_max:
                raise HTTPException(413, "Content Too Large", {"Connection": "close"})
            whole = not message.get("more_body", False)
            return message

        await self.app(scope, read, send)
