"""How far people are from each other, and how much of it others may know."""

from math import asin, ceil, cos, radians, sin, sqrt

from reference_app.platform.mongo import Document

EARTH_RADIUS_KM = 6371.0


def haversine_km(one: Document, other: Document) -> float:
    """Great-circle distance of two GeoJSON points, on a sphere."""
    return _great_circle_km(*one["coordinates"], *other["coordinates"])


def rounded_distance_km(one: Document, other: Document) -> int | None:
    """Of two profiles, as they may see it: rounded up to whole kilometres; None when a place is unknown."""
    if not (one.get("location") and other.get("location")):
        return None
    # Snapped to a grid of about a kilometre first: whoever moves about to watch the figure flip finds a square.
    places = (round(degrees, 2) for profile in (one, other) for degrees in profile["location"]["coordinates"])
    return max(1, ceil(_great_circle_km(*places)))


def _great_circle_km(lon1: float, lat1: float, lon2: float, lat2: float) -> float:
    lon1, lat1, lon2, lat2 = map(radians, (lon1, lat1, lon2, lat2))
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(sqrt(half))
