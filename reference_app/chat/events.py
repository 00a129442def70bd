"""Frames of the WebSocket, both ways."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from reference_app.bodies import Body
from reference_app.chat.schemas import ClientId, Message, Seq, Text


class SendMessage(Body):
    """Client: a new message. The client's id makes a retry harmless."""

    type: Literal["message"]
    match_id: str
    id: ClientId
    text: Text


class Delivered(Body):
    """Client: messages up to `seq` have arrived."""

    type: Literal["delivered"]
    match_id: str
    seq: Seq


class Read(Body):
    """Client: messages up to `seq` have been looked at."""

    type: Literal["read"]
    match_id: str
    seq: Seq


class Typing(Body):
    """Client: is writing. Worth a frame every few seconds while it lasts."""

    type: Literal["typing"]
    match_id: str


class Ping(Body):
    """Client: still here; keeps presence alive."""

    type: Literal["ping"]


AnyClientFrame = SendMessage | Delivered | Read | Typing | Ping
ClientFrame: TypeAdapter[AnyClientFrame] = TypeAdapter(Annotated[AnyClientFrame, Field(discriminator="type")])


class MatchEvent(Body):
    type: Literal["match"] = "match"
    match_id: str
    with_id: str


class MessageEvent(Body):
    type: Literal["message"] = "message"
    message: Message


class Ack(Body):
    """The message is stored on the majority."""

    type: Literal["ack"] = "ack"
    match_id: str
    id: str
    seq: int


class Receipt(Body):
    """The other side has everything up to `seq`."""

    type: Literal["receipt"] = "receipt"
    match_id: str
    seq: int


class ReadEvent(Body):
    """The other side has looked at everything up to `seq`."""

    type: Literal["read"] = "read"
    match_id: str
    seq: int


class TypingEvent(Body):
    """The other side is writing."""

    type: Literal["typing"] = "typing"
    match_id: str


class UnmatchEvent(Body):
    type: Literal["unmatch"] = "unmatch"
    match_id: str


class SessionEnded(Body):
    """The session has ended; the socket is closed after this."""

    type: Literal["session_ended"] = "session_ended"


class CatchUp(Body):
    """Events since then may not have come: ask REST for matches and messages, as after a reconnect."""

    type: Literal["catch_up"] = "catch_up"
    since: datetime


class Pong(Body):
    type: Literal["pong"] = "pong"


class Refused(Body):
    """A frame was not understood, or what it asks for was not done. `id`: of the message that was not stored."""

    type: Literal["error"] = "error"
    code: str
    message: str
    id: str | None = None


Event = (
    MatchEvent
    | MessageEvent
    | Ack
    | Receipt
    | ReadEvent
    | TypingEvent
    | UnmatchEvent
    | CatchUp
    | SessionEnded
    | Pong
    | Refused
)
