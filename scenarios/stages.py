"""How much is sent, and when: a model, and the curve that it follows."""

from typing import Self

from pydantic import Field, model_validator

from scenarios.base import Positive, Strict


class Load(Strict):
    """How much is sent. Closed model: a fixed number of people who act and think."""

    concurrent_users: int = Field(ge=1, le=100_000)
    ramp_s: Positive
    hold_s: Positive
    warm_up_s: float = Field(ge=0, description="cut from the start of the hold; not measured")

    @property
    def duration_s(self) -> float:
        return self.ramp_s + self.hold_s

    @model_validator(mode="after")
    def _something_is_left(self) -> Self:
        if self.warm_up_s >= self.hold_s:
            raise ValueError(
                f"warm_up_s ({self.warm_up_s:g}) must be less than hold_s ({self.hold_s:g}), "
                "or no second is left to measure"
            )
        return self
