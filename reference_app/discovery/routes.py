"""GET /discovery."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from reference_app.auth.service import CurrentPerson
from reference_app.discovery.schemas import Deck
from reference_app.discovery.service import Discovery
from reference_app.errors import Conflict, NotSignedIn, refusals

router = APIRouter(tags=["discovery"])


@router.get("/discovery", responses={200: {"model": Deck}, **refusals(NotSignedIn, Conflict)})
async def next_cards(
    person: CurrentPerson, discovery: Discovery, limit: Annotated[int, Query(ge=1, le=50)] = 20
) -> Response:
    """The next people to swipe on: near, wanted, wanting, never seen before."""
    return Response(await discovery.next_cards(person, limit), media_type="application/json")
