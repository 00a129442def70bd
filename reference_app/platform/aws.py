"""How clients of AWS are made: the real one, or an emulator when an endpoint is set."""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from reference_app.settings import Settings

CONNECTIONS = 10


class TooManyWait(Exception):
    """Calls come faster than a service answers them."""


# What S3 or SQS out of reach looks like; what they refuse is a ClientError.
Unavailable = (BotoCoreError, TooManyWait)


def client(service: str, settings: Settings, connections: int = CONNECTIONS, answer_within_s: int = 30) -> Any:
    """A boto3 client with short timeouts. Credentials come from boto3's usual places."""
    return boto3.client(
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
