"""Demand by how full the machine is: a line where there is one, level where there is only noise."""

import numpy as np
import pytest

from capacity.calibration.curves import demand_curve, memory_a_socket_mb
from capacity.calibration.file import Curve

BUSY = np.linspace(0.1, 0.7, 17)


def test_a_line_is_found() -> None:
    noise = np.random.default_rng(1).normal(0, 0.02, len(BUSY))
    found = demand_curve(BUSY, 1.2 - 0.4 * BUSY + noise, np.ones(len(BUSY)))
    assert found.utilisation == (BUSY[0], BUSY[-1])
    assert found.at(0.1) == pytest.approx(1.16, abs=0.03)
    assert found.at(0.4) == pytest.approx(1.04, abs=0.02)


def test_nothing_is_said_of_a_machine_that_is_fuller_or_emptier() -> None:
    found = Curve(utilisation=(0.2, 0.6), factor=(1.1, 0.9))
    assert [found.at(busy) for busy in (0.0, 0.4, 0.95)] == pytest.approx([1.1, 1.0, 0.9])


def test_noise_is_no_curve_but_for_a_chance_in_a_hundred() -> None:
    rng = np.random.default_rng(2)
    bent = [demand_curve(BUSY, 1 + rng.normal(0, 0.05, len(BUSY)), np.ones(len(BUSY))) for _ in range(400)]
    assert sum(curve.factor != (1.0, 1.0) for curve in bent) <= 10


def test_one_fullness_says_nothing() -> None:
    assert demand_curve(np.full(5, 0.3), np.linspace(0.5, 2.0, 5), np.ones(5)).factor == (1.0, 1.0)
    assert demand_curve(np.array([0.1, 0.9]), np.array([1.0, 2.0]), np.ones(2)).factor == (1.0, 1.0)


def test_what_was_never_used_has_no_curve() -> None:
    assert demand_curve(BUSY, np.zeros(len(BUSY)), np.zeros(len(BUSY))).factor == (1.0, 1.0)


def test_memory_a_socket_is_a_slope_over_stretches() -> None:
    """50 KB each, beside 200 MB; a stretch's windows are all alike."""
    block = np.repeat(np.arange(8), 6)
    sockets = np.repeat(np.linspace(100, 800, 8), 6)
    noise = np.random.default_rng(3).normal(0, 0.3, 8)[block]
    assert memory_a_socket_mb(sockets, 200 + 0.05 * sockets + noise, block) == pytest.approx(0.05, rel=0.05)
    assert memory_a_socket_mb(sockets, 200 + noise, block) == 0
    assert memory_a_socket_mb(400 + 0.05 * sockets, 200 + 0.05 * sockets, block) == 0  # hardly more sockets anywhere
