"""WebSocket /ws: messages, receipts and match events. Authenticated by the session's token at the handshake."""

from contextlib import suppress

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import ValidationError

from reference_app.auth.service import auth_service, bearer_token
from reference_app.chat.events import Ack, ClientFrame, Delivered, Event, Ping, Pong, Refused, SendMessage
from reference_app.chat.hub import Hub
from reference_app.chat.service import ChatService, chat_service
from reference_app.errors import ApiError, StoreAway
from reference_app.platform import STORE_AWAY

router = APIRouter()


@router.websocket("/ws")
async def socket(websocket: WebSocket) -> None:
    try:
        person = await auth_service(websocket).person_of(bearer_token(websocket))
    except ApiError:
        await websocket.close(code=4401)  # before accept: the client sees HTTP 403
        return
    hub: Hub = websocket.app.state.hub
    chat = chat_service(websocket)
    await websocket.accept()
    await hub.add(person, websocket)
    try:
        await chat.store.seen_online(person)
        while True:
            answer = await _answer(await websocket.receive_text(), person, chat)
            if answer:
                await websocket.send_text(answer.model_dump_json())
    except WebSocketDisconnect:
        pass
    finally:
        await hub.remove(person, websocket)
        with suppress(*STORE_AWAY):  # presence ends by itself
            await chat.store.gone(person)


async def _answer(text: str, person: str, chat: ChatService) -> Event | None:
    """Do what a frame asks for. A bad frame is answered, never fatal."""
    try:
        match ClientFrame.validate_json(text):
            case SendMessage() as frame:
                message = await chat.send(frame.match_id, person, frame.id, frame.text)
                return Ack(match_id=frame.match_id, id=frame.id, seq=message.seq)
            case Delivered() as frame:
                await chat.delivered(frame.match_id, person, frame.seq)
                return None
            case Ping():
                await chat.store.seen_online(person)
                return Pong()
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"])) or "frame"
        return Refused(code="invalid", message=f"{where}: {problem['msg']}")
    except ApiError as error:
        return Refused(code=error.code, message=str(error))
    except STORE_AWAY:
        away = StoreAway()
        return Refused(code=away.code, message=str(away))
