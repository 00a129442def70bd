"""The curve that a load follows, and how people behave on the way."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.load import ScenarioError, load, names
from scenarios.stages import Curve, Load, Stage


def made(*stages: Stage, ramp_s: float = 10.0, hold_s: float = 100.0) -> Load:
    return Load(concurrent_users=100, ramp_s=ramp_s, hold_s=hold_s, warm_up_s=0.0, stages=stages)


def test_without_stages_the_peak_is_held() -> None:
    curve = made().curve
    assert [curve.share(at_s) for at_s in (-1, 0, 5, 10, 60, 110, 111)] == [0, 0, 0.5, 1, 1, 1, 0]
    assert curve.holds() == [(10.0, 110.0, 1.0)]


def test_stages_jump_or_go_in_a_straight_line() -> None:
    curve = made(Stage(share=0.2, part=4), Stage(share=1.0, part=2, ramp_share=0.5), Stage(share=0.4, part=4)).curve
    assert [curve.share(at_s) for at_s in (5, 10, 49)] == [0.1, 0.2, 0.2]
    assert curve.share(55) == pytest.approx(0.6)  # half of the way up
    assert [curve.share(at_s) for at_s in (60, 69.9, 70, 110)] == [1.0, 1.0, 0.4, 0.4]
    assert curve.holds() == [(10.0, 50.0, 0.2), (60.0, 70.0, 1.0), (70.0, 110.0, 0.4)]


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 9), st.floats(0, 1)), min_size=1, max_size=6),
    st.floats(0, 1),
)
def test_a_curve_stays_between_nothing_and_the_peak_and_lasts_as_long_as_it_says(
    stages: list[tuple[float, float, float]], where: float
) -> None:
    load_ = made(Stage(share=1.0, part=1), *(Stage(share=s, part=p, ramp_share=r) for s, p, r in stages))
    assert 0 <= load_.curve.share(where * load_.duration_s) <= 1
    assert load_.curve.points[-1][0] == pytest.approx(load_.duration_s)
    assert [at_s for at_s, _ in load_.curve.points] == sorted(at_s for at_s, _ in load_.curve.points)


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("load.stages=[{share=0.5,part=1}]", "one of the stages must have share = 1: concurrent_users is the peak"),
        ("load.model=arrivals", 'model = "arrivals" needs deeds_per_s, and no other model has it'),
        ("load.deeds_per_s=5", 'model = "arrivals" needs deeds_per_s, and no other model has it'),
        ("load.stages=[{share=1.5,part=1}]", "less than or equal to 1"),
        ("load.model=open", "Input should be 'sessions', 'users' or 'arrivals'"),
    ],
)
def test_what_makes_no_load_is_refused(setting: str, sentence: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        load("phase-1", [setting])
    assert sentence in str(refused.value)


def test_every_shipped_scenario_can_be_read_and_reaches_its_peak() -> None:
    shipped = {"phase-1", "phase-2", "phase-3", "smoke", "spike", "soak", "steps", "breakpoint", "calibration", "day"}
    assert shipped <= set(names())
    for name in names():
        load_ = load(name).load
        assert max(share for _, share in load_.curve.points) == 1.0, name
        assert load_.curve.points[-1][0] == pytest.approx(load_.duration_s), name


def test_those_who_stay_are_part_of_each_stage_and_the_others_make_up_the_rest() -> None:
    load_ = made(Stage(share=0.2, part=4), Stage(share=1.0, part=2), Stage(share=0.4, part=4), Stage(share=0.1, part=4))
    others = Curve(load_, staying=0.16)
    for from_s, to_s, share in load_.curve.holds():
        assert 0.16 + 0.84 * others.share((from_s + to_s) / 2) == pytest.approx(max(share, 0.16))
    half_way = load_.ramp_s / 2
    assert 0.16 / 2 + 0.84 * others.share(half_way) == pytest.approx(load_.curve.share(half_way))


def test_mixes_last_as_long_as_their_stages() -> None:
    stages = [Stage(share=1.0, part=1, mix=mix) for mix in ("swipes", "swipes", "", "talks")]
    load_ = Load(model="users", concurrent_users=10, ramp_s=10.0, hold_s=40.0, warm_up_s=0.0, stages=tuple(stages))
    assert load_.mix_spans_s == [(0.0, 30.0, "swipes"), (30.0, 40.0, ""), (40.0, 50.0, "talks")]
    assert made(Stage(share=1.0, part=1)).mix_spans_s == [(0.0, 110.0, "")]
    assert made().mix_spans_s == []


def test_mixes_lie_on_top_of_the_traffic() -> None:
    scenario = load("calibration", ["traffic.profile_share.value=0.3"])
    assert scenario.traffic_of("") == scenario.traffic
    assert scenario.traffic_of("pages").profile_share.value == 1.0
    assert scenario.traffic_of("opens").profile_share.value == 0.3
    assert scenario.traffic_of("opens").session_s.mean_s == 10.0


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ('load.stages=[{share=1,part=1,mix="naps"}]', "a stage names mix 'naps'; there are: bios, likes, lists"),
        ('load.model="sessions"', 'stages with a mix need model = "users"'),
        ('mixes.pages.couples={value=2,source="assumption"}', "mixes.pages changes `couples`"),
        (
            "mixes.pages.profile_share.value=2",
            "--set: mixes.pages.profile_share.value: Input should be less than or equal to 1",
        ),
        ("mixes=3", "mixes: must be a table; got 3"),
    ],
)
def test_mixes_that_make_no_sense_are_refused(setting: str, sentence: str) -> None:
    with pytest.raises(ScenarioError, match=re.escape(sentence)):
        load("calibration", [setting])
