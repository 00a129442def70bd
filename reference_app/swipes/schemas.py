"""Bodies of the swipe endpoint."""

from typing import Annotated

from pydantic import BaseModel, Field

from reference_app.auth.schemas import Body


class SwipeRequest(Body):
    target_id: Annotated[str, Field(min_length=1, max_length=64)]
    like: bool


class Swipe(BaseModel):
    target_id: str
    like: bool
