"""How people behave, as data: every figure names the source it comes from."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from scenarios.base import Seconds, Share, Strict
from scenarios.people import Sex

# What people do besides swiping and talking; each is a deed of loadtests/users/life.py.
Elsewhere = Literal["list_matches", "move", "edit_bio", "upload_photo"]


class Sourced(Strict):
    """A figure with the source it comes from (a key of `sources`)."""

    value: Annotated[float, Field(ge=0, le=1e9)]
    source: str


class SourcedShare(Sourced):
    value: Share


class Dwell(Strict):
    """Seconds that something takes: log-normal with this mean and standard deviation."""

    mean_s: Seconds
    sd_s: Seconds
    source: str

    @model_validator(mode="after")
    def _is_a_duration(self) -> Self:
        if not 0.001 <= self.sd_s / self.mean_s <= 100:
            raise ValueError("sd_s must be between a thousandth and a hundred times mean_s")
        return self


class SessionLength(Dwell):
    mean_s: Annotated[float, Field(ge=1, le=86_400)]  # an app that is opened for less sends nothing that people send


class Delay(Strict):
    """Seconds until somebody writes first: log-normal, by its median and the share that comes within five minutes."""

    median_s: Seconds
    within_5_min_share: Annotated[float, Field(gt=0, lt=1)]
    source: str

    @model_validator(mode="after")
    def _sides_agree(self) -> Self:
        if (self.median_s < 300) != (self.within_5_min_share > 0.5):
            raise ValueError("median_s and within_5_min_share contradict each other")
        return self


class BySex(Strict):
    male: SourcedShare
    female: SourcedShare

    def of(self, sex: Sex) -> float:
        return (self.male if sex is Sex.MALE else self.female).value


class DwellBySex(Strict):
    male: Dwell
    female: Dwell

    def of(self, sex: Sex) -> Dwell:
        return self.male if sex is Sex.MALE else self.female


class DelayBySex(Strict):
    male: Delay
    female: Delay

    def of(self, sex: Sex) -> Delay:
        return self.male if sex is Sex.MALE else self.female


class MessagesMax(Sourced):
    value: Annotated[float, Field(ge=2, le=10_000)]


class Conversations(Strict):
    """What becomes of a match. A conversation has one message when nobody answers, else a fat-tailed number."""

    begun_share: SourcedShare
    men_begin_share: SourcedShare
    first_message_delay: DelayBySex
    answered_share: SourcedShare
    messages_mean: Sourced
    messages_max: MessagesMax
    tail_index: Sourced
    typing_s: Dwell
    unmatch_share: SourcedShare

    @model_validator(mode="after")
    def _mean_can_be_met(self) -> Self:
        answered = self.answered_share.value
        least, most = 1 + answered, 1 + answered * (self.messages_max.value - 1) / 2
        if not least < self.messages_mean.value < most:
            raise ValueError(
                f"messages_mean must lie between {least:g} and {most:g}, for {answered:.0%} are answered and "
                f"messages_max is {self.messages_max.value:g}"
            )
        return self


class Traffic(Strict):
    """How people behave; every figure names its source."""

    sources: dict[str, str]
    session_s: SessionLength
    sign_in_share: SourcedShare
    card_dwell: DwellBySex
    like_share: BySex
    second_photo_share: SourcedShare
    profile_share: SourcedShare
    elsewhere_share: SourcedShare
    elsewhere_dwell: Dwell
    elsewhere: dict[Elsewhere, SourcedShare]
    conversations: Conversations
    couples: Sourced
    couple_messages: Sourced

    @model_validator(mode="after")
    def _every_source_is_known(self) -> Self:
        named = {part["source"] for part in _parts(self.model_dump()) if "source" in part}
        if unknown := sorted(named - set(self.sources)):
            raise ValueError(
                f"source {', '.join(map(repr, unknown))} is not in [sources]; "
                f"there are: {', '.join(sorted(self.sources))}"
            )
        return self


def _parts(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, dict):
        return []
    return [value, *(part for inner in value.values() for part in _parts(inner))]
