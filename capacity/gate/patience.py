"""When a run that goes on until the gate is sure is looked at, and how sure each look must be."""

from math import ceil, log2

from capacity.gate.absolute import RunGate
from scenarios.outcome import Verdict

FIRST_LOOK_S = 10.0


class Patience:
    """Looks after 10 s, 20 s, 40 s ... of measuring. Who looks often is wrong often: so each look gets its share of the
    error (Bonferroni; few looks, as each doubles the time, cost little)."""

    def __init__(self, budget_s: float, confidence: float) -> None:
        looks = max(1, ceil(log2(max(1.0, budget_s / FIRST_LOOK_S))) + 1)
        self.confidence = 1 - (1 - confidence) / looks
        self._next_s = FIRST_LOOK_S

    def due(self, measured_s: float) -> bool:
        """Whether it is time to look; then the next look is due after twice as long."""
        if measured_s < self._next_s:
            return False
        self._next_s = 2 * max(measured_s, self._next_s)
        return True


def sure(run: RunGate) -> bool:
    """Whether more windows could hardly change the verdict: something is missed, or everything is met.

    What has no source by now gets none; of what is timed, a sample may still come.
    """
    if run.verdict is Verdict.FAIL:
        return True
    settled = (
        target.verdict in (Verdict.PASS, Verdict.SKIPPED) or (target.verdict is Verdict.ERROR and target.unit != "ms")
        for target in run.targets
    )
    return run.warm_up_s is not None and all(settled)
