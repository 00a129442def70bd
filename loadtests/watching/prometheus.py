"""Pages in Prometheus' text format: the backend's own, a node exporter's, a database exporter's."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prometheus_client.parser import text_string_to_metric_families

from loadtests.watching.reading import Reading, Source
from scenarios.stack_info import PrometheusMetric, PrometheusPage

TIMEOUT_S = 0.8


@contextmanager
def page(info: PrometheusPage) -> Iterator[Source]:
    """A page as a source. A metric that is not on it is an error of the whole page: a typing error must show."""

    def read() -> Reading:
        return parsed(info.metrics, client.get(info.url).raise_for_status().text)

    with httpx.Client(timeout=TIMEOUT_S) as client:
        yield Source(info.url, frozenset(metric.column for metric in info.metrics), read)


def parsed(metrics: tuple[PrometheusMetric, ...], text: str) -> Reading:
    """The wanted metrics of a page; samples that differ in other labels add up. Raises KeyError for a missing one."""
    by_name: defaultdict[str, list[tuple[dict[str, str], float]]] = defaultdict(list)
    for name, labels, value in _samples(text):
        by_name[name].append((labels, value))
    reading = Reading()
    for metric in metrics:
        found = [value for labels, value in by_name[metric.metric] if metric.labels.items() <= labels.items()]
        if not found:
            raise KeyError(f"no metric {metric.metric} {metric.labels or ''}".rstrip())
        into = reading.totals if metric.counter else reading.values
        into[metric.column] = into.get(metric.column, 0.0) + metric.scale * sum(found)
    return reading


def _samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value
