"""The OpenAPI document: complete enough that a client can be generated from it, with an example for every body."""

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from reference_app.app import create_app
from reference_app.settings import Settings

DOCUMENT: dict[str, Any] = create_app(Settings()).openapi()
OPERATIONS: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
PUBLIC = {"POST /auth/otp", "POST /auth/session"}


def bodies() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every JSON body, asked for or answered, with its schema."""
    for name, operation in OPERATIONS.items():
        parts = {"request": operation.get("requestBody", {}), **operation["responses"]}
        for part, body in parts.items():
            if found := body.get("content", {}).get("application/json"):
                yield f"{name} {part}", found["schema"]


BODIES = dict(bodies())


@pytest.mark.parametrize("name", BODIES)
def test_every_body_has_an_example_that_fits_its_schema(name: str) -> None:
    schema = BODIES[name]
    model = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    (example,) = model["examples"]
    jsonschema.validate(example, {**schema, "components": DOCUMENT["components"]})


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(names) == len(set(names))
    assert all(name.isidentifier() for name in names)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_says_how_it_may_refuse(name: str) -> None:
    refusals = {int(status) for status in OPERATIONS[name]["responses"]} - {200, 201, 202, 204}
    assert {422, 503} <= refusals
    assert (401 in refusals) is (name != "POST /auth/otp")
    assert OPERATIONS[name]["tags"]
    assert ("security" in OPERATIONS[name]) is (name not in PUBLIC)
