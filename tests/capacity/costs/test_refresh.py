"""New prices from AWS: recorded answers of the Price List API, one row a tier, and everything that may go wrong."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from capacity.costs.freshness import doubts, latest
from capacity.costs.refresh import refreshed
from scenarios.load import load_aws_queries
from scenarios.outcome import UsageError
from scenarios.prices.price_list import Confidence, PriceList, read

TODAY = date(2026, 11, 30)
QUERIES = load_aws_queries()


def some(*keys: str) -> PriceList:
    return PriceList("list.csv", tuple(row for row in read().rows if row.key in keys))


def product(sku: str, *tiers: tuple[str, str, str], unit: str = "Hrs") -> str:
    """As `get_products` answers: a JSON text for each product, tiers by begin and end, dollars a unit."""
    dimensions = {
        f"{sku}.JRTCKXETXF.{number}": {
            "unit": unit,
            "beginRange": begin,
            "endRange": end,
            "description": "recorded shape",
            "appliesTo": [],
            "rateCode": f"{sku}.JRTCKXETXF.{number}",
            "pricePerUnit": {"USD": usd},
        }
        for number, (begin, end, usd) in enumerate(tiers)
    }
    term = {"priceDimensions": dimensions, "sku": sku, "effectiveDate": "2026-11-01T00:00:00Z", "termAttributes": {}}
    return json.dumps(
        {
            "product": {"productFamily": "Storage", "attributes": {"regionCode": "us-east-1"}, "sku": sku},
            "serviceCode": "AmazonS3",
            "terms": {"OnDemand": {f"{sku}.JRTCKXETXF": term}, "Reserved": {}},
            "version": "20261101000000",
            "publicationDate": "2026-11-01T00:00:00Z",
        }
    )


class Aws:
    """boto3's client with recorded answers, in order."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.client = boto3.client(
            "pricing", region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none"
        )
        self._stubber = Stubber(self.client)
        for answer in answers:
            self._stubber.add_response("get_products", answer)
        self._stubber.activate()


def test_a_price_becomes_a_row_of_today() -> None:
    aws = Aws({"FormatVersion": "aws_v1", "PriceList": [product("ABC", ("0", "Inf", "0.0425000000"))]})
    found = refreshed(some("ec2.t3.medium.od"), QUERIES, aws.client, TODAY)
    (row,) = found.rows
    assert row.usd == Decimal("0.0425")
    assert (row.as_of, row.confidence) == ("2026-11-30", Confidence.VERIFIED)
    assert row.source == "AWS Price List API, AmazonEC2, SKU ABC"
    (change,) = found.changes
    assert (change.before_usd, change.after_usd) == (Decimal("0.0416"), Decimal("0.0425"))
    assert found.asked == 1


def test_it_asks_for_that_server_in_that_region() -> None:
    client = boto3.client("pricing", region_name="us-east-1", aws_access_key_id="n", aws_secret_access_key="n")
    wanted = {
        "instanceType": "t3.medium",
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
        "regionCode": "us-east-1",
    }
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted.items()]
    expected = {"ServiceCode": "AmazonEC2", "Filters": filters, "FormatVersion": "aws_v1"}
    with Stubber(client) as stubber:
        answer = {"PriceList": [product("ABC", ("0", "Inf", "0.0416"))]}
        stubber.add_response("get_products", answer, expected)
        assert refreshed(some("ec2.t3.medium.od"), QUERIES, client, TODAY).changes == ()
        stubber.assert_no_pending_responses()


def test_tiers_become_rows_over_several_pages() -> None:
    tiers = [("0", "51200", "0.023"), ("51200", "512000", "0.022"), ("512000", "Inf", "0.021")]
    aws = Aws({"PriceList": [], "NextToken": "more"}, {"PriceList": [product("S3", *tiers, unit="GB-Mo")]})
    found = refreshed(some("s3.standard.storage"), QUERIES, aws.client, TODAY)
    assert [(row.starts_at, row.usd) for row in found.rows] == [
        (Decimal(0), Decimal("0.023")),
        (Decimal(51_200), Decimal("0.022")),
        (Decimal(512_000), Decimal("0.021")),
    ]


def test_a_price_for_a_thousand_stays_one_for_a_thousand() -> None:
    aws = Aws({"PriceList": [product("PUT", ("0", "Inf", "0.0000060000"), unit="Requests")]})
    (row,) = refreshed(some("s3.put"), QUERIES, aws.client, TODAY).rows
    assert (row.usd, row.per) == (Decimal("0.006"), Decimal(1000))


def test_no_answer_and_two_answers_leave_a_price_as_it_was() -> None:
    known = some("ec2.t3.medium.od", "nat.hour")
    two = [product("A", ("0", "Inf", "0.04")), product("B", ("0", "Inf", "0.05"))]
    found = refreshed(known, QUERIES, Aws({"PriceList": two}, {"PriceList": []}).client, TODAY)
    assert set(found.rows) == set(known.rows)
    assert found.kept == (
        "ec2.t3.medium.od: 2 different prices were found",
        "nat.hour: no price on demand by the hour was found",
    )


@pytest.mark.parametrize(
    "answer", [product("A", ("0", "Inf", "0.05"), unit="GB"), product("A", ("0", "Inf", "NaN")), "{}", '{"terms": {}}']
)
def test_an_answer_that_is_no_price_an_hour_is_none(answer: str) -> None:
    found = refreshed(some("nat.hour"), QUERIES, Aws({"PriceList": [answer]}).client, TODAY)
    assert found.kept == ("nat.hour: no price on demand by the hour was found",)


def test_the_same_price_twice_is_one_answer() -> None:
    twice = [product(sku, ("0", "Inf", "0.05"), unit="GB") for sku in ("A", "B")]
    found = refreshed(some("nat.gb"), QUERIES, Aws({"PriceList": twice}).client, TODAY)
    assert found.rows[0].usd == Decimal("0.05")


def test_what_aws_does_not_sell_stays() -> None:
    known = some("atlas.M30", "twilio.sms.us", "ec2.t3.medium.ri1y_no_upfront")
    found = refreshed(known, QUERIES, Aws().client, TODAY)
    assert found.rows == known.rows
    assert found.asked == 0


def test_without_credentials_it_says_what_is_needed() -> None:
    client = boto3.client("pricing", region_name="us-east-1", aws_access_key_id="n", aws_secret_access_key="n")
    with Stubber(client) as stubber:
        stubber.add_client_error("get_products", "UnrecognizedClientException", "The security token is invalid.")
        with pytest.raises(UsageError, match=r"could not be asked for nat.hour: .* pricing:GetProducts .* Nothing was"):
            refreshed(some("nat.hour"), QUERIES, client, TODAY)


@pytest.mark.parametrize(
    ("as_of", "day"),
    [
        ("2026", date(2026, 12, 31)),
        ("2024-02", date(2024, 2, 29)),
        ("2024-12", date(2024, 12, 31)),
        ("2026-07-20", date(2026, 7, 20)),
    ],
)
def test_a_month_ends_on_its_last_day(as_of: str, day: date) -> None:
    assert latest(as_of) == day


def test_doubts_are_age_date_and_confidence() -> None:
    found = {one.row.key: one.why for one in doubts(read(), TODAY)}
    assert found["alb.hour"] == "852 days old"
    assert found["atlas.M80"] == "no date, unverified"
    assert found["atlas.M40"] == "secondary"
    assert "ec2.t3.medium.od" not in found
    assert "ec2.t3.medium.od" in {one.row.key for one in doubts(read(), TODAY, old_days=30)}
