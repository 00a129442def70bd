"""GET and PATCH /me, PUT /me/location, GET /profiles/{id}."""

from fastapi import APIRouter

from reference_app.auth.service import CurrentPerson
from reference_app.profiles.schemas import Location, Me, MeUpdate, ProfileAtDistance
from reference_app.profiles.service import Profiles

router = APIRouter(tags=["profiles"])


@router.get("/me")
async def get_me(person: CurrentPerson, profiles: Profiles) -> Me:
    return await profiles.me(person)


@router.patch("/me")
async def change_me(body: MeUpdate, person: CurrentPerson, profiles: Profiles) -> Me:
    return await profiles.update(person, body)


@router.put("/me/location", status_code=204)
async def move(body: Location, person: CurrentPerson, profiles: Profiles) -> None:
    await profiles.move(person, body)


@router.get("/profiles/{person_id}")
async def get_profile(person_id: str, person: CurrentPerson, profiles: Profiles) -> ProfileAtDistance:
    return await profiles.profile(person_id, viewer_id=person)
