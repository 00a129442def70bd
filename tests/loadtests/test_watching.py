"""What the stations of a backend are busy with, from its own processes, Prometheus pages and CloudWatch."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import islice

import pytest

from loadtests.watching import aws, prometheus, stations
from loadtests.watching.cloudwatch import CloudWatch
from loadtests.watching.reading import Reading, Source
from loadtests.watching.servers import mongo_client
from loadtests.watching.stations import StationWatch, Watch
from reference_app.stack import LocalStack
from scenarios.stack_info import CloudWatchInfo, CloudWatchMetric, PrometheusMetric, PrometheusPage, StackInfo, Station
from tests.waiting import wait_for

PAGE = """
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total %(cpu)s
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 1.048576e+08
# TYPE pool gauge
pool{name="read"} 3
pool{name="write"} 4
# TYPE in_use gauge
in_use %(in_use)s
# TYPE pool_size gauge
pool_size 50
"""
CPU = PrometheusMetric(column="cpu_cores_app", metric="process_cpu_seconds_total", counter=True)
MEMORY = PrometheusMetric(column="memory_mb_app", metric="process_resident_memory_bytes", scale=1 / 2**20)
POOL = PrometheusMetric(column="mongo_in_use", metric="pool")
IN_USE = PrometheusMetric(column="mongo_in_use", metric="in_use")
POOL_SIZE = PrometheusMetric(column="mongo_pool_size", metric="pool_size")


def test_a_page_gives_gauges_counters_and_sums_over_labels() -> None:
    writes = PrometheusMetric(column="mongo_pool_size", metric="pool", labels={"name": "write"})
    reading = prometheus.parsed((CPU, MEMORY, POOL, writes), PAGE % {"cpu": 12.5, "in_use": 1})
    assert reading == Reading(
        {"memory_mb_app": 100.0, "mongo_in_use": 7.0, "mongo_pool_size": 4.0}, {"cpu_cores_app": 12.5}
    )


def test_a_metric_that_is_not_on_the_page_is_named() -> None:
    with pytest.raises(KeyError, match="no metric process_cpu_seconds'"):
        prometheus.parsed(
            (PrometheusMetric(column="cpu_cores_app", metric="process_cpu_seconds"),), PAGE % {"cpu": 1, "in_use": 1}
        )


def test_a_total_becomes_what_was_added_a_second() -> None:
    totals = iter([100.0, 130.0, 190.0, 5.0])
    source = Source("s", frozenset({"cache_hits"}), lambda: Reading(totals={"cache_hits": next(totals)}))
    # The third reading comes three seconds after the second; before the fourth the server was started anew.
    found = [source.sample(second) for second in (10, 11, 14, 15)]
    assert found == [{}, {"cache_hits": 30.0}, {"cache_hits": 20.0}, {"cache_hits": 0.0}]


class Pages:
    """Two apps' pages; what they say can be changed."""

    def __init__(self) -> None:
        self.cpu_s, self.in_use, self.up = [10.0, 20.0], [1, 1], [True, True]
        pages = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                app = int(self.path[1:])
                self.send_response(200 if pages.up[app] else 503)
                self.end_headers()
                self.wfile.write((PAGE % {"cpu": pages.cpu_s[app], "in_use": pages.in_use[app]}).encode())

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stack(self) -> StackInfo:
        urls = [f"http://127.0.0.1:{self._server.server_port}/{app}" for app in (0, 1)]
        pages = tuple(PrometheusPage(url=url, metrics=(CPU, MEMORY, IN_USE, POOL_SIZE)) for url in urls)
        return StackInfo(host="http://127.0.0.1:1", stations={"app": Station(cores=2)}, prometheus=pages)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def pages() -> Iterator[Pages]:
    made = Pages()
    yield made
    made.close()


def test_two_apps_make_one_station_and_half_an_answer_makes_none(pages: Pages) -> None:
    with ExitStack() as exits:
        watch = Watch(pages.stack(), exits)
        watch.sample(100)
        pages.cpu_s = [10.25, 20.5]
        both = watch.sample(101)
        pages.up[1] = False
        one = watch.sample(102)
        pages.up[1], pages.cpu_s = True, [11.0, 21.5]
        again = watch.sample(103)
    assert (both["cpu_cores_app"], both["memory_mb_app"]) == (0.75, 200.0)
    assert "cpu_cores_app" not in one
    assert "memory_mb_app" not in one
    # The one that was away is spread over the two seconds; the other counts one of them.
    assert again["cpu_cores_app"] == pytest.approx(0.75 + 0.5)


def test_a_full_pool_is_not_hidden_by_anothers_empty_one(pages: Pages) -> None:
    pages.in_use = [3, 48]
    with ExitStack() as exits:
        sample = Watch(pages.stack(), exits).sample(100)
    assert (sample["mongo_in_use"], sample["mongo_pool_size"]) == (48, 50)


def test_a_column_that_a_page_fills_is_not_asked_of_redis(pages: Pages) -> None:
    hits, misses = (PrometheusMetric(column=f"cache_{what}", metric="pool") for what in ("hits", "misses"))
    filled = tuple(PrometheusPage(url=page.url, metrics=(hits, misses)) for page in pages.stack().prometheus)
    nobody = {"redis_url": "redis://127.0.0.1:1/0"}
    with ExitStack() as exits:
        told = Watch(pages.stack().model_copy(update={**nobody, "prometheus": filled}), exits).sample(100)
        asked = Watch(pages.stack().model_copy(update=nobody), exits).sample(100)
    assert (told["cache_hits"], told["cache_misses"]) == (14.0, 14.0)
    assert "cache_hits" not in asked


def test_closing_mongodb_is_as_impatient_as_asking_it() -> None:
    """A stack that dies must not hold up the end of its run."""
    with mongo_client("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=60000", 0.8) as client:
        assert client.options.server_selection_timeout == client.options.timeout == 0.8


def test_the_watching_process_speaks_every_second_and_ends_when_told(pages: Pages) -> None:
    watch = StationWatch(pages.stack())
    arrived: list[dict[str, float]] = []

    def twice() -> bool:
        arrived.extend(watch.read())
        return len(arrived) >= 2

    wait_for(twice, "second sample")
    arrived += watch.stop()
    seconds = [int(sample["second"]) for sample in arrived]
    assert seconds == list(range(seconds[0], seconds[0] + len(seconds)))
    assert all("memory_mb_app" in sample for sample in arrived)


# CloudWatch, against the local AWS emulator


METRICS = (
    CloudWatchMetric(
        column="cpu_cores_app",
        namespace="Matchday/Test",
        metric="CPUUtilization",
        dimensions={"InstanceId": "i-1"},
        scale=0.02,  # two cores: 100 % are 2
    ),
    CloudWatchMetric(
        column="cache_hits",
        namespace="Matchday/Test",
        metric="CacheHits",
        dimensions={"Node": "n-1"},
        statistic="Sum",
        per_second=True,
    ),
)


@pytest.fixture
def cloudwatch(stack: LocalStack) -> CloudWatchInfo:
    settings = stack.settings
    return CloudWatchInfo(
        region=settings.aws_region,
        endpoint_url=settings.aws_endpoint_url,
        access_key_id=settings.aws_access_key_id,
        secret_access_key=settings.aws_secret_access_key,
        wait_s=1.0,
        metrics=METRICS,
    )


def publish(info: CloudWatchInfo, metric: CloudWatchMetric, minute: int, value: float) -> None:
    client = aws.client("cloudwatch", info, timeout_s=10)
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions.items()]
    at = datetime.fromtimestamp(minute * 60, UTC)
    datum = {"MetricName": metric.metric, "Dimensions": dimensions, "Timestamp": at, "Value": value}
    client.put_metric_data(Namespace=metric.namespace, MetricData=[datum])
    client.close()


def test_cloudwatch_fills_the_seconds_that_its_periods_cover(cloudwatch: CloudWatchInfo) -> None:
    minute = int(time.time()) // 60 - 30  # long past: nothing of it may still change
    for offset, (percent, hits) in enumerate([(50.0, 600.0), (75.0, 1200.0)]):
        publish(cloudwatch, METRICS[0], minute + offset, percent)
        publish(cloudwatch, METRICS[1], minute + offset, hits)
    start, end = minute * 60 + 10, minute * 60 + 100  # a run begins and ends within a minute
    with closing(CloudWatch(cloudwatch, start)) as source:
        found = {int(sample["second"]): sample for sample in source.samples(end)}
        again = list(source.samples(end))
    assert sorted(found) == list(range(start, end))
    assert (found[start]["cpu_cores_app"], found[start]["cache_hits"]) == (1.0, 10.0)
    assert (found[end - 1]["cpu_cores_app"], found[end - 1]["cache_hits"]) == (1.5, 20.0)
    assert again == [], "what is known is not said again"


def test_what_cloudwatch_publishes_late_is_filled_in_at_the_end(cloudwatch: CloudWatchInfo) -> None:
    minute = int(time.time()) // 60 - 60
    with closing(CloudWatch(cloudwatch, minute * 60)) as source:
        assert list(source.samples(minute * 60 + 60)) == []
        for metric in METRICS:
            publish(cloudwatch, metric, minute, 60.0)
        late = list(source.last_samples(minute * 60 + 60))
    assert [int(sample["second"]) for sample in late] == list(range(minute * 60, minute * 60 + 60))


def test_a_cloudwatch_that_is_away_costs_its_columns_not_the_run(
    cloudwatch: CloudWatchInfo, capfd: pytest.CaptureFixture[str]
) -> None:
    away = cloudwatch.model_copy(update={"endpoint_url": "http://127.0.0.1:1", "wait_s": 0.0})
    stack = StackInfo(host="http://127.0.0.1:1", stations={"app": Station(cores=2)}, cloudwatch=away)
    running = stations.samples(stack)
    found = list(islice(running, 4))  # the answer of the first question is taken in a second later
    running.close()
    assert all(json.dumps(sample) for sample in found)
    assert "CloudWatch does not answer, its columns stay empty" in capfd.readouterr().err
