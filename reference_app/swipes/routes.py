"""POST /swipes, DELETE /swipes/{id}."""

from fastapi import APIRouter

from reference_app.auth.service import CurrentPerson
from reference_app.errors import Conflict, LikesUsedUp, NotFound, NotSignedIn, refusals
from reference_app.swipes.schemas import Swipe, SwipeRequest
from reference_app.swipes.service import Swipes

router = APIRouter(prefix="/swipes", tags=["swipes"])


@router.post("", status_code=201, responses=refusals(NotSignedIn, NotFound, Conflict, LikesUsedUp))
async def swipe(body: SwipeRequest, person: CurrentPerson, swipes: Swipes) -> Swipe:
    """Like, pass or super-like. The first swipe on somebody stands; a retry is answered with it."""
    return await swipes.swipe(person, body.target_id, body.kind)


@router.delete("/{target_id}", status_code=204, responses=refusals(NotSignedIn, NotFound, Conflict))
async def undo_swipe(target_id: str, person: CurrentPerson, swipes: Swipes) -> None:
    """Take a swipe back, within five minutes and unless it made a match."""
    await swipes.undo(person, target_id)
