"""Predictions from a calibration of an imagined backend: known answers, properties, and what is said of its limits."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from capacity.calibration.calibrate import calibrated
from capacity.calibration.demands import MACHINE
from capacity.calibration.file import Calibration, CalibrationError, Curve
from capacity.prediction.bounds import PROXY_CONNECTIONS
from capacity.prediction.crowd import Crowd
from capacity.prediction.knee import knee
from capacity.prediction.predict import predicted
from capacity.prediction.result import Interval, Prediction, StationUse
from capacity.prediction.runs import Question
from capacity.prediction.site import Here, Planned, Site
from scenarios.load import load, load_machines
from scenarios.outcome import UsageError
from scenarios.schema import Scenario
from tests.capacity.calibration.making import TRUTH, runs

# What a person does a second.
RATES = {"GET /discovery": 0.02, "GET /matches": 0.05, "POST /swipes": 0.15, "IMAGE photo": 0.2}
CPU_A_PERSON = sum(rate * sum(TRUTH[action].values()) / 1000 for action, rate in RATES.items())
SCENARIO = load("phase-1")


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> Calibration:
    found = calibrated(runs(tmp_path_factory.mktemp("runs")))
    return found.model_copy(update={"machine": found.machine.model_copy(update={"cpus": 2})})


def asked(
    calibration: Calibration,
    rates: Mapping[str, float] = RATES,
    seed: int = 1,
    site: Site | None = None,
    scenario: Scenario = SCENARIO,
) -> Question:
    return Question(calibration, scenario, Crowd(rates), site or Here(calibration), seed)


def of(calibration: Calibration, people: int, rates: Mapping[str, float] = RATES, seed: int = 1) -> Prediction:
    return predicted(asked(calibration, rates, seed), people)


def use(found: Prediction, station: str) -> StationUse:
    return next(one for one in found.stations if one.name == station)


def test_throughput_and_utilisation_are_those_of_the_laws(calibration: Calibration) -> None:
    """X = N / (Z + R) with R far below Z, U = X D."""
    found = of(calibration, 500)
    assert found.requests_per_s.value == pytest.approx(500 * sum(RATES.values()), rel=0.03)
    app = sum(RATES[action] * TRUTH[action]["app"] / 1000 for action in RATES)
    assert use(found, "app").utilisation.value == pytest.approx((500 * app + 0.03) / 1.0, rel=0.08)
    assert use(found, MACHINE).utilisation.value == pytest.approx((500 * CPU_A_PERSON + 0.11) / 2, rel=0.08)
    assert found.bottleneck.name in ("app", MACHINE)


def test_what_the_cost_model_asks_for_is_counted(calibration: Calibration) -> None:
    """2 queries a swipe, 3 a deck, 2 a list."""
    queries = 500 * (0.15 * 2 + 0.02 * 3 + 0.05 * 2)
    assert of(calibration, 500).counts_per_s["database_queries"] == pytest.approx(queries, rel=0.03)


def test_at_low_load_a_latency_is_the_measured_one(calibration: Calibration) -> None:
    target = next(t for t in of(calibration, 20).targets if t.key == "discovery_feed")
    assert target.percentiles
    assert target.percentiles[50.0].value == pytest.approx(13.0, rel=0.25)
    assert target.verdict == "holds"


def test_more_people_never_less_utilisation(calibration: Calibration) -> None:
    busy = [use(of(calibration, people), MACHINE).utilisation.value for people in (50, 200, 400, 600)]
    assert busy == sorted(busy)


def test_same_seed_same_answer(calibration: Calibration) -> None:
    assert of(calibration, 300) == of(calibration, 300)
    assert of(calibration, 300) != of(calibration, 300, seed=2)


def test_order_of_rates_does_not_matter(calibration: Calibration) -> None:
    one, other = (of(calibration, 300, rates) for rates in (RATES, dict(reversed(RATES.items()))))
    assert use(one, MACHINE).utilisation.value == pytest.approx(use(other, MACHINE).utilisation.value, rel=1e-9)


def test_a_full_machine_has_no_latency(calibration: Calibration) -> None:
    found = of(calibration, 2000)
    assert found.saturated
    assert all(target.percentiles is None for target in found.targets)
    assert {target.verdict for target in found.targets} == {"saturated"}


def test_an_app_is_full_when_its_threads_are(calibration: Calibration) -> None:
    """Two processes of one thread each, on hosts that have a quarter of a core more than each can use."""
    question = asked(calibration, site=planned(calibration, "phase-2", app_processes=1, apps=2))
    app = sum(RATES[action] * TRUTH[action]["app"] / 1000 for action in RATES) * 0.9
    full = (2 - 0.03 * 0.9) / app
    assert question.there(0).fullest(question.crowd).name == "app, threads"
    assert knee(question).people.value < full
    found = predicted(question, round(full))
    assert found.bottleneck.name == "app, threads"
    assert found.saturated
    assert found.response_ms is None
    assert use(found, "app").utilisation.value < 0.85
    assert found.next_bottleneck
    assert found.next_bottleneck.name == "mongod"


def test_one_person_has_latencies_too(calibration: Calibration) -> None:
    found = of(calibration, 1)
    target = next(t for t in found.targets if t.key == "api_response_time")
    assert target.percentiles
    assert set(target.percentiles) == {50.0, 95.0, 99.0}
    assert target.verdict == "holds"


def test_what_is_too_rare_has_no_percentile(calibration: Calibration) -> None:
    """A deck in ten thousand requests."""
    target = next(
        t for t in of(calibration, 20, {**RATES, "GET /discovery": 4e-5}).targets if t.key == "discovery_feed"
    )
    assert target.percentiles == {}
    assert target.verdict == "unknown"


def test_ten_million_people_are_a_ranking_and_a_number_of_hosts(calibration: Calibration) -> None:
    found = predicted(asked(calibration, site=planned(calibration, "phase-3")), 10_000_000)
    assert found.saturated
    assert found.response_ms is None
    needed = found.bottleneck.needed
    assert needed
    assert needed.low < needed.value < needed.high
    assert needed.value > 1000


def test_knee_lies_before_saturation(calibration: Calibration) -> None:
    found = knee(asked(calibration))
    full = 2 / CPU_A_PERSON
    assert found.people.low <= found.people.value <= found.people.high <= 1.1 * full
    assert 0.5 * full < found.people.value < full
    assert found.broke_first == "API response time"


def test_what_was_never_measured_is_named(calibration: Calibration) -> None:
    found = of(calibration, 100, {**RATES, "POST /photos": 0.01})
    assert any(note.startswith("Never measured, and left out: POST /photos.") for note in found.notes)
    unknown = {target.key for target in found.targets if target.verdict == "unknown"}
    assert unknown == {"profile_load", "match_detection", "message_delivery"}


def test_far_beyond_the_calibration_is_said(calibration: Calibration) -> None:
    assert any("times as many people as were there" in note for note in of(calibration, 500).notes)


def test_another_phase_is_said(calibration: Calibration) -> None:
    found = predicted(asked(calibration, scenario=load("phase-2")), 100)
    assert any(note.startswith("Calibrated on phase 1: what phase 2 does apart") for note in found.notes)


def test_nothing_known_is_refused(calibration: Calibration) -> None:
    with pytest.raises(CalibrationError, match="Nothing that the people of phase-1 do was calibrated"):
        asked(calibration, {"POST /elsewhere": 1.0})


def planned(calibration: Calibration, name: str, **changes: object) -> Planned:
    infrastructure = load(name).infrastructure.model_copy(update=changes)
    return Planned(calibration, infrastructure, load_machines())


@pytest.mark.parametrize(("key", "named"), [("app_instance", "t9.large"), ("mongodb", "M99")])
def test_servers_that_nobody_knows_are_refused(calibration: Calibration, key: str, named: str) -> None:
    sentence = f"infrastructure.{key}: nothing is known of '{named}'; there are .* into scenarios/machines.toml"
    with pytest.raises(UsageError, match=sentence):
        planned(calibration, "phase-1", **{key: named})


def test_a_machine_of_unknown_speed_says_nothing_of_others(calibration: Calibration) -> None:
    unknown = calibration.model_copy(update={"reference_work_cpu_ms": None})
    with pytest.raises(CalibrationError, match=r"says nothing of other servers: .* `matchday run calibration`"):
        planned(unknown, "phase-1")
    assert of(unknown, 100) == of(calibration, 100)


def test_services_share_the_app_servers(calibration: Calibration) -> None:
    """The plan prices no others."""
    stations = {("auth" if name == "app" else name): one for name, one in calibration.stations.items()}
    stations |= {"app": calibration.stations["app"]}

    def both(found: dict[str, Any]) -> dict[str, Any]:
        return found | {"auth": found["app"]}

    with_auth = calibration.model_copy(
        update={
            "stations": stations,
            "actions": {
                name: action.model_copy(update={"cpu_ms": both(action.cpu_ms)})
                for name, action in calibration.actions.items()
            },
            "draws_cpu_ms": {name: both(draws) for name, draws in calibration.draws_cpu_ms.items()},
            "draws_idle_cores": both(calibration.draws_idle_cores),
        }
    )
    site = planned(with_auth, "phase-3")
    assert set(site.hosts()) == {"app", "mongod", "valkey"}
    one, two = (
        use(predicted(asked(which, site=planned(which, "phase-3")), 100), "app").utilisation.value
        for which in (calibration, with_auth)
    )
    assert two == pytest.approx(2 * one, rel=0.05)


def test_on_the_plans_servers_each_station_has_a_host(calibration: Calibration) -> None:
    """Where the reference work takes 0.9 ms instead of 1, so does everything; two hyperthreads are 1.25 cores."""
    found = predicted(asked(calibration, site=planned(calibration, "phase-1")), 100)
    names = {station.name for station in found.stations}
    assert {"app", "mongod", "valkey"} <= names
    assert not names & {"generator", MACHINE}
    app = sum(RATES[action] * TRUTH[action]["app"] / 1000 for action in RATES)
    assert use(found, "app").utilisation.value == pytest.approx((100 * app + 0.03) * 0.9 / 1.25, rel=0.15)


def test_demands_follow_their_curve(calibration: Calibration) -> None:
    """At 60 % busy the app's work costs half."""
    curve = Curve(utilisation=(0.0, 0.6), factor=(1.0, 0.5))
    stations = calibration.stations | {"app": calibration.stations["app"].model_copy(update={"curve": curve})}
    bent = calibration.model_copy(update={"stations": stations})
    people = round(0.6 * 2 / CPU_A_PERSON)
    straight, cheaper = (use(of(one, people), "app").cpu_ms_a_request for one in (calibration, bent))
    assert cheaper == pytest.approx(straight / 2, rel=0.1)


def test_a_slower_machine_is_busier_by_the_elasticity(calibration: Calibration) -> None:
    elastic = calibration.model_copy(update={"speed_elasticity": 0.5})
    usual, slow = (
        use(predicted(asked(elastic, site=Here(elastic, slowness)), 300), MACHINE).utilisation.value
        for slowness in (1.0, 1.44)
    )
    assert slow == pytest.approx(1.2 * usual, rel=0.03)


def test_a_run_may_cost_what_stretches_differ_by(calibration: Calibration) -> None:
    """Six of them, every other a tenth dearer: they differ by 5.5 %, of which a fit of four demands took up 40 %."""

    def busy(dear: float) -> Interval:
        costs = [1.0, dear] * 3
        stretches = tuple(
            stretch.model_copy(update={"cost": (cost,) * len(stretch.cost), "slowness": 1.0})
            for stretch, cost in zip(calibration.stretches, costs, strict=True)
        )
        return use(of(calibration.model_copy(update={"stretches": stretches}), 300), MACHINE).utilisation

    alike, apart = busy(1.0), busy(1.1)
    assert alike.high / alike.low < 1.1
    # 5.5 % x sqrt(1 + 1/6) x sqrt(6 / 2), twice to either side: Student's law with five degrees of freedom.
    assert apart.high / apart.low == pytest.approx((1.05 + 0.21) / (1.05 - 0.21), rel=0.15)
    assert apart.value == pytest.approx(1.05 * alike.value, rel=0.03)


def test_burstable_servers_have_credits_for_so_many_people(calibration: Calibration) -> None:
    """A t3.medium may use a fifth of its cores for ever; at twice that 24 hours' earnings last 24."""
    site = planned(calibration, "phase-1")
    app = sum(RATES[action] * TRUTH[action]["app"] / 1000 for action in RATES) * 0.9 / 1.25
    people = round(2 * 0.2 / app)
    found = next(one for one in predicted(asked(calibration, site=site), people).bounds if "credits of app" in one.what)
    assert found.people == pytest.approx((0.2 - 0.03 * 0.9 / 1.25) / app, rel=0.15)
    hours = float(found.why.rpartition("last ")[2].removesuffix(" h"))
    assert hours == pytest.approx(24, rel=0.3)


def test_the_proxy_may_hold_as_many_connections_as_its_file_says() -> None:
    template = Path("reference_app/stack/nginx.conf.j2").read_text()
    assert f"worker_connections {PROXY_CONNECTIONS};" in template


def test_more_servers_never_slower(calibration: Calibration) -> None:
    knees = [
        knee(asked(calibration, site=planned(calibration, "phase-2", apps=apps))).people.value for apps in (1, 2, 4)
    ]
    assert knees == sorted(knees)
    assert knees[1] > 1.2 * knees[0]


def test_replicas_do_not_scale_writes(calibration: Calibration) -> None:
    one, three = (
        predicted(asked(calibration, site=planned(calibration, "phase-2", mongodb_members=members)), 200)
        for members in (1, 3)
    )
    assert use(one, "mongod") == use(three, "mongod")
