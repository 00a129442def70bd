"""What the behaviour makes of the traffic model, beside what is published. No network: an imagined town is asked."""

from collections import Counter
from collections.abc import Mapping
from math import sqrt
from statistics import mean, stdev

from loadtests.users.imagined import Seen, Town
from scenarios.figures import Behaviour, Figure, PublishedFigures
from scenarios.people import Sex
from scenarios.schema import Scenario

TOWNS = 4  # their differences say how well a figure is known
PERSON_MINUTES = 3000  # of each
MINUTES_MAX, WARM_UP_S = 60.0, 60.0
USERS_MIN = 40
PEOPLE_MAX = 200  # a larger scenario is imagined with a part of its people and population
# The people at the busiest time of a day, of those at an average time (brief: Little's law with a peak factor of 2).
PEAK_FACTOR = 2.0


def behaviour(scenario: Scenario, published: PublishedFigures, seed: int = 1) -> Behaviour:
    """Let a scenario's people live in imagined towns. The same seed, the same answer."""
    people = min(scenario.load.concurrent_users, PEOPLE_MAX)
    minutes = min(PERSON_MINUTES / people, MINUTES_MAX)
    part = _part(scenario, people)
    towns = [Town(part, people, seed * TOWNS + number).run(60 * minutes, WARM_UP_S) for number in range(TOWNS)]
    drawn = [emergent(seen, scenario) for seen in towns]
    figures = tuple(
        Figure(
            key,
            figure.title,
            figure.unit,
            mean(one[key] for one in drawn),
            stdev(one[key] for one in drawn) / sqrt(TOWNS),
            figure.low,
            figure.high,
            figure.source,
        )
        for key, figure in published.figures.items()
    )
    requests = sum((seen.requests for seen in towns), Counter[str]())
    person_minutes = sum(seen.person_s for seen in towns) / 60
    rates = {name: number / person_minutes for name, number in requests.most_common()}
    offline = sum(seen.messages_offline for seen in towns) / person_minutes
    return Behaviour(scenario.name, scenario.load.concurrent_users, figures, published.sources, rates, offline)


def _part(scenario: Scenario, people: int) -> Scenario:
    """The same town with fewer people: as many of them online."""
    population = scenario.population
    users = max(USERS_MIN, people, round(population.users * people / scenario.load.concurrent_users))
    return scenario.model_copy(update={"population": population.model_copy(update={"users": users})})


def emergent(seen: Seen, scenario: Scenario) -> Mapping[str, float]:
    """The figures of one town, by the keys of published.toml."""
    minutes, swipes, matches = seen.person_s / 60, seen.swipes.total(), seen.matched_by.total()
    conversations = seen.conversations.total()
    sessions_a_minute = seen.sessions / minutes
    return {
        "swipes_a_minute": swipes / minutes,
        "decks_a_minute": seen.requests["GET /discovery"] / minutes,
        "images_a_minute": seen.requests["IMAGE photo"] / minutes,
        "matches_a_minute": matches / minutes,
        "messages_a_minute": seen.messages / minutes,
        "men_like_percent": _percent(seen.likes[Sex.MALE], seen.swipes[Sex.MALE]),
        "women_like_percent": _percent(seen.likes[Sex.FEMALE], seen.swipes[Sex.FEMALE]),
        "men_matched_percent": _percent(seen.matched_by[Sex.MALE], seen.likes[Sex.MALE]),
        "women_matched_percent": _percent(seen.matched_by[Sex.FEMALE], seen.likes[Sex.FEMALE]),
        "matched_percent": _percent(matches, swipes),
        "men_begin_percent": _percent(seen.conversations[Sex.MALE], conversations),
        "answered_percent": _percent(seen.answered, conversations),
        "messages_a_conversation": _ratio(seen.lengths, conversations),
        "messages_a_match": _ratio(seen.messages, matches),
        "session_minutes": _ratio(seen.session_s / 60, seen.sessions),
        "sessions_a_day": sessions_a_minute
        * 1440
        * scenario.load.concurrent_users
        / PEAK_FACTOR
        / scenario.population.users,
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _percent(part: float, whole: float) -> float:
    return 100 * _ratio(part, whole)
