"""What calibrate, predict and verify show."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from capacity.prediction.growth import PhaseCapacity, grown
from capacity.prediction.knee import Knee
from capacity.prediction.result import Bound, Interval, Prediction, StationUse, TargetLatency
from capacity.prediction.verify import Compared, Step, Verification
from capacity.queueing.usl import fitted
from reports.growth_terminal import print_growth
from reports.prediction_terminal import print_prediction
from reports.verification_page import write_pages
from reports.verification_terminal import print_verification
from scenarios.load import hours_of_day, load_growth

P95 = Interval(82.0, 68.0, 507.0)
TARGETS = (
    TargetLatency("api", "API response time", "ms", 200.0, 95.0, dict.fromkeys((50.0, 95.0, 99.0), P95), 0.92),
    TargetLatency("match", "Match detection", "ms", 500.0, 95.0, None, 0.0, ("WS match detection",)),
)
STATIONS = (
    StationUse("machine", 2.0, Interval(0.75, 0.7, 0.8), 5.3, None),
    StationUse("app", 2.0, Interval(0.32, 0.3, 0.34), 3.1, Interval(2.4, 2.0, 3.0)),
)
PREDICTION = Prediction(
    "phase-1",
    700,
    "20261129T000000Z-calibration",
    Interval(209, 206, 212),
    Interval(14.5, 12.9, 17.4),
    STATIONS,
    TARGETS,
    False,
    {"database_queries": 250.0},
    (Bound("Memory of the machine", 90_000, "70% of 24,000 MB; 180 KB a socket"),),
    Interval(930, 676, 1021),
    "API response time",
    ("Never measured, and left out: POST /photos.",),
)


@pytest.fixture
def out() -> Console:
    return Console(record=True, width=80, highlight=False, markup=False)


def test_a_prediction_fits_a_log(out: Console) -> None:
    print_prediction(out, PREDICTION)
    text = out.export_text()
    assert "API response time  82  82 (68 to 507)  82 < 200 holds in 92%" in text
    assert "WS match detection was not measured" in " ".join(text.split())
    assert "930 (676 to 1,021) people hold every target; API response time breaks first" in text
    assert "25% headroom" in text


def test_a_full_host_is_called_saturated(out: Console) -> None:
    full = replace(PREDICTION, saturated=True, targets=(replace(TARGETS[0], percentiles=None, holds_share=0.0),))
    print_prediction(out, full)
    assert "saturated" in out.export_text()


def verification() -> Verification:
    figures = (
        Compared("requests_per_s", "Throughput", "requests/s", Interval(209, 206, 212), 208.0, Interval(210, 209, 211)),
        Compared("api_response_time_p95_ms", "API response time p95", "ms", P95, 153.0),
    )
    steps = (
        Step("00700", 700, 0.79, False, figures),
        Step("01000", 1000, 0.96, True, (), "The generator's loop was 14 ms late at p99."),
    )
    return Verification("phase-1", 400, Interval(930, 676, 1021), steps, fitted([1, 2, 4, 8], [1.0, 2.0, 3.9, 7.0]))


def test_a_verification_shows_error_and_interval(out: Console) -> None:
    print_verification(out, verification())
    text = out.export_text()
    assert "API response time p95, ms 82 68 to 507 153 -46% inside" in " ".join(text.split())
    assert "Throughput 1 0% 0% 1% 100%" in " ".join(text.split())
    assert "invalid, The generator's loop was 14 ms late" in " ".join(text.split())


def test_its_pages_open_offline_and_escape_what_they_show(tmp_path: Path) -> None:
    found = replace(verification(), scenario="<script>alert(1)</script>")
    page = write_pages(found, tmp_path).read_text()
    law = (tmp_path / "scaling.html").read_text()
    for text in (page, law):
        assert "<script" not in text
        assert "http" not in text.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
            "https://matplotlib.org", ""
        ).replace("http://creativecommons.org", "")
    assert "not seen: the throughput has not bent yet" in law


def test_growth_says_which_week_breaks_what(out: Console) -> None:
    growth = load_growth()
    knee = Knee(Interval(450, 400, 500), "API response time", (400.0, 450.0, 500.0), 500.0, "app", 0.05)
    limits = (Bound("CPU credits of app", 300, "20% is what it earns"), Bound("Memory of the app servers", 9000, "70%"))
    phases = [PhaseCapacity("phase-1", "Phase 1", (1, 4), knee, limits)]
    plan = grown(growth, growth.usage["plan"], hours_of_day(), 12, phases)
    print_growth(out, plan)
    text = out.export_text()
    assert "holds 450 at once (400 to 500), API response time breaks first; fullest: app" in " ".join(text.split())
    assert "CPU credits of app: 300 people at most (20% is what it earns)" in text
    assert "Memory" not in text  # a target breaks first
    assert f"middle growth: week {plan.phases[0].breaks[1]}" in text
