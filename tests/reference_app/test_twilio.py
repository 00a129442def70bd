"""The Twilio sender speaks Twilio's API: tried against a local server that records what it gets."""

import base64
from collections.abc import Iterator
from urllib.parse import parse_qs

import pytest

from reference_app.auth.senders import TwilioSender
from reference_app.errors import ApiError, Invalid, StoreAway
from reference_app.settings import Settings
from tests.answering import Service, answering


@pytest.fixture
def twilio() -> Iterator[Service]:
    with answering() as service:
        yield service


def sender(url: str) -> TwilioSender:
    return TwilioSender(
        Settings(twilio_account_sid="AC1", twilio_auth_token="token", twilio_from="+15550001", twilio_base_url=url)
    )


async def test_a_code_goes_out_as_a_message(twilio: Service) -> None:
    twilio.says(201)
    await sender(twilio.url).send("+15550002", "123456")
    (asked,) = twilio.asked
    assert asked.path == "/2010-04-01/Accounts/AC1/Messages.json"
    assert asked.authorization == "Basic " + base64.b64encode(b"AC1:token").decode()
    form = parse_qs(asked.body)
    assert (form["To"], form["From"]) == (["+15550002"], ["+15550001"])
    assert "123456" in form["Body"][0]


@pytest.mark.parametrize(("status", "refusal"), [(400, Invalid), (401, StoreAway), (429, StoreAway), (500, StoreAway)])
async def test_what_twilio_refuses_is_said(twilio: Service, status: int, refusal: type[ApiError]) -> None:
    twilio.says(status)
    with pytest.raises(refusal):
        await sender(twilio.url).send("+15550002", "123456")


@pytest.mark.parametrize(("answer", "code"), [({"code": 21606, "message": "+15550002"}, "21606"), ("", "unknown")])
async def test_a_refusal_is_in_the_log_by_its_code(
    twilio: Service, answer: object, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Our own number may be wrong. Twilio's message has the other's number in it."""
    twilio.says(400, answer)
    with pytest.raises(Invalid):
        await sender(twilio.url).send("+15550002", "123456")
    assert code in caplog.text
    assert "+15550002" not in caplog.text


async def test_twilio_may_be_away() -> None:
    with pytest.raises(StoreAway):
        await sender("http://127.0.0.1:1").send("+15550002", "123456")


def test_codes_are_random() -> None:
    codes = {sender("http://127.0.0.1:1").code_for("+1") for _ in range(50)}
    assert len(codes) > 40
    assert all(len(code) == 6 and code.isdigit() for code in codes)
