"""Settings from the environment, `MATCHDAY_` before each name. Numbers carry their evidence beside them."""

import json
import re
from collections.abc import Iterator
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from scenarios.outcome import UsageError
from scenarios.people import LOCAL_OTP_SECRET

Network = IPv4Network | IPv6Network
LOCAL_SECRET = "for-local-use-only"
SECRET_LENGTH_MIN = 64
Secret = Annotated[str, Field(repr=False)]  # in no traceback, nor in a log of the settings
_CREDENTIALS = re.compile(r"://[^/@]*:[^/@]+@|authMechanism=")  # MongoDB's may be a certificate


class Service(StrEnum):
    """Parts of the backend that can run as processes of their own."""

    APP = "app"  # profiles, photos, devices, safety
    AUTH = "auth"
    MATCH = "match"  # discovery and swipes
    CHAT = "chat"  # matches, messages, sockets


class Settings(BaseSettings):
    """Where the servers are and how the backend behaves. Refuses to start unsafe outside local use."""

    model_config = SettingsConfigDict(env_prefix="MATCHDAY_", frozen=True, hide_input_in_errors=True)

    environment: Literal["local", "staging", "production"] = "local"
    services: list[Service] = list(Service)  # those that this process answers for
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    sentry_dsn: str = ""  # errors are sent there, without phone numbers, tokens, bodies or local variables
    secret_key: Secret = LOCAL_SECRET  # keys the HMAC of tokens, codes and phone numbers

    mongo_url: Secret = "mongodb://127.0.0.1:27017/?replicaSet=rs0"
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

    redis_url: Secret = "redis://127.0.0.1:6379/0"
    redis_pool_size: int = 50  # one Python core does about 10,000 operations/s, each in well under a millisecond
    redis_cluster: bool = False  # the URL is of one node; the others are found there

    aws_endpoint_url: str | None = None  # set for an emulator; unset means AWS itself
    upload_endpoint_url: str | None = None  # where phones reach S3, if not where we do (a container's name, say)
    aws_region: str = "us-east-1"
    aws_access_key_id: str | None = None  # unset: boto3's usual places (environment, profile, role)
    aws_secret_access_key: Annotated[str | None, Field(repr=False)] = None
    bucket: str = "matchday-photos"
    queue_name: str = "matchday-jobs"
    media_base_url: str = "/media"  # the CDN; relative to the API's host unless it is a full URL
    cdn_distribution_id: str | None = None  # CloudFront: told to forget what is deleted
    cdn_purge_url: str | None = None  # the nginx of the local stack, told the same
    cdn_purge_secret: Secret = LOCAL_SECRET
    upload_bytes_max: int = 8 * 2**20

    otp_sender: Literal["test", "twilio"] = "test"
    otp_test_secret: Secret = LOCAL_OTP_SECRET
    twilio_account_sid: str = ""
    twilio_auth_token: Secret = ""
    twilio_from: str = ""
    twilio_base_url: str = "https://api.twilio.com"

    push_provider: Literal["log", "fcm"] = "log"
    fcm_credentials_file: str = ""  # of a service account of the Firebase project
    fcm_base_url: str = "https://fcm.googleapis.com"

    moderator_phones: list[str] = []  # whoever signs in with one of these may decide on photos and reports
    likes_per_day: int = 100
    super_likes_per_day: int = 5

    slowdown: dict[str, float] = {}  # extra CPU of endpoints as a share: a release that got slower, to try gates with

    # Of each process. A heavy session is 20 requests a minute; an app that is opened sends ten at once.
    requests_per_min: int = 600  # of a session
    unknown_tokens_per_min: int = 60  # of an address: tokens and tickets that are none
    frames_per_10_s: int = 200  # of a socket; whoever comes back confirms a page of messages at once
    sockets_per_person: int = 10
    unlimited_addresses: tuple[Network, ...] = ()  # not counted by address: a load generator's, say
    trusted_proxies: list[str] = ["127.0.0.1"]  # whose X-Forwarded-For is believed
    allowed_origins: list[str] = []  # pages of browsers that may use the API; apps send no Origin

    session_ttl_s: int = 30 * 86_400
    presence_ttl_s: int = 60  # two missed pings of 25 s

    def as_environment(self) -> dict[str, str]:
        """The variables from which a child process reads the same settings."""
        return {
            f"MATCHDAY_{name.upper()}": json.dumps(value, default=str)
            if isinstance(value, dict | list | tuple)
            else str(value)
            for name, value in self
            if value is not None
        }

    def _weak(self) -> Iterator[str]:
        """What would do on a laptop."""
        if len(self.secret_key) < SECRET_LENGTH_MIN:
            yield f"MATCHDAY_SECRET_KEY is short; `openssl rand -hex 32` makes one of {SECRET_LENGTH_MIN} characters"
        for name, url in (("MONGO", self.mongo_url), ("REDIS", self.redis_url)):
            if not _CREDENTIALS.search(url):
                yield f"MATCHDAY_{name}_URL has no password: whoever reaches that server reads everything"

    @model_validator(mode="after")
    def _safe_where_it_matters(self) -> Self:
        problems = []
        if self.environment == "production" and self.otp_sender == "test":
            problems.append("MATCHDAY_OTP_SENDER=test lets anybody with its secret sign in as anyone; use twilio")
        if self.environment != "local" and self.secret_key == LOCAL_SECRET:
            problems.append("MATCHDAY_SECRET_KEY has its public default; set a random one")
        if self.environment != "local" and self.otp_sender == "test" and self.otp_test_secret == LOCAL_OTP_SECRET:
            problems.append("MATCHDAY_OTP_TEST_SECRET has its public default; set a random one")
        if self.environment != "local" and self.cdn_purge_url and self.cdn_purge_secret == LOCAL_SECRET:
            problems.append("MATCHDAY_CDN_PURGE_SECRET has its public default; set a random one")
        if self.environment == "production":
            problems += self._weak()
        if self.otp_sender == "twilio" and not (
            self.twilio_account_sid and self.twilio_auth_token and self.twilio_from
        ):
            problems.append("MATCHDAY_OTP_SENDER=twilio needs MATCHDAY_TWILIO_ACCOUNT_SID, _AUTH_TOKEN and _FROM")
        if self.push_provider == "fcm" and not Path(self.fcm_credentials_file).is_file():
            problems.append("MATCHDAY_PUSH_PROVIDER=fcm needs MATCHDAY_FCM_CREDENTIALS_FILE, a service account's JSON")
        if problems:
            raise ValueError(f"environment {self.environment!r}: " + "; ".join(problems))
        return self


def from_environment() -> Settings:
    """Raises UsageError when they are refused: what is wrong, without what was given."""
    try:
        return Settings()
    except (ValidationError, SettingsError) as error:
        problems = [str(error)] if isinstance(error, SettingsError) else [_said(problem) for problem in error.errors()]
        raise UsageError(f"The backend refuses its settings: {'; '.join(problems)}.") from error


def _said(problem: ErrorDetails) -> str:
    where = "".join(f"MATCHDAY_{str(name).upper()}: " for name in problem["loc"][:1])
    return where + problem["msg"].removeprefix("Value error, ")
