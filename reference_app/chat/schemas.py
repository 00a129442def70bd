"""Matches and messages as the API shows them."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from reference_app.bodies import ANNA, THEIR_MATCH, Body, example, example_of
from reference_app.profiles.schemas import Profile

SEQ_MAX = 2**53  # what every JSON reader can count to
ClientId = Annotated[str, Field(min_length=8, max_length=64)]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
Seq = Annotated[int, Field(ge=1, le=SEQ_MAX)]
_CLIENT_ID, _SENT_AT = "5f1c2b9e-0d41-4f7c", "2026-11-23T20:15:00.250000Z"


class MessageRequest(Body):
    """`id` is the client's own, one of its own messages: sending it again stores nothing new."""

    model_config = example(id=_CLIENT_ID, text="How was your day?")

    id: ClientId
    text: Text


class Message(BaseModel):
    """`seq` counts from 1 within a match, in the order of the server."""

    model_config = example(
        id=_CLIENT_ID, match_id=THEIR_MATCH, seq=3, sender_id=ANNA, text="How was your day?", sent_at=_SENT_AT
    )

    id: str
    match_id: str
    seq: int
    sender_id: str
    text: str
    sent_at: datetime


class Messages(BaseModel):
    model_config = example(messages=[example_of(Message)])

    messages: list[Message]


class ReadUpTo(Body):
    model_config = example(seq=3)

    seq: Seq


class LastMessage(BaseModel):
    model_config = example(sender_id=ANNA, text="How was your day?", sent_at=_SENT_AT)

    sender_id: str
    text: str
    sent_at: datetime


class Match(BaseModel):
    """A conversation. `read_seq` is how far oneself has read; the other two, what the other side has and has read."""

    model_config = example(
        id=THEIR_MATCH,
        with_profile=example_of(Profile),
        online=True,
        matched_at="2026-11-23T20:01:00.000000Z",
        last_message=example_of(LastMessage),
        last_seq=3,
        read_seq=3,
        delivered_to_other_seq=3,
        read_by_other_seq=2,
    )

    id: str
    with_profile: Profile
    online: bool
    matched_at: datetime
    last_message: LastMessage | None
    last_seq: int
    read_seq: int
    delivered_to_other_seq: int
    read_by_other_seq: int


class Matches(BaseModel):
    """`next` is there when there are more: for `GET /matches?after=`."""

    model_config = example(matches=[example_of(Match)], next=f"2026-11-23T20:15:00.250000Z/{THEIR_MATCH}")

    matches: list[Match]
    next: str | None = None
