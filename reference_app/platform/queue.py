"""SQS: background jobs, at least once. A message that fails five times goes to the dead-letter queue."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from anyio import CapacityLimiter, to_thread
from botocore.exceptions import ClientError

from reference_app.platform import aws
from reference_app.platform.grouped import Grouped
from reference_app.settings import Settings

RECEIVES_BEFORE_DEAD_LETTER = 5
VISIBILITY_S = 60  # a photo takes well under a second; a killed worker's message comes back after this
ANSWER_WITHIN_S = 5  # longer than a worker waits for jobs
THREAD_WITHIN_S = 5.0
_MESSAGES_MAX = 10  # SQS gives and takes no more at a time
_GROUP_WAITS_S = 0.03  # a call of SQS takes about as long
_WANTED = ["SentTimestamp", "ApproximateReceiveCount"]


@dataclass(frozen=True)
class Received:
    """A job as it comes out of the queue; `tries` counts this one."""

    body: dict[str, Any]
    receipt: str
    sent_at: float  # seconds since the epoch
    tries: int

    @property
    def waited_s(self) -> float:
        """Since it was sent."""
        return max(0.0, time.time() - self.sent_at)


@dataclass(frozen=True)
class Backlog:
    """How many jobs wait or are being done, and how many were given up."""

    waiting: int
    dead: int


@dataclass(frozen=True)
class Queue:
    """A queue of JSON jobs. Its URL is looked up on first use, so that the app starts without SQS."""

    sqs: Any
    name: str
    # Threads of its own, as many as it has connections: no other work waits because this queue hangs.
    sending: CapacityLimiter

    @classmethod
    def connect(cls, settings: Settings) -> "Queue":
        sqs = aws.client("sqs", settings, answer_within_s=ANSWER_WITHIN_S)
        return cls(sqs, settings.queue_name, CapacityLimiter(aws.CONNECTIONS))

    def create(self) -> str:
        """Create the queue and its dead-letter queue where they are missing. Returns the queue's URL."""
        dead = self.sqs.create_queue(QueueName=self._dead_name)["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = {"deadLetterTargetArn": arn, "maxReceiveCount": str(RECEIVES_BEFORE_DEAD_LETTER)}
        attributes = {"VisibilityTimeout": str(VISIBILITY_S), "RedrivePolicy": json.dumps(redrive)}
        url: str = self.sqs.create_queue(QueueName=self.name, Attributes=attributes)["QueueUrl"]
        return url

    @cached_property
    def url(self) -> str:
        return self._url(self.name)

    @cached_property
    def dead_url(self) -> str:
        return self._url(self._dead_name)

    async def send(self, body: dict[str, Any]) -> None:
        """Raises what aws.Unavailable names when the queue is away, or takes less than comes; else what it refuses."""
        await self._sends.ask(json.dumps(body))

    @cached_property
    def _sends(self) -> Grouped[str, None]:
        return self._grouped("SendMessage", self.sqs.send_message_batch, "MessageBody")

    @cached_property
    def _dones(self) -> Grouped[str, None]:
        return self._grouped("DeleteMessage", self.sqs.delete_message_batch, "ReceiptHandle")

    def _grouped(self, what: str, call: Callable[..., Any], field: str) -> Grouped[str, None]:
        """`call` takes entries that have each text in this field."""

        def go(texts: Sequence[str]) -> Any:
            entries = [{"Id": str(number), field: text} for number, text in enumerate(texts)]
            return call(QueueUrl=self.url, Entries=entries)

        return Grouped(lambda texts: self._batch(what, go, texts), _MESSAGES_MAX, _GROUP_WAITS_S)

    async def _batch(
        self, what: str, call: Callable[[Sequence[str]], Any], texts: Sequence[str]
    ) -> list[Exception | None]:
        """For each text what SQS refused it with, or None."""
        job = object()
        try:
            async with asyncio.timeout(THREAD_WITHIN_S):
                await self.sending.acquire_on_behalf_of(job)
        except TimeoutError as error:
            raise aws.TooManyWait("jobs come faster than the queue takes them") from error
        try:
            # How many at once was decided above.
            answer = await to_thread.run_sync(call, texts, limiter=CapacityLimiter(1))
        finally:
            self.sending.release_on_behalf_of(job)
        problems: list[Exception | None] = [None] * len(texts)
        for failed in answer.get("Failed", ()):
            ours = failed["SenderFault"]
            problems[int(failed["Id"])] = ClientError({"Error": failed}, what) if ours else aws.Unwell(failed["Code"])
        return problems

    def receive(self, wait_s: int, at_most: int) -> list[Received]:
        """Some jobs; waits at most `wait_s` for the first."""
        answer = self.sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=min(at_most, _MESSAGES_MAX),
            WaitTimeSeconds=wait_s,
            AttributeNames=_WANTED,
        )
        return [_received(message) for message in answer.get("Messages", [])]

    async def done(self, job: Received) -> None:
        await self._dones.ask(job.receipt)

    async def again_after(self, job: Received, seconds: int) -> None:
        """Let it come back at another time than a job whose worker was killed."""
        await to_thread.run_sync(
            lambda: self.sqs.change_message_visibility(
                QueueUrl=self.url, ReceiptHandle=job.receipt, VisibilityTimeout=seconds
            ),
            limiter=self.sending,
        )

    def backlog(self) -> Backlog:
        return Backlog(self._messages(self.url), self._messages(self.dead_url))

    @property
    def _dead_name(self) -> str:
        return f"{self.name}-dead"

    def _messages(self, url: str) -> int:
        wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)["Attributes"]
        return sum(int(found[name]) for name in wanted)

    def _url(self, name: str) -> str:
        url: str = self.sqs.get_queue_url(QueueName=name)["QueueUrl"]
        return url


def _received(message: dict[str, Any]) -> Received:
    sent_ms, tries = (int(message["Attributes"][name]) for name in _WANTED)
    return Received(_body(message["Body"]), message["ReceiptHandle"], sent_ms / 1000, tries)


def _body(text: str) -> dict[str, Any]:
    """A job's body; empty for what is none of ours, which then fails until it is a dead letter."""
    try:
        body = json.loads(text)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
