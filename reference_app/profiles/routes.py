"""GET and PATCH /me, PUT /me/location, GET /profiles/{id}."""

from fastapi import APIRouter

from reference_app.auth.service import CurrentPerson
from reference_app.errors import NotFound, NotSignedIn, refusals
from reference_app.profiles.schemas import Location, Me, MeUpdate, ProfileAtDistance
from reference_app.profiles.service import Profiles

router = APIRouter(tags=["profiles"])


@router.get("/me", responses=refusals(NotSignedIn))
async def get_me(person: CurrentPerson, profiles: Profiles) -> Me:
    return await profiles.me(person)


@router.patch("/me", responses=refusals(NotSignedIn))
async def change_me(body: MeUpdate, person: CurrentPerson, profiles: Profiles) -> Me:
    return await profiles.update(person, body)


@router.put("/me/location", status_code=204, responses=refusals(NotSignedIn))
async def move(body: Location, person: CurrentPerson, profiles: Profiles) -> None:
    """Where the phone is. Others see a distance in whole kilometres, never the place."""
    await profiles.move(person, body)


@router.get("/profiles/{person_id}", responses=refusals(NotSignedIn, NotFound))
async def get_profile(person_id: str, person: CurrentPerson, profiles: Profiles) -> ProfileAtDistance:
    return await profiles.profile(person_id, viewer_id=person)
