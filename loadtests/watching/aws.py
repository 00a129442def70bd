"""How clients of AWS are made for watching: a service that is slow to answer is left out, not waited for."""

from typing import Any

from scenarios.stack_info import AwsAccess


def client(service: str, access: AwsAccess, timeout_s: float, attempts: int = 1) -> Any:
    """A boto3 client; the real service's, or an emulator's where an endpoint is set."""
    import boto3  # not above: half a second, and most stacks have no AWS to watch
    from botocore.config import Config

    return boto3.client(
        service,
        region_name=access.region,
        endpoint_url=access.endpoint_url,
        aws_access_key_id=access.access_key_id,
        aws_secret_access_key=access.secret_access_key,
        config=Config(connect_timeout=timeout_s, read_timeout=timeout_s, retries={"total_max_attempts": attempts}),
    )
