"""Bodies of the swipe endpoints."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field

from reference_app.bodies import BEN, Body, example


class Kind(StrEnum):
    PASS = "pass"
    LIKE = "like"
    SUPER_LIKE = "super_like"

    @property
    def likes(self) -> bool:
        return self is not Kind.PASS


class SwipeRequest(Body):
    model_config = example(target_id=BEN, kind="like")

    target_id: Annotated[str, Field(min_length=1, max_length=64)]
    kind: Kind


class Swipe(BaseModel):
    """The swipe that stands: who swipes again changes nothing."""

    model_config = example(target_id=BEN, kind="like", at="2026-11-23T20:15:00.250000Z")

    target_id: str
    kind: Kind
    at: datetime
