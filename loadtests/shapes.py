"""The shape of the load as Locust follows it: whom it starts itself, and when the test is over."""

from collections.abc import Callable

from locust import LoadTestShape

from scenarios.stages import Curve, Load

# Sessions are started by the timetable: Locust is asked for nobody, so it stops nobody either.
_NOBODY = (0, 1.0)
_TICK_S = 1.0


class Stages(LoadTestShape):
    """Follows a scenario's load. -u, -r and -t change its peak, its ramp and its length."""

    use_common_options = True
    choose: Callable[[], Load] | None = None  # what the options make of the scenario's load, when a test starts
    _load: Load | None = None

    def reset_time(self) -> None:
        super().reset_time()  # type: ignore[no-untyped-call]  # Locust has no types here
        self._load = self.choose() if self.choose else None

    def tick(self) -> tuple[int, float] | None:
        """(users, users a second) from now until the next tick; None when the time is over."""
        load = self._load
        assert load
        at_s: float = self.get_run_time()  # type: ignore[no-untyped-call]  # Locust has no types here
        if at_s >= load.duration_s:
            return None
        wanted = started_by_locust(load, min(at_s + _TICK_S, load.duration_s))
        change = abs(wanted - (self.runner.target_user_count if self.runner else 0))
        return (wanted, max(1.0, change / _TICK_S)) if load.model != "sessions" else _NOBODY


def started_by_locust(load: Load, at_s: float) -> int:
    """How many people are to be there at that time, of those whom Locust starts."""
    match load.model:
        case "users":
            return round(load.concurrent_users * Curve(load).share(at_s))
        case "arrivals":  # all of them: the curve is the rate's
            return round(load.concurrent_users * min(1.0, at_s / load.ramp_s))
        case "sessions":
            return 0
