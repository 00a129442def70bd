"""What a scenario's costs may not say: all of it at once, with file and key."""

from dataclasses import replace
from pathlib import Path

import pytest

from capacity.costs.known import check
from capacity.costs.report import cost_report
from scenarios.load import ScenarioError, load, load_all, load_plan
from scenarios.prices.price_list import PriceList
from tests.capacity.costs.made import basis

MINE = """
extends = "phase-1"
weeks = [3, 6]
[costs]
stated_usd_per_month = [1, 2]
[[costs.lines]]
resource = "app_servers"
item = "A"
quantity = 1
unit = "server"
unit_usd = 1
basis = "seed"
note = ""
list_price = [
    { server = "t9.huge", quantity = 1, unit = "each", basis = "seed" },
    { price = "sqs.standard.requestz", quantity = 1, unit = "request", basis = "seed" },
    { price = "sqs.standard.requests", quantity = 1, unit = "gb", basis = "seed" },
]
"""

WRONG = """
extends = "phase-1"
[population]
users = 0
[costs]
currency = "EUR"
stated_usd_per_month = [1, 2]
[[costs.lines]]
resource = "mainframe"
item = "A"
quantity = -1
unit = ""
unit_usd = 1
basis = "seed"
note = ""
list_price = [
    { server = "t3.medium", price = "alb.hour", quantity = 1, unit = "each", basis = "seed" },
    { server = "t3.medium", quantity = 1, unit = "hour", basis = "seed" },
]
"""


def test_names_that_nobody_knows_and_weeks_that_overlap(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(MINE)
    scenarios = load_all(["phase-1", str(tmp_path / "mine.toml"), "phase-3"])
    with pytest.raises(ScenarioError) as error:
        check(scenarios, basis().market)
    text = str(error.value)
    for expected in (
        "mine.toml: costs.lines.0.list_price.0: there is no server 't9.huge' with a price; there are ",
        "mine.toml: costs.lines.0.list_price.1: list.csv: there is no price 'sqs.standard.requestz'; nearest: ",
        "mine.toml: costs.lines.0.list_price.2: unit of sqs.standard.requests is 'request'; got 'gb'.",
        "phase-1.toml and mine.toml: weeks: 1 to 4 and 3 to 6 overlap; one phase follows the other.",
    ):
        assert expected in text
    assert len(text.splitlines()) == 4


def test_what_a_file_says_wrongly_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text(WRONG)
    with pytest.raises(ScenarioError) as error:
        load_all([str(tmp_path / "wrong.toml"), "nowhere"])
    text = str(error.value)
    for expected in (
        "wrong.toml: population.users: Input should be greater than or equal to 10; got 0.",
        "wrong.toml: costs.currency: ",
        "wrong.toml: costs.lines.0.resource: there is no resource 'mainframe'; there are: load_balancer, app_servers",
        "wrong.toml: costs.lines.0.quantity: Input should be greater than or equal to 0",
        "wrong.toml: costs.lines.0.unit: a price needs a unit: server, GB, month.",
        "wrong.toml: costs.lines.0.list_price.0: takes a server or a price, one of them.",
        "wrong.toml: costs.lines.0.list_price.1: unit of a server is \"each\", all month; got 'hour'.",
        "There is no scenario 'nowhere'.",
    ):
        assert expected in text


def test_weeks_that_end_before_they_begin() -> None:
    with pytest.raises(ScenarioError, match=r"weeks: .* begin at 1 at least, and end no earlier"):
        load("phase-1", ["weeks=[8, 5]"])


def test_servers_of_an_infrastructure_that_nobody_knows() -> None:
    strange = load("phase-1", ["infrastructure.app_instance=t9.huge", "infrastructure.mongodb=M99"])
    with pytest.raises(ScenarioError) as error:
        check([strange], basis().market)
    assert "phase-1.toml: infrastructure.app_instance: there is no server 't9.huge' with a price; there are " in str(
        error.value
    )
    assert "phase-1.toml: infrastructure.mongodb: there is no tier 'M99'; there are M10, " in str(error.value)


def test_a_tier_by_its_own_name_and_a_scenario_without_list_prices_have_bills_and_weeks() -> None:
    line = "{item='All',quantity=1,unit='month',unit_usd=5,basis='seed',note=''}"
    own = load(
        "phase-3", [f"costs.lines=[{line}]", "infrastructure.mongodb=M40", "infrastructure.app_instance=m7g.large"]
    )
    check([own], basis().market)
    found = cost_report([(own, basis("phase-3"))], load_plan())
    (bill,) = found.phases
    assert bill.total.plan == 5
    assert bill.lines[0].unknown == "no list price is given (list_price)"
    assert found.weeks[-1].need_usd.middle > 0
    assert [one.servers for one in found.commitments[::4]] == ["3 x m7g.large", "3 x redis.m6g.large"]


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("costs.lines=[]", "costs.lines: needs a line at least."),
        ("weeks=[5, 100000]", "end no earlier than they begin, nor after 520"),
        ("costs.monthly_budget_usd='1e999999'", "costs.monthly_budget_usd: Input should be less than or equal to"),
        ("costs.monthly_budget_usd=-1", "costs.monthly_budget_usd: Input should be greater than or equal to 0"),
    ],
)
def test_figures_beyond_all_bounds(setting: str, sentence: str) -> None:
    with pytest.raises(ScenarioError) as error:
        load("phase-1", [setting])
    assert sentence in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("quantity", ["0.5", "0", "1.5"])
def test_half_a_server_is_none(quantity: str) -> None:
    item = f"{{server='t3.medium',quantity={quantity},unit='each',basis='seed'}}"
    line = f"{{item='A',quantity=1,unit='server',unit_usd=5,basis='seed',note='',list_price=[{item}]}}"
    with pytest.raises(ScenarioError, match="quantity of a server is a whole number, 1 at least"):
        load("phase-1", [f"costs.lines=[{line}]"])


def test_prices_that_are_missing_or_in_another_unit_are_said_at_once() -> None:
    market = basis().market
    rows = [row for row in market.prices.rows if row.key not in ("nat.hour", "atlas.M10", "twilio.longcode")]
    other = [
        row.model_copy(update={"unit": "month"}) if row.key in ("alb.hour", "ec2.m5.large.od") else row for row in rows
    ]
    with pytest.raises(ScenarioError) as error:
        check([load("phase-1")], replace(market, prices=PriceList("mine.csv", tuple(other))))
    text = str(error.value)
    for expected in (
        "mine.csv: nat.hour: there is no row; one with unit 'hour' is needed.",
        "mine.csv: atlas.M10: there is no row; one with unit 'hour' is needed.",
        "mine.csv: twilio.longcode: there is no row; one with unit 'month' is needed.",
        "mine.csv: alb.hour: its unit is 'month', and must be 'hour'.",
        "mine.csv: ec2.m5.large.od: its unit is 'month', and must be 'hour'.",
    ):
        assert expected in text


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (["infrastructure.apps=10"], "2 x t3.medium, but infrastructure has 10 x t3.medium: change one of the two."),
        (["infrastructure.mongodb=M40"], "1 x M20, but infrastructure.mongodb is 'M40', once: change one of the two."),
    ],
)
def test_a_bill_of_other_servers_than_the_infrastructures(settings: list[str], sentence: str) -> None:
    with pytest.raises(ScenarioError) as error:
        check([load("phase-2", settings)], basis().market)
    assert sentence in str(error.value)


def test_two_kinds_of_one_role_and_a_server_in_anothers_line() -> None:
    def rented(server: str) -> str:
        return f"{{server='{server}',quantity=1,unit='each',basis='seed'}}"

    head = "quantity=1,unit='x',unit_usd=5,basis='seed',note=''"
    apps = f"{{resource='app_servers',item='A',{head},list_price=[{rented('t3.medium')},{rented('t3.large')}]}}"
    wrong = f"{{resource='queue',item='Q',{head},list_price=[{rented('M10')}]}}"
    with pytest.raises(ScenarioError) as error:
        check([load("phase-1", [f"costs.lines=[{apps},{wrong}]"])], basis().market)
    assert "1 x t3.large, but costs.lines.0.list_price.0 has a kind of app already" in str(error.value)
    assert "1 x M10 stands in a line of queue; its own is database." in str(error.value)


def test_two_files_of_one_name(tmp_path: Path) -> None:
    for folder, phase in (("a", 1), ("b", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "own.toml").write_text(f'extends = "phase-{phase}"\n')
    with pytest.raises(ScenarioError, match="Two scenarios are called 'own': give one of the files another name"):
        load_all([str(tmp_path / "a" / "own.toml"), str(tmp_path / "b" / "own.toml")])


def test_the_shipped_phases_are_known() -> None:
    check([load(name) for name in ("phase-1", "phase-2", "phase-3")], basis().market)
