"""How far people are from each other, and how much of it others may know."""

from math import asin, ceil, cos, floor, radians, sin, sqrt

from reference_app.platform.mongo import Document

EARTH_RADIUS_KM = 6371.0
STEP_DEGREES = 0.01  # of latitude: 1.1 km


def roughly(latitude: float, longitude: float) -> tuple[float, float]:
    """The middle of the square of about a kilometre in which a place is.

    Whoever moves about to watch a distance, or who is in a deck, change finds that square and nothing within it. What
    is rounded only when it is shown is found to within metres (Polakis et al., "Where's Wally?", CCS 2015).
    """
    row = min(floor(latitude / STEP_DEGREES), round(90 / STEP_DEGREES) - 1)
    middle = (row + 0.5) * STEP_DEGREES
    # Meridians meet at the poles: fewer columns there, each as wide.
    columns = max(1, floor(360 / STEP_DEGREES * cos(radians(middle))))
    column = floor((longitude + 180) / 360 * columns) % columns
    return round(middle, 6), round((column + 0.5) / columns * 360 - 180, 6)


def haversine_km(one: Document, other: Document) -> float:
    """Great-circle distance of two GeoJSON points, on a sphere."""
    return _great_circle_km(*one["coordinates"], *other["coordinates"])


def rounded_distance_km(one: Document, other: Document) -> int | None:
    """Of two profiles, as they may see it: rounded up to whole kilometres; None when a place is unknown."""
    if not (one.get("location") and other.get("location")):
        return None
    return max(1, ceil(haversine_km(one["location"], other["location"])))


def _great_circle_km(lon1: float, lat1: float, lon2: float, lat2: float) -> float:
    lon1, lat1, lon2, lat2 = map(radians, (lon1, lat1, lon2, lat2))
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(sqrt(half))
