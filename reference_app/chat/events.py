"""Frames of the WebSocket, both ways."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from reference_app.auth.schemas import Body
from reference_app.chat.schemas import SEQ_MAX, ClientId, Message, Text


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
    seq: Annotated[int, Field(ge=1, le=SEQ_MAX)]


class Ping(Body):
    """Client: still here; keeps presence alive."""

    type: Literal["ping"]


ClientFrame: TypeAdapter[SendMessage | Delivered | Ping] = TypeAdapter(
    Annotated[SendMessage | Delivered | Ping, Field(discriminator="type")]
)


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


class UnmatchEvent(Body):
    type: Literal["unmatch"] = "unmatch"
    match_id: str


class Pong(Body):
    type: Literal["pong"] = "pong"


class Refused(Body):
    type: Literal["error"] = "error"
    code: str
    message: str


Event = MatchEvent | MessageEvent | Ack | Receipt | UnmatchEvent | Pong | Refused
