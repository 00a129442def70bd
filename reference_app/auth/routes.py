"""POST /auth/otp, POST /auth/session, DELETE /auth/session."""

from fastapi import APIRouter, Response

from reference_app.auth.schemas import OtpRequest, Session, SessionRequest
from reference_app.auth.service import Auth, BearerToken, CurrentPerson

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post("/otp", status_code=202)
async def send_code(body: OtpRequest, auth: Auth) -> Response:
    await auth.send_code(body.phone)
    return Response(status_code=202)


@router.post("/session", status_code=201)
async def sign_in(body: SessionRequest, auth: Auth) -> Session:
    token, person_id = await auth.sign_in(body.phone, body.code)
    return Session(token=token, person_id=person_id, expires_in_s=auth.settings.session_ttl_s)


@router.delete("/session", status_code=204)
async def sign_out(_: CurrentPerson, token: BearerToken, auth: Auth) -> None:
    await auth.sign_out(token)
