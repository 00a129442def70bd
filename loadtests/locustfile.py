"""What `locust -f loadtests/locustfile.py -H URL` loads: daters, couples, and the recorder.

Options of its own: --scenario, --set, --record, --stack, --otp-test-secret, --journal, --until-stopped; most can be
set by a variable in the environment, too. Users, rate and time come from the scenario unless Locust's own options say
otherwise.
"""

from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import MasterRunner, Runner, WorkerRunner

import gc
import logging
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path
from typing import Any

import gevent

from loadtests.journal import Journal
from loadtests.adapting import Client, load_client
from loadtests.driving import drive, without_couples
from loadtests.forks import end_forks, is_fork
from loadtests.meetings import LEFT, LOOKING, MET, Matchmaker, Meetings
from loadtests.recording import listening
from loadtests.recording.clock import RunClock
from loadtests.recording.collector import Collector
from loadtests.recording.probe import PROBE_PATH, answers, refuses_code
from loadtests.shapes import Stages
from loadtests.users.chatter import Chatter
from loadtests.users.dater import Dater, Deeds
from loadtests.users.person import NO_SENSE, Person, stop_the_test
from loadtests.users.pool import PersonPool, from_file, population
from loadtests.users.world import World
from loadtests.reach import Reach
from loadtests.recording.recorder import Plan
from loadtests.recording.writer import check_writable
from scenarios.couples import halves_of_couples
from scenarios.load import load
from scenarios.people import LOCAL_OTP_SECRET, otp_test_code, phone_of
from scenarios.outcome import ExitCode, MatchdayError, UsageError
from scenarios.schema import Scenario
from scenarios.stages import Load, people_problem
from scenarios.stack_info import STACK_VARIABLE, StackInfo

__all__ = ["Chatter", "Dater", "Stages"]

HOST_TIMEOUT_S = 5.0
# Requests under way when the time is over are waited for: what is cut off would be missing among the slow ones.
END_WITHIN_S = 10.0
SHORTEST_HOLD_S = 0.001
_ROUNDING = 1e-6  # 50 people in 3 s come at 16.67 a second: in 3 s they are all there
YOUNG_MIDDLE_OLD = (10_000, 20, 50)  # of the garbage collector; Python's own are 700, 10, 10
log = logging.getLogger(__name__)


def add_options(parser: LocustArgumentParser) -> None:
    parser.add_argument("--scenario", default="phase-1", env_var="MATCHDAY_SCENARIO", help="name or path of a scenario")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change the scenario")
    parser.add_argument("--record", default="", env_var="MATCHDAY_RECORD", help="folder of the record, new")
    parser.add_argument("--stack", default="", env_var=STACK_VARIABLE, help="file that `matchday up` wrote")
    parser.add_argument(
        "--client", default="", env_var="MATCHDAY_CLIENT", help="Python file that speaks to a backend of your own"
    )
    parser.add_argument(
        "--people", default="", env_var="MATCHDAY_PEOPLE", help="CSV file of test users; else the scenario's population"
    )
    parser.add_argument(
        "--journal", default="", env_var="MATCHDAY_JOURNAL", help="folder for what the backend acknowledges"
    )
    parser.add_argument(
        "--until-stopped", action="store_true", help="the run time is a bound: ending earlier is the plan"
    )
    parser.add_argument(
        "--otp-test-secret",
        default="",
        env_var="MATCHDAY_OTP_TEST_SECRET",
        help="secret of the backend's test sender",
        is_secret=True,
    )


def set_up(environment: Environment, **_: Any) -> None:
    """Everything that can be wrong is said here, before any user is spawned."""
    try:
        _set_up(environment)
    except MatchdayError as error:
        if not is_fork(environment):
            print(error, file=sys.stderr)
        end_forks(environment)
        sys.exit(error.exit_code)


def _set_up(environment: Environment) -> None:
    options = environment.parsed_options
    assert options
    _check_tags([*(options.tags or ()), *(options.exclude_tags or ())])
    if not any(issubclass(named, Dater) for named in environment.user_classes):
        raise UsageError("Couples are never more than half of the people: where Chatter is named, name Dater, too.")
    scenario = load(options.scenario, options.set)
    stack = StackInfo.read(Path(options.stack)) if options.stack else None
    environment.host = (environment.host or (stack.host if stack else "")).rstrip("/") or None
    _use_scenario(environment, scenario)
    folder = Path(options.record) if options.record else None
    secret = options.otp_test_secret or (stack.otp_test_secret if stack else None) or LOCAL_OTP_SECRET
    client, reach = load_client(options.client), Reach.of(scenario.connection)
    people = Path(options.people) if options.people else None
    if people:
        from_file(people)  # whatever is wrong with it is said now
    if not isinstance(environment.runner, WorkerRunner):
        check_writable(folder.parent if folder else Path("runs"))
    environment.stop_timeout = environment.stop_timeout or END_WITHIN_S
    plan = Plan(scenario, folder, stack, options.until_stopped, follows_load=True, reach=reach)
    if isinstance(environment.shape_class, Stages):
        environment.shape_class.choose = lambda: _load_of(options, scenario.load)
    environment.events.test_start.add_listener(lambda **_: _begin_load(environment, plan, scenario.load))
    collector, clock = listening.install(environment, plan)
    people_meet = _meetings(environment.runner)
    # Not before somebody listens to the workers: a distant host answers after they have begun to talk.
    if not isinstance(environment.runner, WorkerRunner):
        _check_host(environment, reach, secret if client == Client() and not people else None)
    driving: list[gevent.Greenlet] = []

    def begin(**_: Any) -> None:
        if not isinstance(environment.runner, MasterRunner):
            with_whom = _Players(client, reach, people, secret)
            Person.world = _world(environment, plan.scenario, with_whom, collector, clock, people_meet)
            driving.extend(drive(environment, Person.world, collector))
        # What is here stays: to look through all of it for garbage holds everybody up for 40 ms; so does looking
        # through a thousand people, again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*YOUNG_MIDDLE_OLD)

    def end(**_: Any) -> None:
        while driving:
            driving.pop().kill(block=False)
        if hasattr(Person, "world"):
            Person.world.end()

    environment.events.test_start.add_listener(begin)
    environment.events.test_stopping.add_listener(end)
    collector.gauge("sockets", lambda: Person.world.post.online if hasattr(Person, "world") else 0)
    gevent.spawn(_count_lost)


def _check_tags(asked: Sequence[str]) -> None:
    known = {name for task in (*Deeds.tasks, *Chatter.tasks) for name in getattr(task, "locust_tag_set", ())}
    if unknown := sorted(set(asked) - known):
        raise UsageError(f"No task has the tag {unknown[0]!r}; there are {', '.join(sorted(known))}.")


def _use_scenario(environment: Environment, scenario: Scenario) -> None:
    """Fill in what the command line left open. Locust reads these after the init event."""
    options = environment.parsed_options
    assert options
    load_ = scenario.load
    if options.num_users is None:
        options.num_users = load_.concurrent_users
    if options.spawn_rate is None:
        options.spawn_rate = options.num_users / load_.ramp_s
    if options.run_time is None:
        options.run_time = ceil(load_.duration_s)
    if problem := people_problem(options.num_users):
        raise UsageError(f"-u {options.num_users}: {problem}")


def _load_of(options: Namespace, load_: Load) -> Load:
    """The scenario's load with what Locust's own options, or its web UI, say of it."""
    # Whoever has not come when the time is over does not come: as with Locust's own shapes, -t is a bound.
    people = min(options.num_users, max(1, floor(options.spawn_rate * options.run_time + _ROUNDING)))
    ramp_s = min(people / options.spawn_rate, options.run_time)
    hold_s = max(options.run_time - ramp_s, SHORTEST_HOLD_S)
    asked = {"concurrent_users": people, "ramp_s": ramp_s, "hold_s": hold_s}
    # So that a run that is shorter than the scenario's warm-up measures something, too.
    asked["warm_up_s"] = min(load_.warm_up_s, hold_s / 2)
    return load_.model_copy(update=asked)


def _begin_load(environment: Environment, plan: Plan, load_: Load) -> None:
    """A test starts: its load is known from now on, by every process."""
    options = environment.parsed_options
    assert options
    if isinstance(environment.runner, WorkerRunner):
        chosen = Load.model_validate(options.chosen_load)
    else:
        chosen = _load_of(options, load_)
        if (come := chosen.concurrent_users) < (asked := options.num_users):
            log.warning(
                "The time (-t %g s) is over before all %d people have come: %d do.", options.run_time, asked, come
            )
        # Locust sends its workers what else the master's options hold.
        options.chosen_load = chosen.model_dump(mode="json")
    plan.scenario = plan.scenario.model_copy(update={"load": chosen})
    # What --tags and --exclude-tags have left: without tasks there are no couples, and daters rest. Nor are there any
    # when the command line names Dater alone.
    if not Chatter.tasks or not any(issubclass(named, Chatter) for named in environment.user_classes):
        plan.scenario = without_couples(plan.scenario)
    Dater.tasks = [Deeds]
    Chatter.fixed_count = halves_of_couples(plan.scenario.traffic, chosen.concurrent_users)
    Chatter.weight = 0 if Chatter.fixed_count == 0 else 1


@dataclass(frozen=True)
class _Players:
    """Who is played, and how their backend is spoken to."""

    client: Client
    reach: Reach
    people: Path | None
    otp_test_secret: str


def _check_host(environment: Environment, reach: Reach, secret: str | None) -> None:
    """That it is there; and, when it is a reference backend, that it takes the codes of our secret."""
    options = environment.parsed_options
    if not environment.host:
        if options and options.headless:
            raise UsageError("Name the backend with -H, for example -H http://127.0.0.1:8080.")
        return  # the web UI asks for it
    if not answers(environment.host, reach, HOST_TIMEOUT_S):
        raise UsageError(
            f"{environment.host} does not answer (GET {PROBE_PATH}, {HOST_TIMEOUT_S:.0f} s): is the backend running, "
            "and is this its address? No user was started."
        )
    if secret and refuses_code(
        environment.host, reach, phone_of(0), otp_test_code(secret, phone_of(0)), HOST_TIMEOUT_S
    ):
        raise UsageError(
            f"{environment.host} refuses the codes that its test sender should have sent. Give the backend's own "
            "MATCHDAY_OTP_TEST_SECRET here, too (or --stack with the file that `matchday up` named)."
        )


def _meetings(runner: Runner | None) -> Meetings:
    """Who looks for somebody in this process; connected with the other processes where there are some."""
    if isinstance(runner, WorkerRunner):
        found = Meetings(runner.send_message)
        runner.register_message(MET, lambda environment, msg: found.told(msg.data))
        return found
    if isinstance(runner, MasterRunner):
        matchmaker = Matchmaker(runner.send_message)
        runner.register_message(LOOKING, lambda environment, msg: matchmaker.looking(msg.node_id, **msg.data))
        runner.register_message(LEFT, lambda environment, msg: matchmaker.left(**msg.data))
        runner.register_message(NO_SENSE, lambda environment, msg: stop_the_test(environment, msg.data["why"]))
    return Meetings()


def _world(
    environment: Environment,
    scenario: Scenario,
    players: _Players,
    collector: Collector,
    clock: RunClock,
    people_meet: Meetings,
) -> World:
    runner, options = environment.runner, environment.parsed_options
    worker = runner.worker_index if isinstance(runner, WorkerRunner) else 0
    workers = options.expect_workers if options else 1
    if runner and worker >= workers:
        # Two workers would play the same people.
        log.error("This is worker %d: start the master with --expect-workers %d or more.", worker + 1, worker + 1)
        environment.process_exit_code = ExitCode.USAGE
        gevent.spawn(runner.quit)

    def fire(name: str, latency_ms: float, problem: str | None) -> None:
        environment.events.request.fire(
            request_type="WS",
            name=name,
            response_time=latency_ms,
            response_length=0,
            exception=problem,
            context={},
        )

    if players.people:
        users = from_file(players.people, worker, workers)
    else:
        users = population(
            scenario.population.users, scenario.population.seed, players.otp_test_secret, worker, workers
        )
    journal = Journal(Path(options.journal) if options and options.journal else None)
    return World(
        scenario,
        players.client,
        fire,
        collector.add,
        clock,
        PersonPool(users),
        people_meet,
        worker,
        workers,
        knows_everybody=players.people is None,
        reach=players.reach,
        journal=journal,
    )


def _count_lost() -> None:
    while True:
        gevent.sleep(1)
        if hasattr(Person, "world"):
            Person.world.post.count_lost()


events.init_command_line_parser.add_listener(add_options)
events.init.add_listener(set_up)
