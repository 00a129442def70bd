"""Signing in and out, and who is asking."""

import hmac
import secrets
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from reference_app.auth.senders import OtpSender
from reference_app.auth.store import AuthStore, keyed_hash
from reference_app.chat.hub import Fanout
from reference_app.dependencies import made_by, once_an_app
from reference_app.errors import ApiError, NotSignedIn, Suspended, TooManyRequests
from reference_app.platform import Platform, platform_of
from reference_app.platform.addresses import address_of, network_of
from reference_app.platform.limits import InProcess, Limit
from reference_app.profiles.store import ProfileStore
from reference_app.settings import Settings

_SIGN_IN_FIRST = "Sign in first: the session is unknown or has ended."
_WRONG_CODE = "The code is wrong or has expired."


@dataclass(frozen=True)
class AuthService:
    settings: Settings
    store: AuthStore
    profiles: ProfileStore
    sender: OtpSender
    fanout: Fanout
    requests: InProcess  # of each session
    strangers: InProcess  # unknown tokens and tickets, of each address

    def _hash(self, purpose: str, text: str) -> str:
        # The purpose keeps a phone's hash from ever equalling a code's or a token's.
        return keyed_hash(self.settings.secret_key, f"{purpose}:{text}")

    async def send_code(self, phone: str, address: str | None) -> None:
        """Send a code. The answer is the same whether the phone is known or not."""
        phone_hmac = self._hash("phone", phone)
        if wait_s := await self.store.take_send(phone_hmac, self._counted(address)):
            raise TooManyRequests("Too many codes were asked for, by this phone or from here.", wait_s)
        code = self.sender.code_for(phone)
        await self.store.put_code(phone_hmac, self._hash("code", phone + code))
        await self.sender.send(phone, code)

    async def sign_in(self, phone: str, code: str, address: str | None) -> tuple[str, str]:
        """Exchange a code for a session. Returns (token, person id)."""
        phone_hmac = self._hash("phone", phone)
        if wait_s := await self.store.take_check(phone_hmac, self._counted(address)):
            raise TooManyRequests("Too many codes were tried, for this phone or from here; ask for a new one.", wait_s)
        if not hmac.compare_digest(await self.store.code(phone_hmac), self._hash("code", phone + code)):
            raise NotSignedIn(_WRONG_CODE)
        account = await self.store.account(phone_hmac)
        if account.get("suspended_at"):
            raise Suspended
        person_id = str(account["_id"])
        await self.profiles.ensure(person_id)
        token = secrets.token_urlsafe(32)
        session = self.session_of(token)
        await self.store.put_session(session, person_id, self.settings.session_ttl_s)
        if refusal := await self._refusal(phone_hmac, person_id):
            await self.store.end_session(session)
            raise refusal
        return token, person_id

    async def _refusal(self, phone_hmac: str, person_id: str) -> ApiError | None:
        """Why a session must not be, though it is stored already."""
        # Whoever suspends or deletes an account at this moment may not have seen the session.
        account = await self.store.account_of(person_id) or {}
        if account.get("suspended_at"):
            return Suspended()
        if account.get("phone_hmac") != phone_hmac:
            return NotSignedIn("This account has just been deleted.")
        # Spent last: when anything before has failed, the same code can be tried again.
        return None if await self.store.use_code(phone_hmac) else NotSignedIn(_WRONG_CODE)

    async def sign_out(self, person: str, token: str) -> None:
        """End this session, and the sockets that were opened with it."""
        session = self.session_of(token)
        await self.store.end_session(session)
        await self.fanout.end_session(person, session)

    def session_of(self, token: str) -> str:
        """The session's id: it does not tell the token."""
        return self._hash("token", token)

    async def is_moderator(self, person: str) -> bool:
        """By the settings, asked each time: whoever is taken out of them is no moderator any more."""
        account = await self.store.account_of(person)
        moderators = {self._hash("phone", phone) for phone in self.settings.moderator_phones}
        return account is not None and account["phone_hmac"] in moderators

    async def person_of(self, token: str, address: str | None) -> str:
        """Whose token it is. Raises NotSignedIn for a token that is unknown or has ended, TooManyRequests."""
        session = self.session_of(token)
        if self.requests.used_up(session):
            raise TooManyRequests("Too many requests; slow down.", self.requests.left_s)
        person_id = await self.store.session(session)
        if person_id is None:
            raise self._unknown(address, _SIGN_IN_FIRST)
        self.requests.take(session)
        return person_id

    async def person_in(self, session: str) -> str:
        """Whose session it is. Raises NotSignedIn when it is unknown or has ended."""
        person_id = await self.store.session(session)
        if person_id is None:
            raise NotSignedIn(_SIGN_IN_FIRST)
        return person_id

    async def ticket_for(self, person: str, token: str) -> str:
        """What opens one socket of this session."""
        ticket = secrets.token_urlsafe(32)
        await self.store.put_ticket(self._hash("ticket", ticket), person, self.session_of(token))
        return ticket

    async def redeem(self, ticket: str, address: str | None) -> tuple[str, str]:
        """(person id, session) of a ticket, once; the session may have ended. Raises NotSignedIn, TooManyRequests."""
        found = await self.store.use_ticket(self._hash("ticket", ticket))
        if found is None:
            raise self._unknown(
                address, "Ask for a ticket with POST /auth/ticket, and open the socket with it at once."
            )
        return found

    def _unknown(self, address: str | None, message: str) -> ApiError:
        """Count a token or ticket that is none. Returns the refusal."""
        counted = self._counted(address)
        if counted and not self.strangers.take(counted):
            return TooManyRequests("Too many unknown tokens came from here.", self.strangers.left_s)
        return NotSignedIn(message)

    def _counted(self, address: str | None) -> str | None:
        """The address as it is counted; None when it is not."""
        return network_of(address, self.settings.unlimited_addresses) if address else None


def auth_service_on(platform: Platform, sender: OtpSender) -> AuthService:
    return AuthService(
        platform.settings,
        AuthStore.on(platform),
        ProfileStore(platform.db),
        sender,
        Fanout.on(platform),
        InProcess(Limit(platform.settings.requests_per_min, 60)),
        InProcess(Limit(platform.settings.unknown_tokens_per_min, 60)),
    )


@once_an_app
def auth_service(connection: HTTPConnection) -> AuthService:
    return auth_service_on(platform_of(connection), connection.app.state.otp_sender)


class _Bearer(SecurityBase):
    """The token of a request. A class, so that the OpenAPI document says which operations want one."""

    model = HTTPBearer(description="The session's token, as POST /auth/session gives it.")
    scheme_name = "session"

    async def __call__(self, connection: HTTPConnection) -> str:
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise NotSignedIn("Send the session's token as `Authorization: Bearer <token>`.")
        return token


bearer_token = _Bearer()


Auth = Annotated[AuthService, made_by(auth_service)]
BearerToken = Annotated[str, Depends(bearer_token)]


async def current_person(connection: HTTPConnection, auth: Auth, token: BearerToken) -> str:
    return await auth.person_of(token, address_of(connection))


CurrentPerson = Annotated[str, Depends(current_person)]
