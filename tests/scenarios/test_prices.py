"""The price list: invariants of what ships, exact tiers, and every problem of a bad file at once."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.files import replace_all
from scenarios.load import load_aws_queries, load_machines, load_offers
from scenarios.machines import SIZES
from scenarios.prices.price_list import SHIPPED, Confidence, PriceError, read, write

PRICES = read()
MACHINES = load_machines()
HEAD = "key,starts_at,usd,usd_low,usd_high,per,unit,region,as_of,confidence,source\n"


def test_every_row_says_what_it_is_and_where_it_comes_from() -> None:
    for row in PRICES.rows:
        assert row.unit
        assert row.region
        assert row.source
        # A price without a date is at best recalled, derived from others, or in documentation that names none.
        if not row.as_of:
            assert row.confidence != Confidence.VERIFIED or "docs" in row.source.lower()


def test_only_what_is_free_costs_nothing() -> None:
    """A free tier is followed by one that is not; the others are said to be free."""
    free = {price.key for price in PRICES.prices.values() if not any(tier.usd for tier in price.tiers)}
    assert free == {"cloudfront.flat.free", "firebase.messaging"}


@pytest.mark.parametrize("key", sorted(PRICES.prices))
def test_no_tier_is_dearer_than_the_one_before(key: str) -> None:
    """Free ones apart."""
    paid = [tier.usd for tier in PRICES.price(key).tiers if tier.usd]
    assert paid == sorted(paid, reverse=True)
    assert all(usd > 0 for usd in paid)


def test_sizes_of_a_family_grow_in_price_with_what_they_have() -> None:
    for name in MACHINES.families:
        prices = [MACHINES.types[f"{name}.{size}"].price_times for size in SIZES]
        assert prices == sorted(prices)
        assert prices[0] == 1
    tiers = [f"atlas.M{number}" for number in (10, 20, 30, 40, 50, 60, 80, 140, 200, 300)]
    hourly = [PRICES.price(key).first_usd for key in tiers]
    assert hourly == sorted(hourly)
    memory = [MACHINES.types[key.removeprefix("atlas.")].memory_gb for key in tiers]
    assert memory == sorted(memory)


def test_xlarge_is_two_large_where_the_vendor_lists_both() -> None:
    for family in ("m6i", "c7g"):
        assert PRICES.price(f"ec2.{family}.xlarge.od").first_usd == 2 * PRICES.price(f"ec2.{family}.large.od").first_usd


def test_valkey_costs_a_fifth_less_than_redis() -> None:
    for node in ("t4g.medium", "m6g.large", "m7g.large", "r6g.large"):
        redis, valkey = (PRICES.price(f"elasticache.{engine}.cache.{node}").first_usd for engine in ("redis", "valkey"))
        assert valkey == redis * Decimal("0.8")


def test_commitments_are_cheaper_than_on_demand_and_longer_ones_more_so() -> None:
    for key in PRICES.prices:
        if key.endswith(".ri1y_no_upfront"):
            assert PRICES.price(key).first_usd < PRICES.price(key.replace("ri1y_no_upfront", "od")).first_usd
    one, three = (PRICES.price(f"ec2.t3.medium.{term}_no_upfront").first_usd for term in ("ri1y", "ri3y"))
    assert three < one


def test_every_server_and_offer_has_a_price_in_the_right_unit() -> None:
    for server in MACHINES.types.values():
        if server.price:
            assert PRICES.price(server.price).unit == "hour"
        if server.credit_price:
            assert PRICES.price(server.credit_price).unit == "vcpu-hour"
    for plan in load_offers().cdn.values():
        assert PRICES.price(plan.price).unit == "month"


@pytest.mark.parametrize(
    ("key", "quantity", "usd"),
    [
        ("cloudfront.us.dto", "1024", "0"),  # 1 TB is free
        ("cloudfront.us.dto", "5120", "348.16"),  # (5,120 - 1,024) x .085
        ("cloudfront.us.dto", "11264", "865.28"),  # 9,216 x .085 + 1,024 x .080
        ("dto.internet", "2048", "175.32"),  # (2,048 - 100) x .09
        ("dto.internet", "10340", "921.1"),  # 10,140 x .09 + 100 x .085, 100 free
        ("sqs.standard.requests", "10000000", "3.6"),
        ("s3.get", "1000000", "0.4"),
        ("s3.put", "1000", "0.005"),
        ("cloudwatch.metric", "30", "6"),  # ten are free
        ("cloudwatch.alarm", "8", "0"),
        ("cloudwatch.logs.ingest", "5.5", "0.25"),
    ],
)
def test_known_answers_of_tiers(key: str, quantity: str, usd: str) -> None:
    assert PRICES.price(key).usd(Decimal(quantity)) == Decimal(usd)


@given(st.decimals(0, 10**7, places=3), st.decimals(0, 10**7, places=3))
def test_without_tiers_two_halves_cost_what_the_whole_does(one: Decimal, other: Decimal) -> None:
    price = PRICES.price("cloudfront.us.requests_http")
    assert price.usd(one) + price.usd(other) == price.usd(one + other)


@given(st.sampled_from(sorted(PRICES.prices)), st.decimals(0, 10**9, places=3), st.decimals(0, 10**6, places=3))
def test_more_costs_at_least_as_much(key: str, quantity: Decimal, more: Decimal) -> None:
    price = PRICES.price(key)
    assert 0 <= price.usd(quantity) <= price.usd(quantity + more)


def test_what_is_written_reads_the_same(tmp_path: Path) -> None:
    write(tmp_path / "prices.csv", PRICES.rows)
    assert (tmp_path / "prices.csv").read_text() == SHIPPED.read_text()
    assert read(tmp_path / "prices.csv").rows == PRICES.rows


def test_every_problem_is_said_at_once_with_line_and_key(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(
        HEAD
        + "a.b,0,-1,,,1,hour,r,2026,verified,s\n"
        + "a.c,0,1,,,1,,r,2026,verified,s\n"
        + "a.d,0,1,,,0,hour,r,2026,verified,s\n"
        + "a.e,0,1,,,1,hour,r,yesterday,verified,s\n"
        + "a.f,0,1,,,1,hour,r,2026,probably,s\n"
        + "a.k,0,1,,,1,hour,r,2026-13,verified,s\n"
        + "a.g,5,1,,,1,hour,r,2026,verified,s\n"
        + "a.h,0,1,,,1,hour,r,2026,verified,s\n"
        + "a.h,0,1,,,1,month,r,2026,verified,s\n"
        + "a.i,0,one,,,1,hour,r,2026,verified,\n"
        + "a.j,0,3,1,2,1,hour,r,2026,verified,s\n"
    )
    with pytest.raises(PriceError) as error:
        read(path)
    text = str(error.value)
    for expected in (
        "mine.csv: line 2, a.b: usd '-1':",
        "mine.csv: line 3, a.c: unit is empty; say what one costs so much",
        "mine.csv: line 4, a.d: per '0': must be 1 at least.",
        "mine.csv: line 5, a.e: as_of 'yesterday'",
        "mine.csv: line 6, a.f: confidence 'probably'",
        "mine.csv: line 7, a.k: as_of '2026-13': month must be in 1..12",
        "mine.csv: a.g: no row starts at 0.",
        "mine.csv: a.h: its rows have different units: hour, month.",
        "mine.csv: a.h: two rows start at the same quantity.",
        "mine.csv: line 11, a.i: usd 'one'",
        "mine.csv: line 11, a.i: source ''",
        "mine.csv: a.j: usd must lie between usd_low and usd_high.",
    ):
        assert expected in text


def test_only_dollars(tmp_path: Path) -> None:
    path = tmp_path / "euro.csv"
    path.write_text(HEAD.replace("source", "source,currency") + "a.b,0,1,,,1,hour,r,2026,verified,s,EUR\n")
    with pytest.raises(PriceError, match=r"euro.csv: line 2, a.b: currency is 'EUR'; only USD is counted"):
        read(path)


def test_a_file_without_a_column_or_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "short.csv").write_text("key,usd\na,1\n")
    with pytest.raises(PriceError, match=r"short.csv: column starts_at, per, unit, .* is missing; there are: key, usd"):
        read(tmp_path / "short.csv")
    with pytest.raises(PriceError, match=r"nowhere.csv cannot be read: No such file"):
        read(tmp_path / "nowhere.csv")


def test_a_spreadsheets_file_reads_as_any_other(tmp_path: Path) -> None:
    """A mark of its encoding, lines that end its way, a blank line, columns in another order."""
    lines = [HEAD.strip().split(","), ["a.b", "0", "1", "", "", "1", "hour", "r", "2026", "verified", "s"]]
    swapped = [",".join([*cells[1:], cells[0]]) for cells in lines]
    (tmp_path / "sheet.csv").write_bytes(("\ufeff" + "\r\n\r\n".join(swapped) + "\r\n").encode())
    assert read(tmp_path / "sheet.csv").price("a.b").first_usd == 1


def test_rows_that_are_too_long_or_too_short(tmp_path: Path) -> None:
    path = tmp_path / "ragged.csv"
    path.write_text(HEAD + "\n\na.b,0,1,,,1,hour,r,2026,verified,s,more\na.c,0,1,,,1,hour\n")
    with pytest.raises(PriceError) as error:
        read(path)
    assert "ragged.csv: line 4, a.b: has more cells than columns." in str(error.value)
    assert "ragged.csv: line 5, a.c: region ''" in str(error.value)


def test_a_list_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text(HEAD)
    with pytest.raises(PriceError, match=r"empty.csv has no rows; `matchday prices list` shows what ours has"):
        read(tmp_path / "empty.csv")


def test_what_cannot_be_written_leaves_all_that_was_there(tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text("precious")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        replace_all({tmp_path / "prices.csv": "new", tmp_path / "folder": "a file?"})
    assert (tmp_path / "prices.csv").read_text() == "precious"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["folder", "prices.csv"]


def test_an_unknown_key_names_those_that_are_near() -> None:
    with pytest.raises(PriceError, match=r"there is no price 'ec2.t3.mediun.od'; nearest: ec2.t3.medium.od"):
        PRICES.price("ec2.t3.mediun.od")


def test_each_query_finds_its_keys_and_no_others() -> None:
    queries = load_aws_queries().queries
    asked = {key: [q.key for q in queries if q.filters_of(key) is not None] for key in PRICES.prices}
    assert asked["ec2.t3.medium.od"] == ["ec2.{type}.od"]
    assert asked["ec2.t3.medium.ri1y_no_upfront"] == []
    assert asked["elasticache.valkey.cache.m6g.large"] == ["elasticache.valkey.cache.{type}"]
    assert all(len(found) <= 1 for found in asked.values())
    medium = next(q.filters_of("ec2.t3.medium.od") for q in queries if q.key == "ec2.{type}.od")
    assert medium is not None
    assert medium["instanceType"] == "t3.medium"
