"""How clients of AWS are made: the real one, or an emulator when an endpoint is set."""

from http import HTTPStatus
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from reference_app.settings import Settings

CONNECTIONS = 10


class TooManyWait(Exception):
    """Calls come faster than a service answers them."""


class Unwell(Exception):
    """A service answers, and says that it cannot do its work now: an error of its own, or too many calls."""


# What S3 or SQS away looks like.
Unavailable = (BotoCoreError, TooManyWait, Unwell)
# The same, and what they refuse: no right to it, no such queue.
Failed = (*Unavailable, ClientError)
_TOO_MANY_CALLS = ("Throttl", "SlowDown", "OverLimit", "RequestLimitExceeded")  # in the code of a refusal


def client(service: str, settings: Settings, connections: int = CONNECTIONS, answer_within_s: int = 30) -> Any:
    """A boto3 client with short timeouts. Credentials come from boto3's usual places."""
    made = boto3.client(
        service,
        region_name=settings.aws_region,
        endpoint_url=settings.aws_endpoint_url,
        aws_access_key_id=settings.aws_access_key_id,
        aws_secret_access_key=settings.aws_secret_access_key,
        config=Config(
            connect_timeout=2,
            read_timeout=answer_within_s,
            max_pool_connections=connections,
            retries={"mode": "standard", "total_max_attempts": 2},
            signature_version="s3v4" if service == "s3" else None,  # presigned posts default to the old one
            s3={"addressing_style": "path" if settings.aws_endpoint_url else "auto"},
        ),
    )
    # boto3 raises the same ClientError for these and for what is refused for good.
    made.meta.events.register("after-call", _raise_when_unwell)
    return made


def _raise_when_unwell(http_response: Any, parsed: dict[str, Any], **_: Any) -> None:
    code = str(parsed.get("Error", {}).get("Code", ""))
    if http_response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or any(part in code for part in _TOO_MANY_CALLS):
        raise Unwell(f"HTTP {http_response.status_code} {code}")
