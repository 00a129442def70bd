"""Bodies of the swipe endpoint."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from reference_app.auth.schemas import Body


class SwipeRequest(Body):
    target_id: Annotated[str, Field(min_length=1, max_length=64)]
    like: bool


class Swipe(BaseModel):
    """The swipe that stands: who swipes again changes nothing."""

    target_id: str
    like: bool
    at: datetime
