"""The doors: bodies, slow clients, headers, what is hidden in production. OWASP API4, API8, API9."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from reference_app.app import create_app
from reference_app.platform.bodies import BYTES_MAX, Bodies
from reference_app.settings import Service, Settings
from reference_app.stack import LocalStack, apps
from reference_app.stack.process import free_port
from tests.reference_app.conftest import Backend, Somebody, sign_in_with
from tests.reference_app.test_settings import PRODUCTION

DOCUMENT: dict[str, Any] = create_app(Settings(), list(Service)).openapi()


def app_of(stack: LocalStack) -> str:
    """The app itself, without the proxy that has limits of its own."""
    return str(stack.info.prometheus[0].url).removesuffix("/metrics")


def requested_bodies() -> list[str]:
    found = set()
    for methods in DOCUMENT["paths"].values():
        for operation in methods.values():
            if body := operation.get("requestBody"):
                found.add(body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2])
    return sorted(found)


@pytest.mark.parametrize("name", requested_bodies())
def test_a_body_has_no_more_fields_than_it_says(name: str) -> None:
    assert DOCUMENT["components"]["schemas"][name]["additionalProperties"] is False


@pytest.mark.parametrize("field", ["is_admin", "verified", "moderator", "hidden", "_id", "phone", "photos", "blocked"])
async def test_nobody_gives_themselves_what_is_not_theirs_to_give(anna: Somebody, field: str) -> None:
    before = (await anna.http.get("/me")).json()
    refused = await anna.http.patch("/me", json={"bio": "New.", field: True})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "invalid")
    assert (await anna.http.get("/me")).json() == before


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_long_body_is_refused_by_the_app_itself(anna: Somebody, stack: LocalStack, chunked: bool) -> None:
    body = json.dumps({"bio": "x" * BYTES_MAX}).encode()

    async def pieces() -> Any:
        for start in range(0, len(body), 8192):
            yield body[start : start + 8192]

    headers = {**anna.http.headers, "Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=app_of(stack), headers=headers) as http:
        refused = await http.patch("/me", content=pieces() if chunked else body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (413, "content_too_large")
        assert (await http.get("/me")).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"bio": "\xff\xfe"}',
        b'{"bio": "\\ud800"}',
        b"\x00",
        b"1e400",
        b'{"bio": ' + b"9" * 5_000 + b"}",
        b"null",
        b"NaN",
    ],
    ids=lambda body: body[:12].decode(errors="replace"),
)
async def test_a_body_that_is_hard_to_read_is_refused_as_any_other(anna: Somebody, body: bytes) -> None:
    refused = await anna.http.patch("/me", content=body, headers={"Content-Type": "application/json"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "invalid")


async def test_what_is_no_http_is_refused_as_the_document_says(stack: LocalStack) -> None:
    (described,) = DOCUMENT["paths"]["/discovery"]["get"]["responses"]["400"]["content"]
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(app_of(stack)).port)
    writer.write(b"GET /discovery HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n\r\n")
    refused = (await reader.read()).decode()
    writer.close()
    assert refused.startswith("HTTP/1.1 400 ")
    assert f"content-type: {described};" in refused


async def test_a_thousand_mistakes_are_not_told_one_by_one(anna: Somebody) -> None:
    refused = await anna.http.patch("/me", json={f"no-such-{number}": 1 for number in range(1000)})
    assert refused.status_code == 422
    assert refused.json()["error"]["message"].endswith("; and 995 more")


@pytest.mark.parametrize("name", ["\u202e\u200b", " ", "..."])
async def test_a_name_can_be_seen(anna: Somebody, name: str) -> None:
    assert (await anna.http.patch("/me", json={"name": name})).status_code == 422


async def test_ids_of_people_do_not_count(backend: Backend) -> None:
    """Neither a number nor a time: whoever has one cannot guess the next."""
    ids = [(await sign_in_with(backend, f"+9996{number:08d}")).id for number in range(8)]
    for start in range(0, 24, 6):
        assert len({person[start : start + 6] for person in ids}) == len(ids)


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    app = Bodies(create_app(Settings(), [Service.AUTH]), within_s=0.05)
    sent: list[Any] = []
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/auth/otp",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"26")],
        "client": ("203.0.113.7", 1),
        "server": ("testserver", 80),
        "scheme": "http",
    }
    first = True

    async def receive() -> dict[str, Any]:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": b'{"phone":', "more_body": True}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"])["error"]["code"] == "request_timeout"


@pytest.mark.slow
@pytest.mark.parametrize("sent", [b"POST /auth/otp HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n", b""], ids=["headers", "nothing"])
async def test_many_who_send_a_letter_now_and_then_are_hung_up_on(
    anna: Somebody, stack: LocalStack, sent: bytes
) -> None:
    """Slowloris, at the proxy: everybody else is served meanwhile, and the slow ones go within the time-out."""
    host, port = stack.host.removeprefix("http://").split(":")
    connections = [await asyncio.open_connection(host, int(port)) for _ in range(300)]
    for _, writer in connections:
        writer.write(sent)
    start_s = time.monotonic()
    took_s = []
    for _ in range(20):
        asked_s = time.monotonic()
        assert (await anna.http.get("/me")).status_code == 200
        took_s.append(time.monotonic() - asked_s)
    assert sorted(took_s)[10] < 1
    for reader, writer in connections:
        async with asyncio.timeout(90):
            await reader.read()  # until the proxy closes it
        writer.close()
    assert time.monotonic() - start_s < 90


async def test_answers_are_not_kept_nor_guessed_at(anna: Somebody) -> None:
    for path in ("/me", "/discovery", "/nowhere"):
        answer = await anna.http.get(path)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers.get_list("Content-Type") == ["application/json"]
        assert "uvicorn" not in answer.headers.get("Server", "")
        assert not any(part.isdigit() for part in answer.headers.get("Server", ""))  # nor which version


async def test_no_page_of_another_origin_reads_an_answer(anna: Somebody) -> None:
    answer = await anna.http.get("/me", headers={"Origin": "https://evil.example"})
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


async def test_pages_of_our_own_may_ask(anna: Somebody, stack: LocalStack, tmp_path: Path) -> None:
    ours = "https://app.example"
    environment = stack.settings.model_copy(update={"allowed_origins": [ours]}).as_environment()
    app = apps.app(tmp_path, environment, "app-cors", port := free_port())
    app.start()
    try:
        app.wait_ready()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=anna.http.headers) as http:
            for origin, allowed in ((ours, ours), ("https://evil.example", None)):
                answer = await http.get("/me", headers={"Origin": origin})
                assert answer.headers.get("Access-Control-Allow-Origin") == allowed
    finally:
        app.stop()


def test_production_does_not_describe_itself() -> None:
    described = {"/openapi.json", "/docs", "/redoc"}
    assert described <= {getattr(route, "path", "") for route in create_app(Settings()).routes}
    app = create_app(Settings.model_validate(PRODUCTION))
    assert not described & {getattr(route, "path", "") for route in app.routes}


def test_no_route_fetches_what_a_client_names() -> None:
    """API7, server-side request forgery: no body and no query has a URL."""
    for body in requested_bodies():
        schema = DOCUMENT["components"]["schemas"][body]
        assert '"format": "uri"' not in json.dumps(schema)
        assert not [name for name in schema["properties"] if "url" in name]
