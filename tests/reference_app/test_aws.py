"""What S3 and SQS say of themselves, against a server that says it: being away passes, being refused does not."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError

from reference_app.platform import STORE_AWAY, Objects, Queue, aws
from reference_app.settings import Settings

SLOW_DOWN, THROTTLED = "<Error><Code>SlowDown</Code></Error>", "<Error><Code>Throttling</Code></Error>"


class Service(ThreadingHTTPServer):
    """Answers everything with the same."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.status, self.answer = 200, ""

    @property
    def settings(self) -> Settings:
        url = f"http://127.0.0.1:{self.server_port}"
        return Settings(aws_endpoint_url=url, aws_access_key_id="test", aws_secret_access_key="test")

    def says(self, status: int, answer: Any) -> None:
        self.status, self.answer = status, answer if isinstance(answer, str) else json.dumps(answer)


class Answering(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b"" if self.command == "HEAD" else self.server.answer.encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_HEAD = do_POST

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as service:
        thread = threading.Thread(target=service.serve_forever)
        thread.start()
        yield service
        service.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "answer"), [(500, ""), (503, SLOW_DOWN), (400, THROTTLED)])
def test_a_store_that_is_unwell_is_away(service: Service, status: int, answer: str) -> None:
    service.says(status, answer)
    with pytest.raises(STORE_AWAY):
        Objects.connect(service.settings).get("media/any")


async def test_a_store_that_is_unwell_does_not_say_that_nothing_is_there(service: Service) -> None:
    objects = Objects.connect(service.settings)
    service.says(503, "")
    with pytest.raises(STORE_AWAY):
        await objects.exists("media/any")
    service.says(404, "")
    assert not await objects.exists("media/any")


async def test_what_is_refused_is_no_outage(service: Service) -> None:
    service.says(403, "")
    with pytest.raises(ClientError):
        await Objects.connect(service.settings).exists("media/any")
    service.says(400, {"__type": "com.amazonaws.sqs#QueueDoesNotExist"})
    with pytest.raises(ClientError):
        await Queue.connect(service.settings).send({"job": "any"})


async def test_a_queue_that_is_unwell_is_away(service: Service) -> None:
    service.says(503, "")
    with pytest.raises(STORE_AWAY):
        await Queue.connect(service.settings).send({"job": "any"})


@pytest.mark.parametrize(("sender_fault", "error"), [(False, aws.Unwell), (True, ClientError)])
async def test_a_job_of_a_batch_says_whose_fault_it_was(
    service: Service, sender_fault: bool, error: type[Exception]
) -> None:
    failed = {"Id": "0", "SenderFault": sender_fault, "Code": "InternalError", "Message": "We are sorry."}
    service.says(200, {"QueueUrl": service.settings.aws_endpoint_url, "Successful": [], "Failed": [failed]})
    with pytest.raises(error):
        await Queue.connect(service.settings).send({"job": "any"})
