"""What the types of a scenario are made of: frozen, strict, every unknown key refused."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


class Strict(BaseModel):
    """Base of all: no unknown key, no silent conversion, no change after reading."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


DECIMALS_MAX, DIGITS_MAX = 15, 40


def _exact(value: Any) -> Any:
    # TOML gives a float; its shortest text is what the person typed, so 0.02 stays 0.02. JSON gives that text.
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            exact = Decimal(str(value))
        except (InvalidOperation, ValueError):
            return value  # the schema says what is allowed
        # Else a line of text is written out as gigabytes of zeros.
        fits = exact.adjusted() >= -DECIMALS_MAX and len(exact.as_tuple().digits) <= DIGITS_MAX
        if exact and exact.is_finite() and not fits:
            raise ValueError(f"must have at most {DIGITS_MAX} digits, and not be below 1e-{DECIMALS_MAX}")
        return exact
    return value


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("has characters that cannot be printed")
    return text


Text = Annotated[str, AfterValidator(_printable)]  # it reaches terminals
Title = Annotated[Text, Field(pattern=r"\S", max_length=200)]
# Beyond these nobody's bill goes; without them a slip of the pen would end in an arithmetic error.
Usd = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, le=10**9)]
Quantity = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, le=10**12)]
# TOML has arrays, not tuples: strictness is kept for the members.
Range = Annotated[tuple[Usd, Usd], Field(strict=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, le=10**12)]
Seconds = Annotated[float, Field(ge=0.001, le=366 * 86_400)]
