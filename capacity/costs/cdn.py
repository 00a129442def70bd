"""Pictures by the gigabyte and the request, or by a flat plan: whichever is cheapest and allows it."""

from dataclasses import dataclass
from decimal import Decimal

from capacity.costs.lines import Item, item
from capacity.costs.usage import Drivers
from scenarios.prices.offers import CdnPlan, Offers
from scenarios.prices.price_list import PriceList

PAY_AS_YOU_GO = "pay as you go"
TRAFFIC, REQUESTS = "cloudfront.us.dto", "cloudfront.us.requests_https"


@dataclass(frozen=True)
class CdnOffer:
    """`breaks` says which allowance is too small, "" when all of it fits."""

    name: str
    items: tuple[Item, ...]
    breaks: str = ""

    @property
    def usd_per_month(self) -> Decimal:
        return sum((one.usd_per_month for one in self.items), Decimal())


def cdn_offers(prices: PriceList, offers: Offers, drivers: Drivers) -> tuple[CdnOffer, ...]:
    """All of them, the cheapest first."""
    origin = drivers.person.origin
    requests = float(drivers.images)
    gb = float(drivers.image_gb)
    paid = (
        item("CloudFront, data", prices.price(TRAFFIC), gb, origin),
        item("CloudFront, requests", prices.price(REQUESTS), requests, origin),
    )
    found = [CdnOffer(PAY_AS_YOU_GO, paid)]
    for name, plan in offers.cdn.items():
        note = f"for {requests / 1e6:,.0f} million requests and {gb:,.0f} GB; {_allowance(plan)}"
        flat = item(f"CloudFront, plan {name}", prices.price(plan.price), 1, origin, note)
        found.append(CdnOffer(name, (flat,), _breaks(plan, requests, gb)))
    return tuple(sorted(found, key=lambda offer: offer.usd_per_month))


def cheapest(found: tuple[CdnOffer, ...]) -> CdnOffer:
    """Paying as one goes has no allowance, so there is always one."""
    return next(offer for offer in found if not offer.breaks)


def _allowance(plan: CdnPlan) -> str:
    return f"allows {plan.requests / 1e6:,.0f} million requests and {plan.gb:,} GB"


def _breaks(plan: CdnPlan, requests: float, gb: float) -> str:
    if requests > plan.requests:
        return f"{requests / 1e6:,.0f} million requests a month, {plan.requests / 1e6:,.0f} million at most"
    if gb > plan.gb:
        return f"{gb:,.0f} GB a month, {plan.gb:,} GB at most"
    return ""
