"""A generator that is overloaded says so every time, a calm one never."""

from tests.proof.conftest import Generate, server

RUNS = 20
SECONDS = 5
# The test server is no station of a stack: what it uses looks foreign.
SETTINGS = ["targets.validity.foreign_cpu_cores=0.7"]
OWN_FAULTS = {"generator_drift", "generator_cpu", "dropped"}


def problems(generate: Generate, host: str, user: str, users: int, name: str) -> set[str]:
    found = generate(user, host, users, SECONDS, settings=SETTINGS, name=name)
    return {trust.key for trust in found.record.run.problems}


def test_overload_makes_every_run_invalid_and_calm_makes_none(generate: Generate) -> None:
    calm, overloaded = [], []
    with server() as backend:
        for number in range(RUNS):
            calm.append(problems(generate, backend.host, "Calm", 10, f"calm-{number}"))
            overloaded.append(problems(generate, backend.host, "Burner", 5, f"overloaded-{number}"))
    blamed = sum(bool(found & OWN_FAULTS) for found in overloaded)
    # Somebody else's work on this machine may make a calm run invalid, and rightly: then it says that it was foreign.
    wrongly = [found for found in calm if found and "foreign_cpu" not in found]
    disturbed = sum("foreign_cpu" in found for found in calm)
    print(f"\noverloaded: {blamed} of {RUNS} invalid; calm: {len(wrongly)} of {RUNS - disturbed}", end="")
    print(f" ({disturbed} more were disturbed by others)")
    assert blamed == RUNS
    assert wrongly == []
    assert disturbed < RUNS
