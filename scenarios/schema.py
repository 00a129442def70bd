"""The types of a scenario: frozen, strict, every unknown key refused. TOML in, value objects out."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from scenarios.base import Positive, Share, Strict, Title
from scenarios.costs import PhaseCosts
from scenarios.people import Sex
from scenarios.stages import Load
from scenarios.traffic import Traffic

WEEKS_MOST = 520
SERVERS_MAX = 500
TARGETS_MAX, SAMPLES_MAX, MIXES_MAX = 50, 100, 50


class LikedBefore(Strict):
    """The share of a person's neighbours of the other sex who liked them before the run starts, on average."""

    male: Share
    female: Share

    def of(self, sex: Sex) -> float:
        return self.male if sex is Sex.MALE else self.female


class Population(Strict):
    """Who is in the database before the load starts."""

    users: int = Field(ge=10, le=1_000_000)
    seed: int = Field(ge=0)
    cities: tuple[str, ...] = Field(strict=False, min_length=1)
    liked_before_share: LikedBefore
    turns_waiting_mean: float = Field(
        ge=0, le=50, description="conversations in which it is somebody's turn, a person, before the run starts"
    )
    photos_per_person_max: int = Field(ge=1, le=9)


def _switch(value: Any) -> Any:
    return {"on": True, "off": False}.get(value, value) if isinstance(value, str) else value


Switch = Annotated[bool, BeforeValidator(_switch)]  # true or false; on the command line also on or off


class Connection(Strict):
    """How the generator reaches the backend.

    A header's value "env:MATCHDAY_HEADER_..." is read from the environment: no secret stands in a scenario, or in a
    run's record.
    """

    headers: dict[str, str] = Field(default={}, description="sent with every request, and to open a socket")
    verify_tls: Switch = Field(False, description="staging often signs its certificates itself")
    ca_file: str = Field("", description="certificates to trust besides the system's")
    connect_timeout_s: Positive = 10.0
    answer_timeout_s: Positive = 30.0


class Abort(Strict):
    """When a run stops by itself, to spare a backend that fails: never, unless a share of failures is given."""

    failed_percent: float | None = Field(None, gt=0, le=100, description="of the requests, in each of `for_s` seconds")
    for_s: int = Field(10, ge=1)


class Backend(Strict):
    """How the reference backend is started, where it is ours to start. Its switches are the answers to the plan's
    bottlenecks: docs/bottlenecks.md shows what each is worth."""

    group_commit: Switch = Field(True, description="swipes and messages that arrive together are committed together")
    cdn: Switch = Field(True, description="pictures are cached on their way")
    decks: Switch = Field(True, description="computed ahead and kept in Redis; else for each request")
    chat_service: Switch = Field(
        True, description="apart where the phase has it, on sharded channels; else in the apps"
    )
    geo_index: Switch = Field(True, description="2dsphere; else everybody is looked at to find those who are near")
    session_store: Switch = Field(True, description="sessions are cached in Redis; else each request asks MongoDB")
    slowdown: dict[str, Positive] = Field(
        default={}, description='extra CPU of an endpoint as a share of its own: {"GET /discovery" = 0.1}'
    )


class Infrastructure(Strict):
    """The servers of a phase, as the plan draws them."""

    load_balancer: Literal["basic", "alb"]
    apps: int = Field(ge=1, le=SERVERS_MAX)
    app_instance: str
    app_processes: int = Field(1, ge=1, le=64, description="of each app server; each can use one core")
    mongodb: str
    mongodb_members: int = Field(ge=1, le=50)  # MongoDB allows no more
    redis_gb: Positive
    redis_nodes: int = Field(ge=1, le=SERVERS_MAX, description="more than one make a cluster")
    cdn: bool
    services: tuple[Literal["auth", "match", "chat"], ...] = Field(strict=False, description="run apart from the apps")


class Target(Strict):
    """A limit on a measured quantity.

    `metric` says what is measured; for latencies `samples` are glob patterns over "TYPE name" of requests.
    A target with `at_users` scales with the population: its limit holds at that many users. `windows` is the stage:
    "after warm-up" leaves out the ramp and the scenario's warm_up_s, "ramp" everything else, "all" nothing. A target
    that is not `judged` is shown and decides nothing. For the gate, `each_s` asks that the limit holds in every
    stretch of so many seconds.
    """

    title: Title
    what: str
    metric: Literal["latency_ms", "concurrent_users", "database_queries_peak_per_s", "uptime_percent", "failed_percent"]
    limit: Positive
    unit: str
    better: Literal["lower", "higher"]
    windows: Literal["after warm-up", "ramp", "all"]
    each_s: int | None = Field(default=None, ge=1)
    judged: bool = True
    samples: tuple[str, ...] = Field(strict=False, default=(), max_length=SAMPLES_MAX)
    percentile: float | None = Field(default=None, ge=0.1, le=99.999)
    at_users: int | None = Field(default=None, ge=1, le=10**9)

    @model_validator(mode="after")
    def _latency_says_which(self) -> Self:
        given = (bool(self.samples), self.percentile is not None)
        if given != ((True, True) if self.metric == "latency_ms" else (False, False)):
            raise ValueError("a latency_ms target needs samples and a percentile, any other target has neither")
        if self.metric == "latency_ms" and self.windows == "all":
            raise ValueError('a latency_ms target has windows = "after warm-up" or "ramp": together they mix two laws')
        if self.metric != "latency_ms" and self.windows == "ramp":
            raise ValueError('windows = "ramp" is for latency_ms targets')
        if self.each_s is not None and self.metric != "latency_ms":
            raise ValueError("each_s is for latency_ms targets")
        return self

    def limit_at(self, users: int) -> float:
        """The limit for a population of `users`."""
        return self.limit * users / self.at_users if self.at_users else self.limit


class Alert(Strict):
    """A quantity that is watched; without a limit it is shown only."""

    title: Title
    what: str
    metric: Literal[
        "station_cpu_percent",
        "machine_memory_percent",
        "mongo_pool_percent",
        "api_latency_ms",
        "error_percent",
        "cache_hit_percent",
        "open_sockets",
        "queue_backlog",
    ]
    unit: str
    limit: Positive | None = None
    better: Literal["lower", "higher"] = "lower"
    percentile: float | None = Field(default=None, ge=0.1, le=99.999)


class ValidityLimits(Strict):
    """Beyond these the generator or the machine was the bottleneck, and the run is invalid."""

    generator_drift_p99_ms: Positive
    generator_cpu_percent: Positive
    foreign_cpu_cores: Positive
    reached_load_share: Share
    clock_error_ms: Positive


class GateRules(Strict):
    """How sure the gate must be, and which change it is to stop."""

    confidence: float = Field(gt=0.5, lt=1, description="of the interval of a target in one run")
    warning_share: Share = Field(description="of a latency's limit: beyond it a target passes with a warning")
    min_effect_share: Positive = Field(description="a smaller slowdown never fails, however sure")
    rule_out_share: Positive = Field(description="a pass rules out a slowdown of this much")
    # Of 8,192 patterns, less than a thousandth are too few to count.
    false_alarms_share: float = Field(ge=0.001, lt=0.5, description="of comparisons without a change that may fail")
    missed_share: float = Field(ge=0.001, lt=0.5, description="of slowdowns by rule_out_share that may pass")
    more_cpu_fails: bool = Field(False, description="whether more CPU a request is a failure; else it is a warning")

    @model_validator(mode="after")
    def _something_lies_between(self) -> Self:
        if self.rule_out_share <= self.min_effect_share:
            raise ValueError("rule_out_share must be above min_effect_share, or nothing could ever pass")
        return self


class Targets(Strict):
    """The targets, the limit on failures, the alerts, what makes a run invalid, and the gate's rules."""

    targets: dict[str, Target] = Field(max_length=TARGETS_MAX)
    failures: Target
    alerts: dict[str, Alert] = Field(max_length=TARGETS_MAX)
    validity: ValidityLimits
    gate: GateRules


class Scenario(Strict):
    """Everything that a run needs to know, as resolved from the files and the command line."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)
    title: Title
    phase: int = Field(ge=1, le=3)
    weeks: tuple[int, int] = Field(strict=False)
    population: Population
    load: Load
    connection: Connection = Connection()
    abort: Abort = Abort()
    infrastructure: Infrastructure
    backend: Backend = Backend()
    costs: PhaseCosts
    traffic: Traffic
    mixes: dict[str, Traffic] = Field(
        {}, max_length=MIXES_MAX, description="other ways to behave, each on top of `traffic`: for stages"
    )
    targets: Targets

    def traffic_of(self, mix: str) -> Traffic:
        """How people behave in a stage of that mix."""
        return self.mixes[mix] if mix else self.traffic

    @field_validator("weeks")
    @classmethod
    def _weeks_go_on(cls, weeks: tuple[int, int]) -> tuple[int, int]:
        if not 1 <= weeks[0] <= weeks[1] <= WEEKS_MOST:
            raise ValueError(
                "the first and the last week: begin at 1 at least, and end no earlier than they begin, nor after "
                f"{WEEKS_MOST}"
            )
        return weeks

    @model_validator(mode="after")
    def _mixes_are_there(self) -> Self:
        if unknown := sorted({stage.mix for stage in self.load.stages} - {"", *self.mixes}):
            raise ValueError(
                f"a stage names mix {unknown[0]!r}; there are: {', '.join(sorted(self.mixes)) or 'no [mixes]'}"
            )
        for name, mix in self.mixes.items():
            if mix.couples != self.traffic.couples:
                raise ValueError(f"mixes.{name} changes `couples`: there are as many in all stages")
        return self
