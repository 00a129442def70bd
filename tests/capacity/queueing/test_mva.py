"""Mean value analysis: closed forms, exact against approximate, and what must hold for any network."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.queueing.mva import approximate, exact, solved
from tests.capacity.queueing.formulas import knee_people, throughput_bound_per_s

Networks = st.tuples(st.lists(st.floats(0.001, 0.1), min_size=1, max_size=4), st.floats(0.0, 3.0), st.integers(1, 60))


def arrays(demands_s: list[float], servers: list[int] | None = None) -> tuple[np.ndarray, np.ndarray]:
    return np.array([demands_s]), np.array(servers or [1] * len(demands_s))


def test_balanced_network_has_a_closed_form() -> None:
    """K alike stations: X = N / (D (N + K - 1)) (Lazowska et al. 1984, section 5.4)."""
    demands, servers = arrays([0.02, 0.02, 0.02])
    found = exact(demands, servers, np.zeros(1), [5])
    assert found.throughput_per_s[0] == pytest.approx(5 / (0.02 * 7))
    assert found.number.sum() == pytest.approx(5)


def test_repairmen() -> None:
    """One station with m servers and people who think: the machine-repairman's birth-death chain, solved directly."""
    service_s, think_s, people, servers = 0.5, 2.0, 12, 3
    weights = [1.0]
    for n in range(1, people + 1):
        weights.append(weights[-1] * (people - n + 1) / think_s / (min(n, servers) / service_s))
    chance = np.array(weights) / sum(weights)
    busy = sum(chance[n] * min(n, servers) for n in range(people + 1))
    found = exact(*arrays([service_s], [servers]), np.array([think_s]), [people])
    assert found.throughput_per_s[0] == pytest.approx(busy / service_s)
    assert found.number[0, 0] == pytest.approx(sum(chance * np.arange(people + 1)))


def test_two_classes_against_the_chain() -> None:
    """Two classes at two shared stations: product form, summed over all states (Baskett et al. 1975)."""
    demands, think = np.array([[0.2, 0.1], [0.05, 0.3]]), np.array([1.0, 0.5])
    from math import comb, factorial

    def constant(first: int, second: int) -> float:
        total = 0.0
        for a in range(first + 1):  # thinking, of the first class; then of the second; the rest is at the stations
            for b in range(second + 1):
                for i in range(first - a + 1):
                    for j in range(second - b + 1):
                        k, m = first - a - i, second - b - j
                        total += (
                            think[0] ** a / factorial(a) * think[1] ** b / factorial(b)
                            * comb(i + j, i) * demands[0, 0] ** i * demands[1, 0] ** j
                            * comb(k + m, k) * demands[0, 1] ** k * demands[1, 1] ** m
                        )  # fmt: skip
        return total

    found = exact(demands, np.array([1, 1]), think, [4, 3])
    assert found.throughput_per_s[0] == pytest.approx(constant(3, 3) / constant(4, 3))
    assert found.throughput_per_s[1] == pytest.approx(constant(4, 2) / constant(4, 3))


@given(Networks)
def test_bounds_hold(network: tuple[list[float], float, int]) -> None:
    demands_s, think_s, people = network
    found = exact(*arrays(demands_s), np.array([think_s]), [people])
    bound = throughput_bound_per_s(demands_s, [1] * len(demands_s), think_s, people)
    assert found.throughput_per_s[0] <= bound * (1 + 1e-9)
    assert found.number.sum() + found.throughput_per_s[0] * think_s == pytest.approx(people)  # Little 1961


@given(Networks)
def test_more_people_never_less_utilisation(network: tuple[list[float], float, int]) -> None:
    demands_s, think_s, people = network
    demands, servers = arrays(demands_s)
    for solve in (exact, lambda d, s, z, n: approximate(d, s, z, np.array(n, float))):
        busy = [solve(demands, servers, np.array([think_s]), [n]).throughput_per_s[0] for n in (people, people + 1)]
        assert busy[1] >= busy[0] * (1 - 1e-9)


@given(Networks, st.integers(1, 4))
def test_more_servers_never_slower(network: tuple[list[float], float, int], servers: int) -> None:
    demands_s, think_s, people = network
    for solve in (exact, lambda d, s, z, n: approximate(d, s, z, np.array(n, float))):
        took = [
            solve(*arrays(demands_s, [m, *[1] * (len(demands_s) - 1)]), np.array([think_s]), [people]).response_s[0]
            for m in (servers, servers + 1)
        ]
        assert took[1] <= took[0] * (1 + 1e-6)


@given(st.permutations([0.01, 0.02, 0.05, 0.08]))
def test_order_of_stations_does_not_matter(demands_s: list[float]) -> None:
    found = exact(*arrays(demands_s), np.array([1.0]), [30])
    assert found.throughput_per_s[0] == pytest.approx(
        exact(*arrays(sorted(demands_s)), np.array([1.0]), [30]).throughput_per_s[0]
    )


@settings(max_examples=50)
@given(Networks)
def test_approximation_is_near(network: tuple[list[float], float, int]) -> None:
    demands_s, think_s, people = network
    arguments = (*arrays(demands_s), np.array([think_s]))
    near = approximate(*arguments, np.array([people], float)).throughput_per_s[0]
    assert near == pytest.approx(exact(*arguments, [people]).throughput_per_s[0], rel=0.1)


def test_millions_of_people_are_answered() -> None:
    """Twice as many as the slower station serves while they think."""
    found = solved(*arrays([6e-6, 5e-7], [1, 2]), np.array([30.0]), [10_000_000])
    assert found.throughput_per_s[0] == pytest.approx(1 / 6e-6, rel=1e-3)
    assert found.response_s[0] == pytest.approx(10_000_000 * 6e-6 - 30, rel=1e-3)


def test_several_classes_at_several_servers_are_approximated() -> None:
    demands, servers, think = np.array([[0.2], [0.1]]), np.array([2]), np.array([1.0, 1.0])
    with pytest.raises(ValueError, match="approximate"):
        exact(demands, servers, think, [2, 2])
    found = solved(demands, servers, think, [2, 2])
    thinking = found.throughput_per_s * think
    np.testing.assert_allclose(thinking + found.number.sum(axis=1), [2, 2], rtol=1e-6)  # Little's law
    assert found.response_s[0] > 0.2 > found.response_s[1] > 0.1


def test_exact_stays_right_at_saturation() -> None:
    """Throughput is the bottleneck's, and grows to it without a jump: where rounding hurts the recursion."""
    demands, servers = arrays([0.1, 0.02], [4, 2])
    per_s = [exact(demands, servers, np.array([1.0]), [n]).throughput_per_s[0] for n in range(20, 400, 20)]
    assert all(later >= earlier * (1 - 1e-9) for earlier, later in pairwise(per_s))
    assert per_s[-1] == pytest.approx(40, rel=1e-3)
    assert knee_people([0.1, 0.02], [4, 2], 1.0) == pytest.approx(1.12 * 40)
