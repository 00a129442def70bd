"""GET /matches, DELETE /matches/{id}, GET and POST /matches/{id}/messages, PUT /matches/{id}/read."""

from typing import Annotated

from fastapi import APIRouter, Query

from reference_app.auth.service import CurrentPerson
from reference_app.chat.schemas import SEQ_MAX, Matches, Message, MessageRequest, Messages, ReadUpTo
from reference_app.chat.service import Chat
from reference_app.errors import NotFound, NotSignedIn, refusals

router = APIRouter(prefix="/matches", tags=["chat"])
Limit = Annotated[int, Query(ge=1, le=200)]
_OF_ONE = refusals(NotSignedIn, NotFound)


@router.get("", responses=refusals(NotSignedIn))
async def list_matches(
    person: CurrentPerson, chat: Chat, limit: Limit = 50, after: Annotated[str, Query(max_length=200)] = ""
) -> Matches:
    """Standing matches, those with the latest news first. Whoever was away sees by `last_seq` what to ask for.

    `after` is the `next` of the page before.
    """
    return await chat.matches(person, limit, after)


@router.delete("/{match_id}", status_code=204, responses=_OF_ONE)
async def unmatch(match_id: str, person: CurrentPerson, chat: Chat) -> None:
    await chat.unmatch(match_id, person)


@router.get("/{match_id}/messages", responses=_OF_ONE)
async def read_messages(
    match_id: str,
    person: CurrentPerson,
    chat: Chat,
    after: Annotated[int, Query(ge=0, le=SEQ_MAX)] = 0,
    limit: Limit = 50,
) -> Messages:
    """Messages with a number above `after`: what a client asks for after it was away."""
    return Messages(messages=await chat.messages(match_id, person, after, limit))


@router.post("/{match_id}/messages", status_code=201, responses=_OF_ONE)
async def send_message(match_id: str, body: MessageRequest, person: CurrentPerson, chat: Chat) -> Message:
    return await chat.send(match_id, person, body.id, body.text)


@router.put("/{match_id}/read", status_code=204, responses=_OF_ONE)
async def mark_read(match_id: str, body: ReadUpTo, person: CurrentPerson, chat: Chat) -> None:
    """Everything up to `seq` has been looked at. The other side hears of it."""
    await chat.read(match_id, person, body.seq)
