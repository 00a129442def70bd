"""POST /auth/otp, POST /auth/session, DELETE /auth/session."""

from fastapi import APIRouter, Response

from reference_app.auth.schemas import OtpRequest, Session, SessionRequest
from reference_app.auth.service import Auth, BearerToken, CurrentPerson
from reference_app.errors import NotSignedIn, Suspended, TooManyRequests, refusals

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post("/otp", status_code=202, response_class=Response, responses=refusals(TooManyRequests))
async def send_code(body: OtpRequest, auth: Auth) -> None:
    """Send a one-time code by SMS. The answer is the same whether the phone is known or not."""
    await auth.send_code(body.phone)


@router.post("/session", status_code=201, responses=refusals(NotSignedIn, Suspended, TooManyRequests))
async def sign_in(body: SessionRequest, auth: Auth) -> Session:
    """Exchange the code for a session. Whoever is new gets an account."""
    token, person_id = await auth.sign_in(body.phone, body.code)
    return Session(token=token, person_id=person_id, expires_in_s=auth.settings.session_ttl_s)


@router.delete("/session", status_code=204, responses=refusals(NotSignedIn))
async def sign_out(person: CurrentPerson, token: BearerToken, auth: Auth) -> None:
    await auth.sign_out(person, token)
