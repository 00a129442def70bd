"""POST /auth/otp, POST and DELETE /auth/session, POST /auth/ticket."""

from fastapi import APIRouter, Request, Response

from reference_app.auth.schemas import OtpRequest, Session, SessionRequest, Ticket
from reference_app.auth.service import Auth, BearerToken, CurrentPerson
from reference_app.auth.store import TICKET_TTL_S
from reference_app.errors import NotSignedIn, Suspended, refusals
from reference_app.platform.addresses import address_of

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post("/otp", status_code=202, response_class=Response, responses=refusals())
async def send_code(body: OtpRequest, request: Request, auth: Auth) -> None:
    """Send a one-time code by SMS. The answer is the same whether the phone is known or not."""
    await auth.send_code(body.phone, address_of(request))


@router.post("/session", status_code=201, responses=refusals(NotSignedIn, Suspended))
async def sign_in(body: SessionRequest, request: Request, auth: Auth) -> Session:
    """Exchange the code for a session. Whoever is new gets an account."""
    token, person_id = await auth.sign_in(body.phone, body.code, address_of(request))
    return Session(token=token, person_id=person_id, expires_in_s=auth.settings.session_ttl_s)


@router.delete("/session", status_code=204, responses=refusals(NotSignedIn))
async def sign_out(person: CurrentPerson, token: BearerToken, auth: Auth) -> None:
    await auth.sign_out(person, token)


@router.post("/ticket", status_code=201, responses=refusals(NotSignedIn))
async def socket_ticket(person: CurrentPerson, token: BearerToken, auth: Auth) -> Ticket:
    """What opens a socket. It goes where browsers can put it and no log keeps it: among the subprotocols."""
    return Ticket(ticket=await auth.ticket_for(person, token), expires_in_s=TICKET_TTL_S)
