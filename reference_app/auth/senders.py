"""Who delivers one-time codes: Twilio in production, a test sender for local and staging use."""

import logging
import secrets
from http import HTTPStatus
from typing import Protocol

import httpx

from reference_app.errors import Invalid, StoreAway
from reference_app.settings import Settings
from scenarios.people import OTP_DIGITS, otp_test_code

log = logging.getLogger(__name__)


class OtpSender(Protocol):
    def code_for(self, phone: str) -> str:
        """A fresh code for `phone`."""

    async def send(self, phone: str, code: str) -> None:
        """Deliver it. Raises Invalid when this phone cannot be reached, StoreAway when nobody can now."""


class TwilioSender:
    """Twilio's Messages API."""

    def __init__(self, settings: Settings) -> None:
        self._from = settings.twilio_from
        self._url = f"{settings.twilio_base_url}/2010-04-01/Accounts/{settings.twilio_account_sid}/Messages.json"
        self._auth = (settings.twilio_account_sid, settings.twilio_auth_token)

    def code_for(self, phone: str) -> str:
        return f"{secrets.randbelow(10**OTP_DIGITS):0{OTP_DIGITS}d}"

    async def send(self, phone: str, code: str) -> None:
        form = {"To": phone, "From": self._from, "Body": f"Your Matchday code is {code}"}
        try:
            async with httpx.AsyncClient(auth=self._auth, timeout=10) as client:
                answer = await client.post(self._url, data=form)
        except httpx.HTTPError as error:
            log.warning("No SMS can be sent: %s", type(error).__name__)
            raise StoreAway from error
        if answer.status_code == HTTPStatus.BAD_REQUEST:  # no such number, a landline, a country we do not serve
            # Or our own number is wrong. Twilio has many codes for each, and asks not to decide by them.
            log.warning("Twilio refuses an SMS, code %s", _code_of(answer))
            raise Invalid("phone: no SMS can be sent to this number")
        if answer.is_error:
            log.error("Twilio answers %s", answer.status_code)
            raise StoreAway


def _code_of(answer: httpx.Response) -> object:
    """What Twilio says besides names the number."""
    try:
        return answer.json()["code"]
    except (ValueError, KeyError, TypeError):
        return "unknown"


class TestSender:
    """Sends nothing: whoever knows the secret can compute the code. Settings refuse it in production."""

    __test__ = False  # not a test case, whatever its name says to pytest

    def __init__(self, settings: Settings) -> None:
        self._secret = settings.otp_test_secret

    def code_for(self, phone: str) -> str:
        return otp_test_code(self._secret, phone)

    async def send(self, phone: str, code: str) -> None:
        pass


def sender(settings: Settings) -> OtpSender:
    return TwilioSender(settings) if settings.otp_sender == "twilio" else TestSender(settings)
