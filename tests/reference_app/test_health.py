"""What load balancers and Prometheus ask, and the shape of refusals."""

import httpx

from reference_app.stack import LocalStack
from scenarios.stack_info import StackInfo


async def test_the_backend_is_alive_and_ready(anybody: httpx.AsyncClient) -> None:
    assert (await anybody.get("/healthz")).json() == {"status": "ok"}
    ready = (await anybody.get("/readyz")).json()
    assert ready.pop("process").isdigit()
    assert ready == {"mongodb": "ok", "redis": "ok", "chat": "ok"}


async def test_metrics_name_routes_not_paths(stack_info: StackInfo) -> None:
    async with httpx.AsyncClient(base_url=stack_info.prometheus[0].url.removesuffix("/metrics")) as http:
        await http.get("/profiles/some-id")
        text = (await http.get("/metrics")).text
    assert 'route="/profiles/{person_id}"' in text
    assert "some-id" not in text


async def test_metrics_are_not_for_clients(stack: LocalStack) -> None:
    async with httpx.AsyncClient() as http:
        assert (await http.get(f"{stack.host}/metrics")).status_code == 404


async def test_an_unknown_route_is_refused_in_the_same_shape(anybody: httpx.AsyncClient) -> None:
    assert (await anybody.get("/nope")).json() == {"error": {"code": "not_found", "message": "Not Found"}}


async def test_every_route_is_described(anybody: httpx.AsyncClient) -> None:
    paths = (await anybody.get("/openapi.json")).json()["paths"]
    assert {
        "/auth/otp",
        "/auth/session",
        "/me",
        "/me/location",
        "/photos",
        "/profiles/{person_id}",
        "/discovery",
        "/swipes",
        "/matches",
        "/matches/{match_id}",
        "/matches/{match_id}/messages",
    } <= set(paths)
