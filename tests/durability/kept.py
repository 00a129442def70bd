"""Compares what the backend has acknowledged with what it has kept."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.read_concern import ReadConcern

from loadtests.journal import read
from reference_app.pairs import match_id
from reference_app.settings import Settings
from scenarios.messages import Header


@dataclass(frozen=True)
class Kept:
    """`checked`: acknowledged writes by kind. `problems`: what is wrong with them, empty when nothing is.

    `longest_gap_s`: in which no swipe or message was acknowledged to anybody.
    """

    checked: Counter[str]
    longest_gap_s: float
    problems: list[str]

    def __str__(self) -> str:
        counts = ", ".join(f"{what} {count:,}" for what, count in sorted(self.checked.items()))
        total = self.checked.total()
        return f"{total:,} acknowledged writes found again ({counts}); longest gap {self.longest_gap_s:.1f} s"


def compare(journal: Path, settings: Settings, until: float) -> Kept:
    """Reads what is on the majority now. `until`: when people were sent home, in seconds since the epoch."""
    entries = sorted(read(journal), key=lambda entry: entry["at"])
    by_kind = defaultdict[str, list[dict[str, Any]]](list)
    for entry in entries:
        by_kind[entry["what"]].append(entry)
    acknowledged = [entry["at"] for entry in entries if entry["what"] in ("swipe", "message")]
    times = sorted([*acknowledged, until])
    with MongoClient[dict[str, Any]](settings.mongo_url) as client:
        db = client.get_database(settings.mongo_database, read_concern=ReadConcern("majority"))
        swipes = list(db.swipes.find({}, {"_id": 0}))
        matches = list(db.matches.find({}))
        messages = list(db.messages.find({}))
    problems = [
        *_swipes(by_kind["swipe"], swipes),
        *_matches(by_kind["match"], by_kind["swipe"], matches),
        *_messages(by_kind["message"], messages),
    ]
    gap_s = max((later - earlier for earlier, later in pairwise(times)), default=0.0)
    return Kept(Counter({kind: len(noted) for kind, noted in by_kind.items()}), gap_s, problems)


def _swipes(noted: list[dict[str, Any]], kept: list[dict[str, Any]]) -> list[str]:
    there = {(swipe["swiper"], swipe["target"]): swipe["like"] for swipe in kept}
    problems = [f"{len(kept) - len(there)} swipes are there twice"] if len(there) != len(kept) else []
    lost = [n for n in noted if there.get((n["swiper"], n["target"])) is not n["like"]]
    return problems + [f"swipe lost or changed: {swipe}" for swipe in lost]


def _matches(heard: list[dict[str, Any]], swipes: list[dict[str, Any]], kept: list[dict[str, Any]]) -> list[str]:
    there = {match["_id"] for match in kept}
    problems = [f"match lost: {match['match_id']}" for match in heard if match["match_id"] not in there]
    likes = {(swipe["swiper"], swipe["target"]) for swipe in swipes if swipe["like"]}
    mutual = {match_id(one, other) for one, other in likes if (other, one) in likes}
    return problems + [f"both like each other, and there is no match: {pair}" for pair in mutual - there]


def _messages(noted: list[dict[str, Any]], kept: list[dict[str, Any]]) -> list[str]:
    there = {(message["match_id"], message["client_id"]): message["seq"] for message in kept}
    problems = [f"{len(kept) - len(there)} messages are there twice"] if len(there) != len(kept) else []
    problems += [f"message lost or renumbered: {n}" for n in noted if there.get((n["match_id"], n["id"])) != n["seq"]]
    conversations = defaultdict[str, list[dict[str, Any]]](list)
    for message in sorted(kept, key=lambda message: message["seq"]):
        conversations[message["match_id"]].append(message)
    for match, conversation in conversations.items():
        if [message["seq"] for message in conversation] != list(range(1, len(conversation) + 1)):
            problems.append(f"numbers are missing in {match}")
        problems += _out_of_order(match, conversation)
    return problems


def _out_of_order(match: str, conversation: list[dict[str, Any]]) -> list[str]:
    """What one person has written, in the order of writing."""
    latest = dict[tuple[str, int], int]()
    problems = []
    for message in conversation:
        header = Header.parse(message["client_id"])
        if header is None:
            continue
        stream = header.process, header.stream
        if header.number <= latest.get(stream, 0):
            problems.append(f"out of order in {match}: {message['client_id']}")
        latest[stream] = header.number
    return problems
