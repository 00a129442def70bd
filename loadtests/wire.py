"""What goes over a person's WebSocket, as the reference backend speaks it. A backend of your own has a subclass.

`Frames` says where the socket is and how what is sent looks, and reads what comes into one of the types below.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadtests.client import Api


@dataclass(frozen=True)
class Letter:
    """A message of a conversation. `id` is the one it was sent with; `seq` counts within the match, from 1."""

    id: str
    match_id: str
    seq: int
    sender_id: str


@dataclass(frozen=True)
class Stored:
    """The backend has a message for good."""

    message_id: str
    seq: int


@dataclass(frozen=True)
class Receipt:
    """The other side has everything up to `seq`."""

    match_id: str
    seq: int


@dataclass(frozen=True)
class Matched:
    match_id: str
    other_id: str


@dataclass(frozen=True)
class CatchUp:
    """Something may have been missed since then: it is asked for by REST."""

    since: datetime


@dataclass(frozen=True)
class Refusal:
    """A frame was not accepted. `again`: it may be sent once more."""

    code: str
    message_id: str | None = None
    again: bool = False


Heard = Letter | Stored | Receipt | Matched | CatchUp | Refusal


class Frames:
    """One person's frames."""

    def __init__(self, host: str, api: "Api") -> None:
        self.host, self.api = host, api

    def address(self) -> tuple[str, list[str]]:
        """The URL of the socket, and the headers ("Name: value") that open it. Asked anew for each connection.

        What the API is asked for it is a request of its own; Refused ends the attempt.
        """
        ticket = f"Sec-WebSocket-Protocol: matchday, ticket.{self.api.socket_ticket()}"
        return f"{self.host.replace('http', 'ws', 1)}/ws", [ticket]

    def message(self, match_id: str, message_id: str, text: str) -> str:
        """Send a message. Its id must come back with it, to whoever receives it: it says when it was sent."""
        return json.dumps({"type": "message", "match_id": match_id, "id": message_id, "text": text})

    def delivered(self, match_id: str, seq: int) -> str | None:
        """Confirm what has come up to `seq`; None where a backend wants no such thing."""
        return json.dumps({"type": "delivered", "match_id": match_id, "seq": seq})

    def ping(self) -> str | None:
        """Sent now and then to be seen as online; None where WebSocket's own pings do."""
        return json.dumps({"type": "ping"})

    def heard(self, data: bytes) -> Heard | None:
        """What a frame says; None for what the load has no use for."""
        frame = json.loads(data)
        match frame["type"]:
            case "message":
                message = frame["message"]
                return Letter(message["id"], message["match_id"], message["seq"], message["sender_id"])
            case "ack":
                return Stored(frame["id"], frame["seq"])
            case "receipt":
                return Receipt(frame["match_id"], frame["seq"])
            case "match":
                return Matched(frame["match_id"], frame["with_id"])
            case "catch_up":  # the backend was deaf for a while
                return CatchUp(datetime.fromisoformat(frame["since"]))
            case "error" if frame["code"] == "not_found" and not frame.get("id"):
                return None  # a receipt for a match that the other has ended meanwhile: as with REST, no failure
            case "error":
                return Refusal(frame["code"], frame.get("id"), again=frame["code"] == "unavailable")
        return None
