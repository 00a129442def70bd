"""Plans one service with Netflix's service-capacity-modeling: a number of simulations a line in, CPU and wall seconds
out. Runs in an environment of its own (netflix-requirements.txt) and imports nothing of ours."""

import sys
import time

from service_capacity_modeling.capacity_planner import planner
from service_capacity_modeling.interface import CapacityDesires, DataShape, Interval, QueryPattern

# 10,000 users of a dating app on a stateless service: some 120 requests a second at the peak, up to ten times that.
DESIRES = CapacityDesires(
    service_tier=1,
    query_pattern=QueryPattern(
        estimated_read_per_second=Interval(low=60, mid=120, high=1200, confidence=0.9),
        estimated_write_per_second=Interval(low=50, mid=110, high=1100, confidence=0.9),
        estimated_mean_read_latency_ms=Interval(low=2, mid=8, high=20, confidence=0.9),
        estimated_mean_write_latency_ms=Interval(low=2, mid=8, high=20, confidence=0.9),
    ),
    data_shape=DataShape(estimated_state_size_gib=Interval(low=1, mid=5, high=10, confidence=0.9)),
)


def main() -> None:
    for line in sys.stdin:
        started = time.perf_counter()
        found = planner.plan("org.netflix.stateless-java", "us-east-1", DESIRES, simulations=int(line))
        seconds = time.perf_counter() - started
        cost = found.least_regret[0].candidate_clusters.total_annual_cost
        print(f"{seconds:.6f} {float(cost):.2f}", flush=True)


if __name__ == "__main__":
    main()
