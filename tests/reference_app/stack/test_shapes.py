"""The shapes of the phases: which process answers what."""

import re
from collections.abc import Iterator

import httpx
import pytest

from reference_app.app import ROUTES, create_app
from reference_app.settings import Service, Settings
from reference_app.stack import LocalStack
from reference_app.stack.proxy import PATHS
from scenarios.load import load
from tests.conftest import STRANGERS
from tests.reference_app.conftest import Backend, sign_in
from tests.reference_app.test_chat import matched


def routes(service: Service) -> list[str]:
    return [route.path for module in ROUTES[service] for route in module.router.routes]


@pytest.mark.parametrize("service", Service)
def test_the_load_balancer_sends_each_path_to_the_service_that_has_it(service: Service) -> None:
    for path in routes(service):
        sent_to = [other for other, pattern in PATHS.items() if re.search(pattern, path)]
        assert sent_to == ([] if service is Service.APP else [service])


def test_every_service_describes_the_whole_api() -> None:
    whole = create_app(Settings()).openapi()
    assert create_app(Settings(), [Service.AUTH]).openapi() == whole
    assert "/swipes" in whole["paths"]


@pytest.fixture(params=["phase-2", "phase-3"])
def shape(request: pytest.FixtureRequest) -> Iterator[LocalStack]:
    scenario = load(request.param, ["population.users=40", 'population.cities=["Berlin"]', *STRANGERS])
    with LocalStack(scenario) as stack:
        stack.populate(scenario, lambda done, of: None)
        yield stack


@pytest.mark.slow
async def test_people_meet_across_processes(shape: LocalStack) -> None:
    backend = Backend(shape.host, shape.settings.otp_test_secret)
    people = [await sign_in(backend, index) for index in (0, 3)]  # a man and a woman
    await people[0].http.get("/discovery")
    match = await matched(*people)
    for number in range(10):  # often enough for every app to be asked
        body = {"id": f"message-{number}", "text": "Hi"}
        assert (await people[0].http.post(f"/matches/{match}/messages", json=body)).json()["seq"] == number + 1
    assert len((await people[1].http.get(f"/matches/{match}/messages")).json()["messages"]) == 10
    assert {"auth", "match", "chat"} & set(shape.info.stations) == set(shape.scenario.infrastructure.services)
    for port in (server.argv[-1] for server in shape.servers if server.name == "auth-1"):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as auth:
            assert (await auth.get("/discovery")).status_code == 404
    for person in people:
        await person.http.aclose()
