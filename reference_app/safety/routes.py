"""GET /blocks, PUT and DELETE /blocks/{id}, POST /reports; for moderators /moderation/..."""

from typing import Annotated

from fastapi import APIRouter, Query

from reference_app.auth.service import CurrentPerson
from reference_app.errors import Conflict, Forbidden, NotFound, NotSignedIn, refusals
from reference_app.safety.schemas import (
    Blocked,
    ModerationQueue,
    PhotoDecision,
    ReportDecision,
    ReportReceipt,
    ReportRequest,
)
from reference_app.safety.service import CurrentModerator, Moderation, Safety

router = APIRouter()
_OF_MODERATORS = refusals(NotSignedIn, Forbidden, NotFound)


@router.get("/blocks", tags=["safety"], responses=refusals(NotSignedIn))
async def list_blocked(person: CurrentPerson, safety: Safety) -> Blocked:
    return Blocked(person_ids=await safety.blocked_by(person))


@router.put(
    "/blocks/{person_id}", status_code=204, tags=["safety"], responses=refusals(NotSignedIn, NotFound, Conflict)
)
async def block(person_id: str, person: CurrentPerson, safety: Safety) -> None:
    """Neither sees the other any more. It ends their match, for good."""
    await safety.block(person, person_id)


@router.delete("/blocks/{person_id}", status_code=204, tags=["safety"], responses=refusals(NotSignedIn))
async def unblock(person_id: str, person: CurrentPerson, safety: Safety) -> None:
    await safety.unblock(person, person_id)


@router.post("/reports", status_code=201, tags=["safety"], responses=refusals(NotSignedIn, NotFound, Conflict))
async def report(body: ReportRequest, person: CurrentPerson, safety: Safety) -> ReportReceipt:
    """Tell the moderators. They see the conversation of the two."""
    return ReportReceipt(id=await safety.report(person, body.person_id, body.reason, body.note))


@router.get("/moderation/queue", tags=["moderation"], responses=refusals(NotSignedIn, Forbidden))
async def moderation_queue(
    _: CurrentModerator, moderation: Moderation, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> ModerationQueue:
    return await moderation.queue(limit)


@router.post("/moderation/photos/{photo_id}", status_code=204, tags=["moderation"], responses=_OF_MODERATORS)
async def decide_photo(photo_id: str, body: PhotoDecision, _: CurrentModerator, moderation: Moderation) -> None:
    await moderation.decide_photo(photo_id, body.approve)


@router.post("/moderation/reports/{report_id}", status_code=204, tags=["moderation"], responses=_OF_MODERATORS)
async def decide_report(
    report_id: str, body: ReportDecision, moderator: CurrentModerator, moderation: Moderation
) -> None:
    await moderation.decide_report(report_id, moderator, body.suspend, body.note)


@router.delete("/moderation/suspensions/{person_id}", status_code=204, tags=["moderation"], responses=_OF_MODERATORS)
async def lift_suspension(person_id: str, _: CurrentModerator, moderation: Moderation) -> None:
    await moderation.reinstate(person_id)
