"""The backend refuses to start unsafe."""

import pytest
from pydantic import ValidationError

from reference_app.auth.senders import TestSender, TwilioSender, sender
from reference_app.settings import Settings

TWILIO = {"otp_sender": "twilio", "twilio_account_sid": "AC1", "twilio_auth_token": "t", "twilio_from": "+1555"}


def test_production_refuses_the_test_sender_and_default_secrets() -> None:
    with pytest.raises(ValidationError, match="lets anybody with its secret sign in") as caught:
        Settings(environment="production")
    assert "MATCHDAY_SECRET_KEY has its public default" in str(caught.value)


def test_staging_refuses_a_public_test_secret() -> None:
    with pytest.raises(ValidationError, match="MATCHDAY_OTP_TEST_SECRET has its public default"):
        Settings(environment="staging", secret_key="random")
    assert Settings(environment="staging", secret_key="random", otp_test_secret="random").otp_sender == "test"


def test_twilio_needs_its_account() -> None:
    with pytest.raises(ValidationError, match="_AUTH_TOKEN and _FROM"):
        Settings(environment="production", secret_key="random", otp_sender="twilio")


def test_the_sender_is_the_one_that_was_chosen() -> None:
    assert isinstance(sender(Settings()), TestSender)
    twilio = Settings.model_validate({"environment": "production", "secret_key": "random", **TWILIO})
    assert isinstance(sender(twilio), TwilioSender)


def test_a_child_process_reads_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = Settings(slowdown={"GET /discovery": 0.1}, mongo_pool_size=7, redis_url="redis://127.0.0.1:1/0")
    for name, value in wanted.as_environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == wanted
