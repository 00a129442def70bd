"""A body that comes too slowly holds up a connection, and whatever counts those: it is waited for only so long."""

import asyncio
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_WITHIN_S = 10.0
_HAS_BODY = {b"content-length", b"transfer-encoding"}


class Patience:
    """Pure ASGI. Whoever reads a body that is not there in time meets HTTPException 408."""

    def __init__(self, app: ASGIApp, body_within_s: float = BODY_WITHIN_S) -> None:
        self.app, self._body_within_s = app, body_within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not any(name in _HAS_BODY for name, _ in scope["headers"]):
            await self.app(scope, receive, send)
            return
        whole = False
        until_s = asyncio.get_running_loop().time() + self._body_within_s

        async def in_time() -> Message:
            nonlocal whole
            if whole:  # now it is the client's going away that is waited for
                return await receive()
            try:
                async with asyncio.timeout_at(until_s):
                    message = await receive()
            except TimeoutError as error:
                raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, headers={"Connection": "close"}) from error
            whole = not message.get("more_body", False)
            return message

        await self.app(scope, in_time, send)
