"""What all bodies have in common: requests refuse unknown keys, and every model shows an example."""

from typing import Any

from pydantic import BaseModel, ConfigDict

# Whom the examples are about.
ANNA, BEN = "6f1d2c3b4a59687786a5b4c3", "1a2b3c4d5e6f708192a3b4c5"
THEIR_MATCH = f"{BEN}:{ANNA}"
PHOTO = "0f9e8d7c6b5a49382716f5e4"


class Body(BaseModel):
    """Base of all request bodies: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")


def example(**fields: Any) -> ConfigDict:
    """The configuration of a model whose OpenAPI schema shows these fields."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


def example_of(model: type[BaseModel]) -> dict[str, Any]:
    """The example of a model, to be shown inside another's."""
    extra: Any = model.model_config["json_schema_extra"]
    shown: dict[str, Any] = extra["examples"][0]
    return shown
