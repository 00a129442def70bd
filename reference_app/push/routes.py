"""PUT /devices, DELETE /devices/{id}."""

from fastapi import APIRouter

from reference_app.auth.service import CurrentPerson
from reference_app.errors import NotFound, NotSignedIn, refusals
from reference_app.push.schemas import Device, DeviceRequest
from reference_app.push.service import Push

router = APIRouter(prefix="/devices", tags=["push"])


@router.put("", responses=refusals(NotSignedIn))
async def register_device(body: DeviceRequest, person: CurrentPerson, push: Push) -> Device:
    """Send notifications to this phone."""
    return Device(id=await push.register(person, body.token, body.system))


@router.delete("/{device_id}", status_code=204, responses=refusals(NotSignedIn, NotFound))
async def unregister_device(device_id: str, person: CurrentPerson, push: Push) -> None:
    await push.unregister(device_id, person)
