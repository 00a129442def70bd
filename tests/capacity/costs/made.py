"""What bills are computed from, as the commands have it."""

from functools import cache

from capacity.costs.basis import Basis
from capacity.costs.bill import PhaseBill, phase_bill
from capacity.costs.report import CostReport
from cli.costs import basis_of, cost_report
from scenarios.load import PHASES, load


@cache
def basis(name: str = "phase-1", usage: str = "plan") -> Basis:
    return basis_of(load(name), usage, None, None)


@cache
def bills() -> tuple[PhaseBill, ...]:
    return tuple(phase_bill(load(name), basis(name)) for name in PHASES)


@cache
def report() -> CostReport:
    return cost_report(PHASES)
