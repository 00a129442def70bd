"""Settings from the environment, `MATCHDAY_` before each name. Numbers carry their evidence beside them."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Literal, Self

from pydantic import model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from scenarios.people import LOCAL_OTP_SECRET

LOCAL_SECRET = "for-local-use-only"


class Service(StrEnum):
    """Parts of the backend that can run as processes of their own."""

    APP = "app"  # profiles, photos, devices, safety
    AUTH = "auth"
    MATCH = "match"  # discovery and swipes
    CHAT = "chat"  # matches, messages, sockets


class Settings(BaseSettings):
    """Where the servers are and how the backend behaves. Refuses to start unsafe outside local use."""

    model_config = SettingsConfigDict(env_prefix="MATCHDAY_", frozen=True)

    environment: Literal["local", "staging", "production"] = "local"
    services: list[Service] = list(Service)  # those that this process answers for
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    sentry_dsn: str = ""  # errors are sent there, without phone numbers, tokens, bodies or local variables
    secret_key: str = LOCAL_SECRET  # keys the HMAC of tokens, codes and phone numbers

    mongo_url: str = "mongodb://127.0.0.1:27017/?replicaSet=rs0"
    mongo_database: str = "matchday"
    mongo_driver: Literal["pymongo", "motor"] = "pymongo"
    mongo_pool_size: int = 50  # one Python core does about 3,000 operations/s: 50 in flight is past its knee
    stale_reads_from: Literal["primary", "secondaries"] = "primary"  # what a moment ago was true does for a deck
    mongo_timeout_ms: int = 10_000  # drivers hang without it when a primary freezes

    # The answers to the bottlenecks that the plan foresees; off shows what each is worth (docs/bottlenecks.md).
    group_commit: bool = True  # swipes and messages that arrive together are committed together
    decks: bool = True  # computed ahead and kept in Redis; else for each request
    geo_index: bool = True  # else everybody is looked at to find those who are near
    session_store: bool = True  # sessions are cached in Redis; else every request asks MongoDB
    sharded_channels: bool = True  # a node of a Redis cluster carries its share of events; needs Redis 7 or Valkey
    cdn: bool = True  # the local nginx caches pictures

    redis_url: str = "redis://127.0.0.1:6379/0"
    redis_pool_size: int = 50  # one Python core does about 10,000 operations/s, each in well under a millisecond
    redis_cluster: bool = False  # the URL is of one node; the others are found there

    aws_endpoint_url: str | None = None  # set for an emulator; unset means AWS itself
    upload_endpoint_url: str | None = None  # where phones reach S3, if not where we do (a container's name, say)
    aws_region: str = "us-east-1"
    aws_access_key_id: str | None = None  # unset: boto3's usual places (environment, profile, role)
    aws_secret_access_key: str | None = None
    bucket: str = "matchday-photos"
    queue_name: str = "matchday-jobs"
    media_base_url: str = "/media"  # the CDN; relative to the API's host unless it is a full URL
    cdn_distribution_id: str | None = None  # CloudFront: told to forget what is deleted
    cdn_purge_url: str | None = None  # the nginx of the local stack, told the same
    cdn_purge_secret: str = LOCAL_SECRET
    upload_bytes_max: int = 8 * 2**20

    otp_sender: Literal["test", "twilio"] = "test"
    otp_test_secret: str = LOCAL_OTP_SECRET
    twilio_account_sid: str = ""
    twilio_auth_token: str = ""
    twilio_from: str = ""
    twilio_base_url: str = "https://api.twilio.com"

    push_provider: Literal["log", "fcm"] = "log"
    fcm_credentials_file: str = ""  # of a service account of the Firebase project
    fcm_base_url: str = "https://fcm.googleapis.com"

    moderator_phones: list[str] = []  # whoever signs in with one of these may decide on photos and reports
    likes_per_day: int = 100
    super_likes_per_day: int = 5

    slowdown: dict[str, float] = {}  # extra CPU of endpoints as a share: a release that got slower, to try gates with

    session_ttl_s: int = 30 * 86_400
    presence_ttl_s: int = 60  # two missed pings of 25 s

    def as_environment(self) -> dict[str, str]:
        """The variables from which a child process reads the same settings."""
        return {
            f"MATCHDAY_{name.upper()}": json.dumps(value) if isinstance(value, dict | list) else str(value)
            for name, value in self
            if value is not None
        }

    @model_validator(mode="after")
    def _safe_where_it_matters(self) -> Self:
        problems = []
        if self.environment == "production" and self.otp_sender == "test":
            problems.append("MATCHDAY_OTP_SENDER=test lets anybody with its secret sign in as anyone; use twilio")
        if self.environment != "local" and self.secret_key == LOCAL_SECRET:
            problems.append("MATCHDAY_SECRET_KEY has its public default; set a random one")
        if self.environment != "local" and self.otp_sender == "test" and self.otp_test_secret == LOCAL_OTP_SECRET:
            problems.append("MATCHDAY_OTP_TEST_SECRET has its public default; set a random one")
        if self.otp_sender == "twilio" and not (
            self.twilio_account_sid and self.twilio_auth_token and self.twilio_from
        ):
            problems.append("MATCHDAY_OTP_SENDER=twilio needs MATCHDAY_TWILIO_ACCOUNT_SID, _AUTH_TOKEN and _FROM")
        if self.push_provider == "fcm" and not Path(self.fcm_credentials_file).is_file():
            problems.append("MATCHDAY_PUSH_PROVIDER=fcm needs MATCHDAY_FCM_CREDENTIALS_FILE, a service account's JSON")
        if problems:
            raise ValueError(f"environment {self.environment!r}: " + "; ".join(problems))
        return self
