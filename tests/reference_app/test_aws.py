"""What S3 and SQS say of themselves, against a server that says it: being away passes, being refused does not."""

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from reference_app.platform import STORE_AWAY, Objects, Queue, aws
from reference_app.settings import Settings
from tests.answering import Service, answering

SLOW_DOWN, THROTTLED = "<Error><Code>SlowDown</Code></Error>", "<Error><Code>Throttling</Code></Error>"


@pytest.fixture
def service() -> Iterator[Service]:
    with answering() as service:
        yield service


def settings_for(service: Service) -> Settings:
    return Settings(aws_endpoint_url=service.url, aws_access_key_id="test", aws_secret_access_key="test")


@pytest.mark.parametrize(("status", "answer"), [(500, ""), (503, SLOW_DOWN), (400, THROTTLED)])
def test_a_store_that_is_unwell_is_away(service: Service, status: int, answer: str) -> None:
    service.says(status, answer)
    with pytest.raises(STORE_AWAY):
        Objects.connect(settings_for(service)).get("media/any")


async def test_a_store_that_is_unwell_does_not_say_that_nothing_is_there(service: Service) -> None:
    objects = Objects.connect(settings_for(service))
    service.says(503)
    with pytest.raises(STORE_AWAY):
        await objects.exists("media/any")
    service.says(404)
    assert not await objects.exists("media/any")


async def test_what_is_refused_is_no_outage(service: Service) -> None:
    service.says(403)
    with pytest.raises(ClientError):
        await Objects.connect(settings_for(service)).exists("media/any")
    service.says(400, {"__type": "com.amazonaws.sqs#QueueDoesNotExist"})
    with pytest.raises(ClientError):
        await Queue.connect(settings_for(service)).send({"job": "any"})


async def test_a_queue_that_is_unwell_is_away(service: Service) -> None:
    service.says(503)
    with pytest.raises(STORE_AWAY):
        await Queue.connect(settings_for(service)).send({"job": "any"})


@pytest.mark.parametrize(("sender_fault", "error"), [(False, aws.Unwell), (True, ClientError)])
async def test_a_job_of_a_batch_says_whose_fault_it_was(
    service: Service, sender_fault: bool, error: type[Exception]
) -> None:
    failed = {"Id": "0", "SenderFault": sender_fault, "Code": "InternalError", "Message": "We are sorry."}
    service.says(200, {"QueueUrl": service.url, "Successful": [], "Failed": [failed]})
    with pytest.raises(error):
        await Queue.connect(settings_for(service)).send({"job": "any"})
