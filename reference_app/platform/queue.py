"""SQS: background jobs, at least once. A message that fails five times goes to the dead-letter queue."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from anyio import to_thread

from reference_app.platform import aws
from reference_app.settings import Settings

RECEIVES_BEFORE_DEAD_LETTER = 5
VISIBILITY_S = 60  # a photo takes well under a second; a killed worker's message comes back after this


@dataclass(frozen=True)
class Job:
    body: dict[str, Any]
    receipt: str


@dataclass(frozen=True)
class Queue:
    """A queue of JSON jobs. Its URL is looked up on first use, so that the app starts without SQS."""

    sqs: Any
    name: str

    @classmethod
    def connect(cls, settings: Settings) -> "Queue":
        return cls(aws.client("sqs", settings), settings.queue_name)

    def create(self) -> str:
        """Create the queue and its dead-letter queue where they are missing. Returns the queue's URL."""
        dead = self.sqs.create_queue(QueueName=f"{self.name}-dead")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = {"deadLetterTargetArn": arn, "maxReceiveCount": str(RECEIVES_BEFORE_DEAD_LETTER)}
        attributes = {"VisibilityTimeout": str(VISIBILITY_S), "RedrivePolicy": json.dumps(redrive)}
        url: str = self.sqs.create_queue(QueueName=self.name, Attributes=attributes)["QueueUrl"]
        return url

    @cached_property
    def url(self) -> str:
        url: str = self.sqs.get_queue_url(QueueName=self.name)["QueueUrl"]
        return url

    async def send(self, body: dict[str, Any]) -> None:
        await to_thread.run_sync(lambda: self.sqs.send_message(QueueUrl=self.url, MessageBody=json.dumps(body)))

    def receive(self, wait_s: int) -> Iterator[Job]:
        """Up to ten jobs; waits at most `wait_s` for the first."""
        answer = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_s)
        for message in answer.get("Messages", []):
            yield Job(_body(message["Body"]), message["ReceiptHandle"])

    def done(self, job: Job) -> None:
        self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=job.receipt)


def _body(text: str) -> dict[str, Any]:
    """A job's body; empty for what is none of ours, which then fails until it is a dead letter."""
    try:
        body = json.loads(text)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
