"""A generator that is overloaded says so every time, a calm one never."""

from tests.proof.conftest import Generate, server, sleeper

RUNS = 20
SECONDS = 5
# The test server is no station of a stack: what it uses looks foreign.
SETTINGS = ["targets.validity.foreign_cpu_cores=0.7"]
OWN_FAULTS = {"generator_drift", "generator_cpu", "dropped"}
# A generator may be no later than this in 99 of 100 cases (scenarios/targets.toml).
LATE_MS = 10.0


def problems(generate: Generate, host: str, user: str, users: int, name: str) -> set[str]:
    found = generate(user, host, users, SECONDS, settings=SETTINGS, name=name)
    return {trust.key for trust in found.record.run.problems}


def test_overload_makes_every_run_invalid_and_calm_makes_none(generate: Generate) -> None:
    calm: list[set[str]] = []
    overloaded = []
    with server() as backend:
        for number in range(RUNS):
            with sleeper() as late_ms:
                found = problems(generate, backend.host, "Calm", 10, f"calm-{number}")
            if max(late_ms) > LATE_MS:
                found.add("late_sleeper")
            calm.append(found)
            overloaded.append(problems(generate, backend.host, "Burner", 5, f"overloaded-{number}"))
    blamed = sum(bool(found & OWN_FAULTS) for found in overloaded)
    # Somebody else's work on this machine may make a calm run invalid, and rightly: then it says that it was foreign,
    # or a thread that only sleeps was late as well.
    disturbed = [found for found in calm if found & {"foreign_cpu", "late_sleeper"}]
    wrongly = [found for found in calm if found and found not in disturbed]
    print(f"\noverloaded: {blamed} of {RUNS} invalid; calm: {len(wrongly)} of {RUNS - len(disturbed)}", end="")
    print(f" ({len(disturbed)} more were disturbed by others)")
    assert blamed == RUNS
    assert wrongly == []
    assert len(disturbed) < RUNS / 2
