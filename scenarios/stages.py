"""How much is sent, and when: a model, and the curve that it follows."""

from bisect import bisect_right
from itertools import accumulate, groupby, pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from scenarios.base import Positive, Seconds, Share, Strict

PEOPLE_MAX = 100_000


def people_problem(people: int) -> str | None:
    """Why so many cannot be asked for, where Locust itself would take any number."""
    return None if 1 <= people <= PEOPLE_MAX else f"from 1 to {PEOPLE_MAX:,} people can be asked for."


class Stage(Strict):
    """A part of the time after the ramp: to `share` of the peak, and there until the next stage.

    `part` is its length beside the other stages'; `ramp_share` says how much of it the way takes: 0 is a jump, 1 a
    straight line to the stage's end. `mix` names one of the scenario's `mixes`: in this stage people behave so.
    """

    share: Share
    part: Positive
    ramp_share: Share = 0.0
    mix: str = ""


class Load(Strict):
    """How much is sent.

    `sessions`: people open the app as a Poisson process, whatever the backend does, so that `concurrent_users` have it
    open; inside a session they act and think. `users`: as many people all the time, closed; who leaves is replaced.
    `arrivals`: so many deeds a second by people who are there already, whatever the backend does.

    From nothing to the first stage in `ramp_s`, then through the stages in `hold_s`; without stages the peak is held.
    """

    model: Literal["sessions", "users", "arrivals"] = "sessions"
    concurrent_users: int = Field(ge=1, le=PEOPLE_MAX, description="at the peak")
    deeds_per_s: Positive | None = Field(None, description="of the model `arrivals`, at the peak")
    ramp_s: Seconds
    hold_s: Seconds
    warm_up_s: float = Field(ge=0, description="cut from the start of the hold; not measured")
    stages: Annotated[tuple[Stage, ...], Field(strict=False, max_length=1_000)] = ()

    @property
    def duration_s(self) -> float:
        return self.ramp_s + self.hold_s

    @property
    def curve(self) -> "Curve":
        return Curve(self)

    def stage_at(self, at_s: float) -> str:
        """Where in the load that time is, in a word or two."""
        if at_s < self.ramp_s:
            return "ramp"
        if len(self.stages) < 2:
            return "warm-up" if at_s < self.ramp_s + self.warm_up_s else "hold"
        ends = [end_s for _, end_s in self.stage_spans_s]
        return f"stage {min(bisect_right(ends, at_s) + 1, len(ends))} of {len(ends)}"

    @property
    def stage_spans_s(self) -> list[tuple[float, float]]:
        """From when to when each stage lasts, in seconds since the start."""
        parts = sum(stage.part for stage in self.stages)
        ends = [self.ramp_s + self.hold_s * done / parts for done in accumulate(stage.part for stage in self.stages)]
        return list(pairwise([self.ramp_s, *ends]))

    @property
    def mix_spans_s(self) -> list[tuple[float, float, str]]:
        """From when to when people behave as which mix says, in seconds since the start: the first begins at 0."""
        spans = zip(self.stage_spans_s, (stage.mix for stage in self.stages), strict=True)
        found = []
        for mix, same in groupby(spans, key=lambda span: span[1]):
            times = [span for span, _ in same]
            found.append((times[0][0], times[-1][1], mix))
        return [(0.0 if number == 0 else start, end, mix) for number, (start, end, mix) in enumerate(found)]

    @model_validator(mode="after")
    def _something_is_left(self) -> Self:
        if self.warm_up_s >= self.hold_s:
            raise ValueError(
                f"warm_up_s ({self.warm_up_s:g}) must be less than hold_s ({self.hold_s:g}), "
                "or no second is left to measure"
            )
        return self

    @model_validator(mode="after")
    def _a_stage_is_the_peak(self) -> Self:
        if self.stages and max(stage.share for stage in self.stages) != 1:
            raise ValueError("one of the stages must have share = 1: concurrent_users is the peak")
        return self

    @model_validator(mode="after")
    def _who_changes_is_replaced(self) -> Self:
        if self.model != "users" and any(stage.mix for stage in self.stages):
            raise ValueError('stages with a mix need model = "users"')
        return self

    @model_validator(mode="after")
    def _arrivals_have_a_rate(self) -> Self:
        if (self.model == "arrivals") != (self.deeds_per_s is not None):
            raise ValueError('model = "arrivals" needs deeds_per_s, and no other model has it')
        return self


class Curve:
    """Shares of the peak over the time since the start: straight lines between points, jumps where two share a time.

    `staying` is a share of the peak that comes in the ramp and stays to the end: then the curve is that of all others,
    as a share of them.
    """

    def __init__(self, load: Load, staying: float = 0.0) -> None:
        stages = load.stages or (Stage(share=1.0, part=1.0),)
        parts = sum(stage.part for stage in stages)
        self.points = [(0.0, 0.0), (load.ramp_s, stages[0].share)]
        for stage in stages:
            start_s, before = self.points[-1]
            length_s = load.hold_s * stage.part / parts
            self.points += [(start_s + length_s * stage.ramp_share, stage.share), (start_s + length_s, stage.share)]
            if stage.ramp_share == 0:
                self.points.insert(-2, (start_s, before))
        self.points[1:] = [(at_s, max(0.0, share - staying) / (1 - staying)) for at_s, share in self.points[1:]]
        self._times = [at_s for at_s, _ in self.points]

    def share(self, at_s: float) -> float:
        """At that many seconds since the start; at a jump what comes after it, 0 outside."""
        after = bisect_right(self._times, at_s)
        if after == 0:
            return 0.0
        if after == len(self.points):
            return self.points[-1][1] if at_s == self._times[-1] else 0.0
        (from_s, low), (to_s, high) = self.points[after - 1], self.points[after]
        return low + (high - low) * (at_s - from_s) / (to_s - from_s)

    def holds(self) -> list[tuple[float, float, float]]:
        """(from, to, share) of every stretch in which the load stays the same."""
        pairs = zip(self.points, self.points[1:], strict=False)
        return [(from_s, to_s, low) for (from_s, low), (to_s, high) in pairs if to_s > from_s and low == high]
