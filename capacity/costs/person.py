"""What one person online does a second that is paid for by quantity."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from capacity.calibration.file import Calibration
from capacity.calibration.observations import OFFLINE_MESSAGE, SOCKET
from capacity.prediction.flows import PHOTO

SWIPE, SESSION, DELIVERY, MATCH = "POST /swipes", "WS connect", "WS message delivery", "WS match detection"
PROCESSED, STORED = "POST /photos/{id}/complete", "STORE photo upload"
_NOT_AT_THE_BALANCER = (PHOTO, STORED, DELIVERY, MATCH, OFFLINE_MESSAGE, SOCKET)


@dataclass(frozen=True)
class Person:
    """A second of somebody online. `origin` says where the rates come from, `source` which run or calibration."""

    requests: float
    api_bytes: float  # answers and frames, without images
    images: float
    image_bytes: float
    store_asks: float  # to the database and the cache
    jobs: float
    uploads: float
    sessions: float
    swipes: float
    messages: float
    origin: Literal["predicted", "measured"]
    source: str
    missing: tuple[str, ...] = ()  # actions that no calibration has measured: their bytes and asks are not known


def person_of(calibration: Calibration, rates: Mapping[str, float]) -> Person:
    """Predicted: behaviour's rates times what the calibration counted for each action."""

    def counted(names: Sequence[str], actions: Sequence[str]) -> float:
        found = 0.0
        for action in actions:
            if action in calibration.actions:
                counts = calibration.actions[action].counts
                found += rates[action] * sum(counts[name].value for name in names if name in counts)
        return found

    images, rest = [name for name in rates if name == PHOTO], [name for name in rates if name != PHOTO]
    return _person(
        rates,
        api_bytes=counted(["bytes_received"], rest),
        image_bytes=counted(["bytes_received"], images),
        store_asks=counted(["database_queries", "cache_hits", "cache_misses"], [*rates]),
        origin="predicted",
        source=f"calibration of {calibration.created_at:%Y-%m-%d}",
        missing=tuple(sorted(a for a, rate in rates.items() if rate and a != SOCKET and a not in calibration.actions)),
    )


def person_of_counts(
    rates: Mapping[str, float], bytes_received: float, store_asks: float, predicted: Person, source: str
) -> Person:
    """Measured: what a run counted. It does not tell the bytes of images, which are nearly all, from the rest: a
    request has as many as predicted."""
    a_request = predicted.api_bytes / predicted.requests if predicted.requests else 0.0
    api_bytes = min(bytes_received, a_request * sum(_at_the_balancer(rates)))
    return _person(rates, api_bytes, bytes_received - api_bytes, store_asks, "measured", source)


def _person(
    rates: Mapping[str, float],
    api_bytes: float,
    image_bytes: float,
    store_asks: float,
    origin: Literal["predicted", "measured"],
    source: str,
    missing: tuple[str, ...] = (),
) -> Person:
    return Person(
        requests=sum(_at_the_balancer(rates)),
        api_bytes=api_bytes,
        images=rates.get(PHOTO, 0.0),
        image_bytes=image_bytes,
        store_asks=store_asks,
        jobs=rates.get(PROCESSED, 0.0) + rates.get(OFFLINE_MESSAGE, 0.0),
        uploads=rates.get(STORED, 0.0),
        sessions=rates.get(SESSION, 0.0),
        swipes=rates.get(SWIPE, 0.0),
        messages=rates.get(DELIVERY, 0.0) + rates.get(OFFLINE_MESSAGE, 0.0),
        origin=origin,
        source=source,
        missing=missing,
    )


def _at_the_balancer(rates: Mapping[str, float]) -> Iterator[float]:
    return (rate for name, rate in rates.items() if name not in _NOT_AT_THE_BALANCER)
