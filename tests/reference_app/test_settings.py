"""The backend refuses to start unsafe."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from reference_app.auth.senders import TestSender, TwilioSender, sender
from reference_app.settings import Settings

SAFE = {"secret_key": "5e" * 32, "mongo_url": "mongodb://app:x@db", "redis_url": "rediss://:x@cache"}
TWILIO = {"otp_sender": "twilio", "twilio_account_sid": "AC1", "twilio_auth_token": "t", "twilio_from": "+1555"}


PRODUCTION = {"environment": "production", **SAFE, **TWILIO}


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


@pytest.mark.parametrize(
    ("setting", "value", "why"),
    [
        ("secret_key", "short", "MATCHDAY_SECRET_KEY is short"),
        ("mongo_url", "mongodb://db", "MATCHDAY_MONGO_URL has no password"),
        ("redis_url", "redis://cache", "MATCHDAY_REDIS_URL has no password"),
        ("cdn_purge_url", "http://cdn", "MATCHDAY_CDN_PURGE_SECRET has its public default"),
    ],
)
def test_production_refuses_what_would_do_on_a_laptop(setting: str, value: str, why: str) -> None:
    assert Settings.model_validate(PRODUCTION | {"mongo_url": "mongodb://db/?authMechanism=MONGODB-X509"})
    with pytest.raises(ValidationError, match=why):
        Settings.model_validate(PRODUCTION | {setting: value})


def test_settings_show_no_secret() -> None:
    secrets = {name: f"never-{name}" for name in ("otp_test_secret", "cdn_purge_secret", "aws_secret_access_key")}
    assert "never" not in repr(Settings.model_validate(SAFE | secrets))
    assert "5e5e" not in repr(Settings.model_validate(SAFE | secrets))


@pytest.mark.parametrize("program", ["reference_app", "reference_app.worker", "reference_app.population"])
def test_what_is_refused_is_said_in_a_sentence_without_what_was_given(program: str) -> None:
    environment = {"MATCHDAY_ENVIRONMENT": "production", "MATCHDAY_TWILIO_AUTH_TOKEN": "never-shown"}
    done = subprocess.run([sys.executable, "-m", program], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("The backend refuses its settings: environment 'production': MATCHDAY_OTP_SENDER")
    assert "never-shown" not in done.stderr


def test_the_sender_is_the_one_that_was_chosen() -> None:
    assert isinstance(sender(Settings()), TestSender)
    twilio = Settings.model_validate(PRODUCTION)
    assert isinstance(sender(twilio), TwilioSender)


def test_a_child_process_reads_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = Settings(slowdown={"GET /discovery": 0.1}, mongo_pool_size=7, redis_url="redis://127.0.0.1:1/0")
    for name, value in wanted.as_environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == wanted
