"""What the types of a scenario are made of: frozen, strict, every unknown key refused."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


class Strict(BaseModel):
    """Base of all: no unknown key, no silent conversion, no change after reading."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


def _exact(value: Any) -> Any:
    # TOML gives a float; its shortest text is what the person typed, so 0.02 stays 0.02. JSON gives that text.
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return Decimal(str(value))
        except InvalidOperation:
            return value  # the schema says what is allowed
    return value


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("has characters that cannot be printed")
    return text


Text = Annotated[str, AfterValidator(_printable)]  # it reaches terminals
# Beyond these nobody's bill goes; without them a slip of the pen would end in an arithmetic error.
Usd = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, le=10**9)]
Quantity = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, le=10**12)]
# TOML has arrays, not tuples: strictness is kept for the members.
Range = Annotated[tuple[Usd, Usd], Field(strict=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
