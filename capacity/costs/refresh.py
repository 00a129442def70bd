"""List prices anew from the AWS Price List API: rows of today, for what is on demand and asked for in aws.toml."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from scenarios.outcome import UsageError
from scenarios.prices.aws import AwsQueries, Query
from scenarios.prices.price_list import Confidence, PriceList, PriceRow

# As AWS writes them, and as the price list does.
_UNITS = {
    "Hrs": "hour",
    "GB-Mo": "gb-month",
    "GB": "gb",
    "Requests": "request",
    "LCU-Hrs": "lcu-hour",
    "vCPU-Hours": "vcpu-hour",
}


@dataclass(frozen=True)
class Change:
    """A key's first price that is not nothing, before and after, in dollars for `per` units."""

    key: str
    before_usd: Decimal
    after_usd: Decimal
    per: Decimal
    unit: str


@dataclass(frozen=True)
class Refreshed:
    """All rows, those of `asked` keys anew; `kept` says of the others that were asked for why they are as they were."""

    rows: tuple[PriceRow, ...]
    asked: int
    changes: tuple[Change, ...]
    kept: tuple[str, ...]


def refreshed(
    prices: PriceList, queries: AwsQueries, client: Any, today: date, progress: Callable[[str], None] = lambda _: None
) -> Refreshed:
    """`client` is boto3's `pricing`. Raises UsageError where AWS cannot be asked at all: nothing is changed then."""
    rows: list[PriceRow] = []
    changes, kept, asked = list[Change](), list[str](), 0
    for key in prices.prices:
        own = [row for row in prices.rows if row.key == key]
        query = _query(queries.queries, key)
        if query is None:
            rows += own
            continue
        asked += 1
        progress(key)
        products = _products(client, query, key, queries.region)
        try:
            found = _rows(own, products, query, queries.region, today)
        except ValueError as error:
            kept.append(f"{key}: {error}")
            rows += own
            continue
        rows += found
        before, after = _first(own), _first(found)
        if before.usd / before.per != after.usd / after.per:
            changes.append(Change(key, before.usd, after.usd * before.per / after.per, before.per, before.unit))
    return Refreshed(tuple(rows), asked, tuple(changes), tuple(kept))


def _query(queries: Sequence[Query], key: str) -> Query | None:
    return next((query for query in queries if query.filters_of(key) is not None), None)


def _products(client: Any, query: Query, key: str, region: str) -> list[dict[str, Any]]:
    wanted = {**(query.filters_of(key) or {}), "regionCode": region}
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted.items()]
    found, token = list[dict[str, Any]](), dict[str, str]()
    try:
        while True:
            answer = client.get_products(ServiceCode=query.service, Filters=filters, FormatVersion="aws_v1", **token)
            found += [json.loads(one) for one in answer.get("PriceList", [])]
            if not answer.get("NextToken"):
                return found
            token = {"NextToken": answer["NextToken"]}
    except (BotoCoreError, ClientError, ValueError) as error:
        raise UsageError(
            f"The AWS Price List API could not be asked for {key}: {error}. It needs credentials that may call "
            "pricing:GetProducts (AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY). Nothing was written."
        ) from error


def _rows(
    own: Sequence[PriceRow], products: Sequence[dict[str, Any]], query: Query, region: str, today: date
) -> list[PriceRow]:
    """Raises ValueError, saying why there is no answer to take."""
    unit = _first(own).unit
    dimensions = [
        (product.get("product", {}).get("sku", "unknown"), tiers)
        for product in products
        if (tiers := list(_tiers(product, unit)))
    ]
    if not dimensions:
        raise ValueError(f"no price on demand by the {unit} was found")
    if len({tuple(tiers) for _, tiers in dimensions}) > 1:
        raise ValueError(f"{len(dimensions)} different prices were found")
    sku, tiers = dimensions[0]
    free = [row for row in own if not row.usd and row.starts_at == 0]
    free_until = min((row.starts_at for row in own if row.usd), default=Decimal()) if free else Decimal()
    like = _first(own)
    found = [
        like.model_copy(
            update={
                "starts_at": max(start, free_until),
                "usd": usd * like.per,
                "usd_low": None,
                "usd_high": None,
                "region": region,
                "as_of": today.isoformat(),
                "confidence": Confidence.VERIFIED,
                "source": f"AWS Price List API, {query.service}, SKU {sku}",
            }
        )
        for start, usd in tiers
    ]
    return [*free, *found]


def _tiers(product: dict[str, Any], unit: str) -> Iterator[tuple[Decimal, Decimal]]:
    """(from where, dollars a unit), the first tier first; only what costs something, and is for that unit."""
    found = []
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for one in term.get("priceDimensions", {}).values():
            try:
                start, usd = Decimal(one.get("beginRange", "0")), Decimal(one["pricePerUnit"]["USD"])
            except (KeyError, InvalidOperation):
                continue
            if usd.is_finite() and usd > 0 and _UNITS.get(str(one.get("unit"))) == unit:
                found.append((start, usd))
    yield from sorted(found)


def _first(rows: Sequence[PriceRow]) -> PriceRow:
    return next((row for row in rows if row.usd), rows[0])
