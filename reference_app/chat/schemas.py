"""Matches and messages as the API shows them."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from reference_app.auth.schemas import Body
from reference_app.profiles.schemas import Profile

SEQ_MAX = 2**53  # what every JSON reader can count to
ClientId = Annotated[str, Field(min_length=8, max_length=64, examples=["5f1c2b9e-0d41-4f7c"])]
Text = Annotated[str, Field(min_length=1, max_length=2000)]


class MessageRequest(Body):
    id: ClientId
    text: Text


class Message(BaseModel):
    """`seq` counts from 1 within a match, in the order of the server."""

    id: str
    match_id: str
    seq: int
    sender_id: str
    text: str
    sent_at: datetime


class Messages(BaseModel):
    messages: list[Message]


class Match(BaseModel):
    id: str
    with_profile: Profile
    online: bool
    matched_at: datetime
    last_seq: int


class Matches(BaseModel):
    matches: list[Match]
