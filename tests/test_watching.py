"""deploy/watching: rules, dashboard and alarms have the limits of scenarios/targets.toml, and ask for what is there."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import promql_parser
import pytest
import yaml
from botocore.config import Config
from prometheus_client.parser import text_string_to_metric_families

from reference_app.stack import LocalStack
from reference_app.stack.process import ServerProcess, free_port, http_answers
from reports.watching.__main__ import files
from reports.watching.prometheus import JOB, alert_name, expression, recorded
from scenarios.load import load
from tests.reference_app.conftest import Backend, sign_in, somebody_unused
from tests.waiting import eventually, wait_for

FOLDER = Path("deploy/watching")
ALERTS = load("phase-3").targets.alerts
LIMITED = {key: alert for key, alert in ALERTS.items() if alert.limit is not None}
LIMITS = {key: alert.limit for key, alert in ALERTS.items() if alert.limit is not None}
BOARD = json.loads((FOLDER / "dashboard.json").read_text())
QUERIES = [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]
tool = pytest.mark.skipif(not shutil.which("promtool"), reason="Debian's prometheus has promtool; it is not on PATH")


@pytest.mark.parametrize("name", files())
def test_what_is_checked_in_is_what_is_made(name: str) -> None:
    """`make schema` writes it anew."""
    assert (FOLDER / name).read_text() == files()[name]


def test_all_seven_of_the_plan_are_watched_with_its_limits() -> None:
    limits = {key: alert.limit for key, alert in ALERTS.items()}
    plan = {"cpu": 70, "memory": 70, "mongo_connections": 80, "api_p95": 500, "errors": 1, "cache_hits": 80}
    assert limits == {**plan, "sockets": None, "queue": None}
    rules = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][1]["rules"]
    found = {rule["alert"]: rule["expr"] for rule in rules}
    for key, alert in LIMITED.items():
        worse = ">" if alert.better == "lower" else "<"
        assert found[alert_name(key)] == f"{recorded(key)} {worse} {alert.limit:g}"
    assert {recorded(key) for key in ALERTS} <= set(QUERIES)


def selectors(found: Any) -> Iterator[Any]:
    """The vector selectors of a parsed expression."""
    if isinstance(found, promql_parser.VectorSelector):
        yield found
    for name in ("lhs", "rhs", "expr", "vector_selector", "args"):
        inner = getattr(found, name, None)
        for one in inner if isinstance(inner, list) else [inner]:
            if one is not None:
                yield from selectors(one)


async def test_every_expression_asks_for_what_a_real_scrape_has(stack: LocalStack) -> None:
    worker = f"http://127.0.0.1:{stack.server('worker').argv[-1]}/metrics"
    scraped: dict[str, set[str]] = {}
    async with httpx.AsyncClient() as http:
        await http.get(f"{stack.host}/me")
        for url in (stack.info.prometheus[0].url, worker):
            for family in text_string_to_metric_families((await http.get(url)).text):
                for sample in family.samples:
                    scraped.setdefault(sample.name, set()).update(sample.labels)
                if family.type == "counter":  # those that have labels come with their first sample
                    scraped.setdefault(f"{family.name}_total", set())
    rare = {"matchday_jobs_total": {"kind", "outcome"}, "matchday_commit_documents_sum": {"collection"}}
    for text in (*map(expression, ALERTS.values()), *QUERIES):
        if text in map(recorded, ALERTS):
            continue
        wanted = list(selectors(promql_parser.parse(text)))
        assert wanted, text
        for selector in wanted:
            assert selector.name in scraped, f"{selector.name} is on no page"
            for matcher in selector.matchers.matchers:
                labels = scraped[selector.name] | rare.get(selector.name, set()) | {"job"}
                assert matcher.name in labels, f"{selector.name} has no label {matcher.name}"


def test_panels_have_a_place_each() -> None:
    places = [tuple(panel["gridPos"][side] for side in "xywh") for panel in BOARD["panels"]]
    taken = [(x + dx, y + dy) for x, y, w, h in places for dx in range(w) for dy in range(h)]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
    limits = [panel["fieldConfig"]["defaults"]["thresholds"]["steps"][1]["value"] for panel in BOARD["panels"][:5]]
    assert limits == [alert.limit for alert in LIMITED.values()][:5]


def test_the_template_is_sound() -> None:
    linter = Path(sys.executable).parent / "cfn-lint"
    done = subprocess.run([linter, FOLDER / "alarms.yml"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[str]:
    """The emulator, with CloudFormation."""
    port = free_port()
    environment = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "MINISTACK_HOST": "127.0.0.1"}
    environment |= {"SERVICES": "cloudformation,cloudwatch,sns", "IOT_MTLS_ENABLED": "0", "TMPDIR": str(tmp_path)}
    url = f"http://127.0.0.1:{port}"
    server = ServerProcess(
        "aws",
        [sys.executable, "-m", "ministack"],
        tmp_path / "aws.log",
        lambda: http_answers(f"{url}/_ministack/health"),
        environment,
    )
    server.start()
    try:
        server.wait_ready()
        yield url
    finally:
        server.stop()


def test_the_template_makes_an_alarm_for_each_limit(aws: str) -> None:
    """But for ratios of two metrics: the emulator has no metric math, so cfn-lint alone has looked at those."""
    template = yaml.safe_load((FOLDER / "alarms.yml").read_text())
    ratios = {name for name, resource in template["Resources"].items() if "Metrics" in resource["Properties"]}
    assert ratios == {"AlarmMongoConnections", "AlarmErrors"}
    for name in ratios:
        del template["Resources"][name]

    def client(service: str) -> Any:
        access = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        return boto3.client(service, endpoint_url=aws, config=Config(retries={"total_max_attempts": 1}), **access)

    values = {
        "AlarmTopic": "arn:aws:sns:us-east-1:000000000000:on-call",
        "LoadBalancer": "app/matchday/50dc6c495c0c9188",
        "AutoScalingGroup": "matchday-apps",
        "CacheCluster": "matchday-001",
    }
    parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]
    cloudformation = client("cloudformation")
    cloudformation.create_stack(StackName="watching", TemplateBody=json.dumps(template), Parameters=parameters)

    def made() -> bool:
        state = cloudformation.describe_stacks(StackName="watching")["Stacks"][0]["StackStatus"]
        assert "FAILED" not in state, state
        assert "ROLLBACK" not in state, state
        return bool(state == "CREATE_COMPLETE")

    wait_for(made, "stack of alarms")
    alarms = {alarm["AlarmName"]: alarm for alarm in client("cloudwatch").describe_alarms()["MetricAlarms"]}
    made_of = {key: alert for key, alert in LIMITED.items() if key not in ("mongo_connections", "errors")}
    assert set(alarms) == {f"watching-{key}" for key in made_of}
    for key, alert in made_of.items():
        alarm = alarms[f"watching-{key}"]
        assert alarm["Threshold"] == LIMITS[key] / (1000 if key == "api_p95" else 1)
        assert alarm["ComparisonOperator"].startswith("Greater" if alert.better == "lower" else "Less")
        assert alarm["AlarmActions"] == [values["AlarmTopic"]]


def promtool(*arguments: str | Path, cwd: Path = FOLDER) -> str:
    done = subprocess.run(["promtool", *arguments], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@tool
@pytest.mark.slow
def test_promtool_finds_nothing_wrong() -> None:
    assert "SUCCESS" in promtool("check", "config", "prometheus.yml")
    assert "15 rules found" in promtool("check", "rules", "--lint=all", "--lint-fatal", "alerts.yml")


# What raises each alert, as the metrics of a minute: series and how they go on (promtool's notation).
_REQUESTS = f'matchday_request_seconds_count{{job="{JOB}",route="/me",status="%s"}}'
_BUCKET = f'matchday_request_seconds_bucket{{job="{JOB}",route="/me",status="200",le="%s"}}'
RAISING = {
    "cpu": {f'process_cpu_seconds_total{{job="{JOB}"}}': ("0+12x40", "0+10x40")},  # seconds a quarter of a minute
    "memory": {f'matchday_machine_memory_percent{{job="{JOB}"}}': ("71x40", "69x40")},
    "mongo_connections": {
        f'matchday_mongo_connections_in_use{{job="{JOB}"}}': ("41x40", "39x40"),
        f'matchday_mongo_pool_size{{job="{JOB}"}}': ("50x40", "50x40"),
    },
    "api_p95": {
        _BUCKET % "0.3": ("0+90x40", "0+96x40"),
        _BUCKET % "0.5": ("0+90x40", "0+98x40"),
        _BUCKET % "1.0": ("0+100x40", "0+100x40"),
        _BUCKET % "+Inf": ("0+100x40", "0+100x40"),
    },
    "errors": {
        _REQUESTS % "200": ("0+980x40", "0+995x40"),
        _REQUESTS % "503": ("0+20x40", "0+5x40"),
    },
    "cache_hits": {
        f'matchday_cache_hits_total{{job="{JOB}",cache="decks"}}': ("0+79x40", "0+81x40"),
        f'matchday_cache_misses_total{{job="{JOB}",cache="decks"}}': ("0+21x40", "0+19x40"),
    },
}


@tool
@pytest.mark.slow
@pytest.mark.parametrize("key", LIMITED)
@pytest.mark.parametrize("side", ["beyond the limit", "within it"])
def test_an_alert_fires_beyond_its_limit_and_not_within_it(key: str, side: str, tmp_path: Path) -> None:
    raised = side == "beyond the limit"
    series = [{"series": name, "values": both[0 if raised else 1]} for name, both in RAISING[key].items()]
    up = {"series": f'up{{job="{JOB}"}}', "values": "1x40"}
    case = {
        "interval": "15s",
        "input_series": [*series, up],
        "alert_rule_test": [{"eval_time": "4m", "alertname": alert_name(key), "exp_alerts": []}],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{alert_name(key)}",alertstate="firing"}})',
                "eval_time": "9m",
                "exp_samples": [{"labels": "{}", "value": 1}] if raised else [],
            }
        ],
    }
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str((FOLDER / "alerts.yml").absolute())], "tests": [case]}))
    promtool("test", "rules", file, cwd=tmp_path)


@tool
@pytest.mark.slow
async def test_a_real_prometheus_records_all_of_them(stack: LocalStack, tmp_path: Path) -> None:
    """A server that scrapes the stack, by the rules that are shipped: every quantity has a value."""
    worker = f"127.0.0.1:{stack.server('worker').argv[-1]}"
    app = str(stack.info.prometheus[0].url).removeprefix("http://").removesuffix("/metrics")
    configuration = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    configuration["scrape_configs"][0]["static_configs"] = [{"targets": [app, worker]}]
    configuration["rule_files"] = [str((FOLDER / "alerts.yml").absolute())]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    url = f"http://127.0.0.1:{(port := free_port())}"
    argv = ["prometheus", f"--web.listen-address=127.0.0.1:{port}", f"--config.file={tmp_path / 'prometheus.yml'}"]
    argv += [f"--storage.tsdb.path={tmp_path / 'data'}"]
    server = ServerProcess("prometheus", argv, tmp_path / "log", lambda: http_answers(f"{url}/-/ready"))
    somebody = await sign_in(Backend(stack.host, stack.settings.otp_test_secret), somebody_unused())
    server.start()
    try:
        server.wait_ready()
        async with httpx.AsyncClient() as http:

            async def missing() -> set[str]:
                await http.get(f"{stack.host}/me", headers=somebody.http.headers)  # whose session is in a cache
                values: dict[str, float] = {}
                for key in ALERTS:
                    answer = (await http.get(f"{url}/api/v1/query", params={"query": recorded(key)})).json()
                    for found in answer["data"]["result"]:
                        values[key] = float(found["value"][1])
                return {key for key in ALERTS if not values.get(key, -1.0) >= 0}

            await eventually(missing, set())
            targets = (await http.get(f"{url}/api/v1/targets")).json()["data"]["activeTargets"]
            assert [target["health"] for target in targets] == ["up", "up"]
    finally:
        server.stop()
        await somebody.http.aclose()
