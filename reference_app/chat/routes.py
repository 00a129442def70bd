"""GET /matches, DELETE /matches/{id}, GET and POST /matches/{id}/messages."""

from typing import Annotated

from fastapi import APIRouter, Query

from reference_app.auth.service import CurrentPerson
from reference_app.chat.schemas import SEQ_MAX, Matches, Message, MessageRequest, Messages
from reference_app.chat.service import Chat

router = APIRouter(prefix="/matches", tags=["chat"])
Limit = Annotated[int, Query(ge=1, le=200)]


@router.get("")
async def list_matches(person: CurrentPerson, chat: Chat, limit: Limit = 50) -> Matches:
    return Matches(matches=await chat.matches(person, limit))


@router.delete("/{match_id}", status_code=204)
async def unmatch(match_id: str, person: CurrentPerson, chat: Chat) -> None:
    await chat.unmatch(match_id, person)


@router.get("/{match_id}/messages")
async def read_messages(
    match_id: str,
    person: CurrentPerson,
    chat: Chat,
    after: Annotated[int, Query(ge=0, le=SEQ_MAX)] = 0,
    limit: Limit = 50,
) -> Messages:
    """Messages with a number above `after`: what a client asks for after it was away."""
    return Messages(messages=await chat.messages(match_id, person, after, limit))


@router.post("/{match_id}/messages", status_code=201)
async def send_message(match_id: str, body: MessageRequest, person: CurrentPerson, chat: Chat) -> Message:
    return await chat.send(match_id, person, body.id, body.text)
