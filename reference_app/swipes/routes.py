"""POST /swipes."""

from fastapi import APIRouter

from reference_app.auth.service import CurrentPerson
from reference_app.swipes.schemas import Swipe, SwipeRequest
from reference_app.swipes.service import Swipes

router = APIRouter(tags=["swipes"])


@router.post("/swipes", status_code=201)
async def swipe(body: SwipeRequest, person: CurrentPerson, swipes: Swipes) -> Swipe:
    return await swipes.swipe(person, body.target_id, body.like)
