"""CloudWatch: one value a period, minutes late. Its values are filled in for the seconds that they cover."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from loadtests.watching import aws
from scenarios.stack_info import CloudWatchInfo, CloudWatchMetric

TIMEOUT_S = 5.0
_AGAIN_EVERY_S = 5.0
_METRICS_A_CALL = 500  # GetMetricData's limit


class CloudWatch:
    """Asks for what CloudWatch has published since `from_second`."""

    def __init__(self, info: CloudWatchInfo, from_second: int) -> None:
        self._info = info
        self._from = from_second - from_second % info.period_s
        self._next: dict[str, int] = {metric.column: from_second for metric in info.metrics}
        self._client = aws.client("cloudwatch", info, TIMEOUT_S, attempts=2)

    def close(self) -> None:
        self._client.close()

    def samples(self, until: int) -> Iterator[dict[str, float]]:
        """A sample for each second before `until` that has become known. Raises botocore's errors."""
        by_second: dict[int, dict[str, float]] = {}
        for column, start, value in self._published(until):
            # A period may be asked for again: its first seconds are known already.
            for second in range(max(start, self._next[column]), min(start + self._info.period_s, until)):
                by_second.setdefault(second, {})[column] = value
                self._next[column] = second + 1
        for second, values in sorted(by_second.items()):
            yield {"second": second, **values}

    def last_samples(self, until: int) -> Iterator[dict[str, float]]:
        """What is published within `wait_s` for the seconds before `until`."""
        give_up = time.monotonic() + self._info.wait_s
        while True:
            yield from self.samples(until)
            if min(self._next.values()) >= until or time.monotonic() + _AGAIN_EVERY_S > give_up:
                return
            time.sleep(_AGAIN_EVERY_S)

    def _published(self, until: int) -> Iterator[tuple[str, int, float]]:
        info = self._info
        known = min(self._next.values())
        start = known - known % info.period_s
        for first in range(0, len(info.metrics), _METRICS_A_CALL):
            metrics = info.metrics[first : first + _METRICS_A_CALL]
            pages = self._client.get_paginator("get_metric_data").paginate(
                MetricDataQueries=[
                    {"Id": f"m{number}", "ReturnData": True, "MetricStat": self._statistic(metric)}
                    for number, metric in enumerate(metrics)
                ],
                StartTime=datetime.fromtimestamp(start, UTC),
                EndTime=datetime.fromtimestamp(until + info.period_s, UTC),
                ScanBy="TimestampAscending",
            )
            for found in (result for page in pages for result in page["MetricDataResults"]):
                metric = metrics[int(found["Id"][1:])]
                scale = metric.scale / (info.period_s if metric.per_second else 1)
                for at, value in zip(found["Timestamps"], found["Values"], strict=True):
                    # A period that has not ended may still change.
                    if at.timestamp() + info.period_s <= time.time():
                        yield metric.column, int(at.timestamp()), value * scale

    def _statistic(self, metric: CloudWatchMetric) -> dict[str, Any]:
        dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions.items()]
        named = {"Namespace": metric.namespace, "MetricName": metric.metric, "Dimensions": dimensions}
        return {"Metric": named, "Period": self._info.period_s, "Stat": metric.statistic}
