"""Sockets: who may open one, and what may come over it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets

from reference_app.__main__ import FRAMES_OF_ANY_KIND
from reference_app.auth.store import TICKET_TTL_S
from reference_app.chat.socket import FRAMES_REFUSED_MAX
from reference_app.platform.redis import connection
from reference_app.settings import Settings
from reference_app.stack import LocalStack, apps
from reference_app.stack.process import free_port
from tests.reference_app.conftest import Backend, Somebody, frame, offering


async def status_of(url: str, **options: Any) -> int:
    try:
        async with websockets.connect(url, **options) as socket:
            assert socket.subprotocol == "matchday"
            return 101
    except websockets.InvalidStatus as refused:
        return refused.response.status_code


async def test_a_ticket_opens_one_socket(anna: Somebody) -> None:
    ticket = await anna.ticket()
    assert await status_of(anna.socket_url, **offering(ticket)) == 101
    assert await status_of(anna.socket_url, **offering(ticket)) == 401


async def test_a_ticket_is_for_half_a_minute(anna: Somebody, stack: LocalStack) -> None:
    await anna.ticket()
    async with connection(stack.settings) as redis:
        left_s = [await redis.ttl(key) async for key in redis.scan_iter("ticket:*")]
    assert left_s
    assert all(0 < left <= TICKET_TTL_S for left in left_s)


@pytest.mark.parametrize("query", ["", "?ticket={ticket}", "?token={token}"])
@pytest.mark.parametrize(
    "offered", [[], ["matchday"], ["ticket."], ["ticket.made-up"], ["ticket.{token}"], ["{ticket}"]]
)
async def test_nothing_else_opens_one(anna: Somebody, query: str, offered: list[str]) -> None:
    authorization = anna.http.headers["Authorization"]
    known = {"token": authorization.split(" ")[1], "ticket": await anna.ticket()}
    offer = [one.format(**known) for one in offered]
    url, headers = anna.socket_url + query.format(**known), {"Authorization": authorization}
    assert await status_of(url, additional_headers=headers, subprotocols=offer or None) == 401


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1"])
async def test_a_page_may_not_open_one(anna: Somebody, origin: str) -> None:
    ticket = offering(await anna.ticket())
    assert await status_of(anna.socket_url, origin=origin, **ticket) == 403
    assert await status_of(anna.socket_url, **ticket) == 101  # and has not spent the ticket


async def test_pages_of_our_own_may(anna: Somebody, stack: LocalStack, tmp_path: Path) -> None:
    ours = "https://app.example"
    environment = stack.settings.model_copy(update={"allowed_origins": [ours]}).as_environment()
    app = apps.app(tmp_path, environment, "app-pages", port := free_port())
    app.start()
    try:
        app.wait_ready()
        url, ticket = f"ws://127.0.0.1:{port}/ws", offering(await anna.ticket())
        assert await status_of(url, origin="https://evil.example", **ticket) == 403
        assert await status_of(url, origin=ours, **ticket) == 101
    finally:
        app.stop()


async def test_a_person_has_few_sockets(anna: Somebody) -> None:
    most = Settings().sockets_per_person
    sockets = [await websockets.connect(anna.socket_url, **offering(await anna.ticket())) for _ in range(most)]
    assert await status_of(anna.socket_url, **offering(await anna.ticket())) == 429
    for socket in sockets:
        await socket.close()


async def test_a_frame_of_more_than_64_kib_ends_the_socket_and_nothing_else(anna: Somebody, ben: Somebody) -> None:
    async with anna.socket() as annas, ben.socket() as bens:
        await annas.send("x" * 65_536)  # as long as one may be
        assert (await frame(annas))["code"] == "invalid"
        await annas.send("x" * 65_537)
        await annas.wait_closed()
        assert annas.close_code == 1009
        await bens.send('{"type":"ping"}')
        assert (await frame(bens))["type"] == "pong"


async def test_frames_are_not_decompressed(anna: Somebody) -> None:
    """A small frame that becomes a large one: the offer to compress is not taken."""
    async with anna.socket(compression="deflate") as socket:
        assert socket.response
        assert "Sec-WebSocket-Extensions" not in socket.response.headers


async def test_who_sends_too_much_is_told_so_and_then_thrown_out(anna: Somebody, ben: Somebody) -> None:
    allowed = Settings().frames_per_10_s
    async with anna.socket(max_queue=None) as annas, ben.socket() as bens:
        answers = []
        with suppress(websockets.ConnectionClosed):
            while True:
                await annas.send('{"type":"ping"}')
                answers.append(await frame(annas))
        assert annas.close_code == 1008
        pongs = [answer["type"] for answer in answers].count("pong")
        assert allowed <= pongs <= 2 * allowed  # a window may end meanwhile
        assert len(answers) - pongs == FRAMES_REFUSED_MAX
        assert {answer["code"] for answer in answers if answer["type"] == "error"} == {"too_many_requests"}
        await bens.send('{"type":"ping"}')
        assert (await frame(bens))["type"] == "pong"


PING, PONG, PIECE = b"\x89\x80\0\0\0\0", b"\x8a\x80\0\0\0\0", b"\x00\x80\0\0\0\0"  # all of them empty
FIRST_PIECE = b"\x01\x81\0\0\0\0{"
FRAMES_MAX = FRAMES_OF_ANY_KIND * Settings().frames_per_10_s


@asynccontextmanager
async def raw_socket(person: Somebody) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """An open socket of somebody whose client does what it likes."""
    url = httpx.URL(person.socket_url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(
        b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Sec-WebSocket-Protocol: matchday, ticket." + (await person.ticket()).encode() + b"\r\n\r\n"
    )
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    yield reader, writer
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def is_cut_off(reader: asyncio.StreamReader, within_s: float) -> bool:
    try:
        async with asyncio.timeout(within_s):
            while await reader.read(65_536):
                pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


@pytest.mark.parametrize("sent", [PING, PONG, PIECE], ids=["pings", "pongs", "pieces of a message"])
async def test_frames_that_no_application_sees_are_counted(anna: Somebody, ben: Somebody, sent: bytes) -> None:
    async with ben.socket() as bens:
        async with raw_socket(anna) as (reader, writer):
            writer.write(FIRST_PIECE + sent * (FRAMES_MAX // 2))  # pings are allowed between pieces
            assert not await is_cut_off(reader, within_s=0.2)
            writer.write(sent * FRAMES_MAX)
            assert await is_cut_off(reader, within_s=5)
        await bens.send('{"type":"ping"}')
        assert (await frame(bens))["type"] == "pong"


async def test_who_goes_on_after_being_thrown_out_is_cut_off(anna: Somebody) -> None:
    """Closing a socket politely takes up to ten seconds, in which its client may send."""
    async with raw_socket(anna) as (reader, writer):
        await anna.http.delete("/auth/session")
        await reader.readuntil(b"the session has ended")
        writer.write(PING * 2 * FRAMES_MAX)
        assert await is_cut_off(reader, within_s=5)


async def test_many_sockets_at_once_are_counted_as_well(anna: Somebody) -> None:
    most = Settings().sockets_per_person
    tickets = [offering(await anna.ticket()) for _ in range(4 * most)]
    opened = await asyncio.gather(
        *(websockets.connect(anna.socket_url, **ticket) for ticket in tickets), return_exceptions=True
    )
    sockets = [socket for socket in opened if isinstance(socket, websockets.ClientConnection)]
    assert 0 < len(sockets) <= most
    for socket in sockets:
        await socket.close()


async def test_a_ticket_is_of_its_session(anna: Somebody, backend: Backend) -> None:
    """Signing out here closes the socket that was opened with this session's ticket."""
    async with anna.socket() as socket:
        await anna.http.delete("/auth/session")
        assert json.loads(await socket.recv())["type"] == "session_ended"
        await socket.wait_closed()
        assert socket.close_code == 4401
