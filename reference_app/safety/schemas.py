"""Bodies of the safety and moderation endpoints."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field

from reference_app.bodies import ANNA, BEN, Body, example, example_of
from reference_app.chat.schemas import Message
from reference_app.profiles.schemas import Photo, Profile

REPORT = "6a1f2e3d4c5b6a7988776655"
_AT = "2026-11-23T20:15:00.250000Z"


class Blocked(BaseModel):
    model_config = example(person_ids=[BEN])

    person_ids: list[str]


class Reason(StrEnum):
    FAKE = "fake"
    SPAM = "spam"
    HARASSMENT = "harassment"
    NUDITY = "nudity"
    UNDERAGE = "underage"
    OTHER = "other"


class ReportRequest(Body):
    model_config = example(person_id=BEN, reason="spam", note="Sends the same link to everybody.")

    person_id: Annotated[str, Field(min_length=1, max_length=64)]
    reason: Reason
    note: Annotated[str, Field(max_length=1000)] = ""


class ReportReceipt(BaseModel):
    """Whoever reports the same person again, while the first report waits, is given the same id."""

    model_config = example(id=REPORT)

    id: str


class PhotoInReview(BaseModel):
    model_config = example(owner_id=BEN, photo=example_of(Photo), waiting_since=_AT)

    owner_id: str
    photo: Photo
    waiting_since: datetime


class Report(BaseModel):
    """`reporter_id` is null when they have deleted their account. `conversation`: the latest between the two."""

    model_config = example(
        id=REPORT,
        reporter_id=ANNA,
        reported=example_of(Profile),
        reason="spam",
        note="Sends the same link to everybody.",
        waiting_since=_AT,
        conversation=[example_of(Message)],
    )

    id: str
    reporter_id: str | None
    reported: Profile
    reason: Reason
    note: str
    waiting_since: datetime
    conversation: list[Message]


class ModerationQueue(BaseModel):
    """What waits for a decision, the oldest first."""

    model_config = example(photos=[example_of(PhotoInReview)], reports=[example_of(Report)])

    photos: list[PhotoInReview]
    reports: list[Report]


class PhotoDecision(Body):
    """A photo that was approved can be taken down later: without `approve` it is deleted."""

    model_config = example(approve=True)

    approve: bool


class ReportDecision(Body):
    """`suspend` closes the reported account; without it the report is dismissed."""

    model_config = example(suspend=True, note="Third report this week.")

    suspend: bool
    note: Annotated[str, Field(max_length=1000)] = ""
