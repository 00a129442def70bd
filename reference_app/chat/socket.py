"""WebSocket /ws: messages, receipts and match events. Opened with a ticket that POST /auth/ticket gave."""

import asyncio
import time
from contextlib import suppress

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import ValidationError
from starlette.requests import HTTPConnection
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketState

from reference_app.auth.service import AuthService, auth_service
from reference_app.chat.connection import NOT_SIGNED_IN, TOO_MANY_FRAMES, TRY_LATER, Connection
from reference_app.chat.events import Ack, ClientFrame, Delivered, Event, Ping, Pong, Read, Refused, SendMessage, Typing
from reference_app.chat.hub import Hub
from reference_app.chat.service import ChatService, chat_service
from reference_app.dependencies import once_an_app
from reference_app.errors import ApiError, Forbidden, NotSignedIn, StoreAway, TooManyRequests, answer_of
from reference_app.platform import STORE_AWAY, platform_of
from reference_app.platform.addresses import address_of
from reference_app.platform.limits import InProcess, Limit
from reference_app.settings import Settings

router = APIRouter()
# Whoever ends a session tells its sockets; but what is told through Redis may be lost.
CHECK_SESSION_EVERY_S = 60.0
_AWAY: tuple[type[Exception], ...] = (TimeoutError, *STORE_AWAY)
SUBPROTOCOL, _TICKET = "matchday", "ticket."  # the one that is spoken, and what a ticket is offered as
FRAMES_REFUSED_MAX = 200  # whoever goes on all the same is thrown out
_TOO_MANY = Refused(code=TooManyRequests.code, message="Too many frames; slow down.").model_dump_json()
# The client went by itself, we are about to end, or its session has: nothing can have been sent to a dead phone.
_SAID_GOODBYE = {1000, 1001, 1012, NOT_SIGNED_IN}


class _Flood(Exception):
    """A client goes on sending frames that are refused."""


@once_an_app
def frame_limit(connection: HTTPConnection) -> InProcess:
    return InProcess(Limit(platform_of(connection).settings.frames_per_10_s, within_s=10))


async def socket(websocket: WebSocket) -> None:
    auth, settings = auth_service(websocket), platform_of(websocket).settings
    hub: Hub = websocket.app.state.hub
    try:
        _check_origin(websocket, settings)
        person, session = await auth.redeem(_ticket_of(websocket), address_of(websocket))
    except ApiError as refusal:
        await _refuse(websocket, refusal)
        return
    except STORE_AWAY:
        await _refuse(websocket, StoreAway())
        return
    chat = chat_service(websocket)
    connection = Connection(websocket, session)
    missed = False
    try:
        # Listening comes first: a client that is connected misses nothing.
        await hub.add(person, connection)
        if hub.sockets_of(person) > settings.sockets_per_person:  # counted with this one: many may come at once
            await _refuse(websocket, TooManyRequests("Too many sockets are open: close one first.", retry_after_s=60))
            return
        await auth.person_in(session)  # from now on its end is heard of
        await websocket.accept(SUBPROTOCOL)
        connection.start()
        await _converse(websocket, connection, person, chat, auth)
        missed = not connection.ended
        if connection.too_slow:
            await connection.close(TRY_LATER, "too slow: reconnect and catch up")
    except NotSignedIn as refusal:
        if websocket.application_state is WebSocketState.CONNECTING:
            await _refuse(websocket, refusal)
        else:
            await connection.close(NOT_SIGNED_IN, "the session has ended")
    except _Flood:
        await connection.close(TOO_MANY_FRAMES, "too many frames")
    except _AWAY:
        if websocket.application_state is WebSocketState.CONNECTING:
            await _refuse(websocket, StoreAway())
        else:
            await connection.close(TRY_LATER, "try again in a moment")
    except WebSocketDisconnect as gone:
        missed = gone.code not in _SAID_GOODBYE
    finally:
        await connection.stop()
        await hub.remove(person, connection)
        with suppress(*STORE_AWAY):  # presence ends by itself
            await chat.presence.gone(person, connection.id)
        if missed:
            chat.background.start(chat.push_undelivered(person))


# Starlette's own: FastAPI's keeps what it needs for dependencies, 4 KB, as long as a socket lives.
router.routes.append(WebSocketRoute("/ws", socket))


def _check_origin(websocket: WebSocket, settings: Settings) -> None:
    """Browsers say which page opens a socket, and no page can make them say another. Apps send no Origin."""
    origin = websocket.headers.get("origin")
    if origin is not None and origin not in settings.allowed_origins:
        raise Forbidden("Pages of this origin may not open a socket.")


def _ticket_of(websocket: WebSocket) -> str:
    """Among the subprotocols that are offered. In the URL it would be in the logs of every proxy on the way."""
    offered: list[str] = websocket.scope["subprotocols"]
    return next((one.removeprefix(_TICKET) for one in offered if one.startswith(_TICKET)), "")


async def _refuse(websocket: WebSocket, refusal: ApiError) -> None:
    """Answer the handshake as REST would."""
    await websocket.send_denial_response(answer_of(refusal))


async def _converse(
    websocket: WebSocket, connection: Connection, person: str, chat: ChatService, auth: AuthService
) -> None:
    """Answer frames until nothing more can be sent, a frame at hand to its end.

    Raises WebSocketDisconnect when the client goes, NotSignedIn when the session ends before that, and _Flood.
    """
    with suppress(*STORE_AWAY):  # until the next ping
        await chat.presence.seen(person, connection.id)
    check_at_s = time.monotonic() + CHECK_SESSION_EVERY_S
    frames, refused = frame_limit(websocket), 0
    while connection.writing:
        if (left_s := check_at_s - time.monotonic()) <= 0:
            with suppress(*STORE_AWAY):
                await auth.person_in(connection.session)
            check_at_s = time.monotonic() + CHECK_SESSION_EVERY_S
            continue
        try:
            async with asyncio.timeout(left_s) as connection.receiving:
                message = await websocket.receive()
        except TimeoutError:
            continue
        finally:
            connection.receiving = None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"])
        if not frames.take(connection.id):
            refused += 1
            if refused > FRAMES_REFUSED_MAX:
                raise _Flood
            connection.send(_TOO_MANY)
        elif answer := await _answer(message.get("text") or "", person, connection, chat):
            connection.send(answer.model_dump_json())


async def _answer(text: str, person: str, connection: Connection, chat: ChatService) -> Event | None:
    """Do what a frame asks for. A bad frame is answered, never fatal."""
    message_id = None
    try:
        match ClientFrame.validate_json(text):
            case SendMessage() as frame:
                message_id = frame.id
                message = await chat.send(frame.match_id, person, frame.id, frame.text)
                return Ack(match_id=frame.match_id, id=frame.id, seq=message.seq)
            case Delivered() as frame:
                await chat.delivered(frame.match_id, person, frame.seq)
                return None
            case Read() as frame:
                await chat.read(frame.match_id, person, frame.seq)
                return None
            case Typing() as frame:
                await chat.typing(frame.match_id, person)
                return None
            case Ping():
                await chat.presence.seen(person, connection.id)
                return Pong()
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"])) or "frame"
        return Refused(code="invalid", message=f"{where}: {problem['msg']}")
    except ApiError as error:
        return Refused(code=error.code, message=str(error), id=message_id)
    except STORE_AWAY:
        away = StoreAway()
        return Refused(code=away.code, message=str(away), id=message_id)
