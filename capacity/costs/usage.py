"""How much of what is used a month: one description for the bill (exact) and for the simulation (many ways at once)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from capacity.costs.person import Person
from capacity.planning.options import HOURS_A_MONTH
from scenarios.prices.offers import Offers

# 1 for a bill, one of many ways for the simulation; of any shape, which all have in common.
Numbers = NDArray[np.float64]
Origin = Literal["seed", "measured", "predicted", "assumed"]

SECONDS_A_MONTH = 3600.0 * HOURS_A_MONTH
GB = 1024.0**3
_ADDRESSES = 3  # two of a load balancer in two zones, one of the NAT gateway
_CALLS_A_JOB = 3  # sent, received, deleted
_PUTS_AN_UPLOAD = 3  # the original and what the worker makes of it
_CONNECTIONS_A_PERSON = 2  # a socket and one for requests


@dataclass(frozen=True)
class Drivers:
    """What use depends on. `new_users` register in a month; `assumed` are the assumptions of offers.toml, by name."""

    users: Numbers
    new_users: Numbers
    people_mean: Numbers
    app_servers: Numbers
    workers: Numbers
    activity: Numbers
    assumed: Mapping[str, Numbers]
    person: Person

    def a_month(self, a_second: float) -> Numbers:
        """Of everybody together, of something that a person does so often."""
        return SECONDS_A_MONTH * a_second * self.activity * self.people_mean

    @property
    def images(self) -> Numbers:
        """A month."""
        return self.a_month(self.person.images) * self.assumed["pictures"]

    @property
    def image_gb(self) -> Numbers:
        return self.a_month(self.person.image_bytes) / GB * self.assumed["pictures"]

    @property
    def verifications(self) -> Numbers:
        return self.new_users + self.users * self.assumed["sign_ins_again_share"]

    @property
    def segments(self) -> Numbers:
        return self.verifications * self.assumed["sms_sends_a_verification"]


@dataclass(frozen=True)
class Use:
    """So much a month of what `price` is a key of. `behaves`: its quantity comes from what people do, so its
    origin is theirs."""

    resource: str
    price: str
    title: str
    quantity: Callable[[Drivers], Numbers]
    behaves: bool
    note: str = ""
    origin: Origin = "assumed"  # where it does not

    @property
    def unit(self) -> str:
        """That its quantity is in."""
        return _UNITS[self.price]


_UNITS = {
    "alb.hour": "hour",
    "alb.lcu": "lcu-hour",
    "ec2.public_ipv4": "hour",
    "ebs.gp3.storage": "gb-month",
    "s3.standard.storage": "gb-month",
    "s3.put": "request",
    "s3.get": "request",
    "dto.internet": "gb",
    "nat.hour": "hour",
    "nat.gb": "gb",
    "dto.cross_az": "gb",
    "sqs.standard.requests": "request",
    "cloudwatch.logs.ingest": "gb",
    "cloudwatch.logs.archive": "gb-month",
    "cloudwatch.metric": "metric-month",
    "cloudwatch.alarm": "alarm-month",
    "cloudwatch.dashboard": "dashboard-month",
    "sentry.team": "month",
    "twilio.sms.us": "segment",
    "twilio.sms.carrier_fee": "segment",
    "twilio.sms.failed": "message",
    "twilio.longcode": "month",
    "twilio.10dlc.campaign": "month",
    "firebase.messaging": "month",
}


def lcus(drivers: Drivers, offers: Offers) -> Numbers:
    """The largest of four dimensions, on average: new connections, open ones, bytes, rules."""
    a_second = drivers.activity * drivers.people_mean
    opened = a_second * drivers.person.sessions * drivers.assumed["connections_a_session"]
    unit = offers.lcu
    return np.asarray(
        np.maximum.reduce(
            [
                opened / unit.new_connections_per_s,
                _CONNECTIONS_A_PERSON * drivers.people_mean / unit.active_connections,
                a_second * drivers.person.api_bytes * 3600 / GB / unit.gb_per_h,
                np.zeros_like(a_second),  # one rule, and the first ten are free
            ]
        ),
        np.float64,
    )


def _ones(count: float) -> Callable[[Drivers], Numbers]:
    return lambda d: np.full_like(d.users, count)


def uses(offers: Offers) -> tuple[Use, ...]:
    """All that is paid for by quantity, servers and the CDN apart."""
    return (
        Use("load_balancer", "alb.hour", "ALB, hours", _ones(HOURS_A_MONTH), False),
        Use(
            "load_balancer",
            "alb.lcu",
            "ALB, LCUs",
            lambda d: HOURS_A_MONTH * lcus(d, offers),
            True,
            "the largest of new connections, open connections, GB and rules",
        ),
        Use("load_balancer", "ec2.public_ipv4", "Public addresses", _ones(_ADDRESSES * HOURS_A_MONTH), False),
        Use(
            "app_servers",
            "ebs.gp3.storage",
            "Disks",
            lambda d: d.app_servers * d.assumed["disk_gb_a_server"],
            False,
        ),
        Use(
            "storage",
            "s3.standard.storage",
            "S3, stored",
            lambda d: d.users * d.assumed["photos_a_user"] * d.assumed["photo_kb"] / 1024**2,
            False,
            "photos a user and their size are the plan's",
            "seed",
        ),
        Use("storage", "s3.put", "S3, written", lambda d: _PUTS_AN_UPLOAD * d.a_month(d.person.uploads), True),
        Use(
            "storage",
            "s3.get",
            "S3, read",
            lambda d: d.images * (1 - d.assumed["cdn_hit_share"]),
            True,
            "what the CDN has not got",
        ),
        Use(
            "network", "dto.internet", "Data out", lambda d: d.a_month(d.person.api_bytes) / GB, True, "without images"
        ),
        Use("network", "nat.hour", "NAT gateway, hours", _ones(HOURS_A_MONTH), False),
        Use("network", "nat.gb", "NAT gateway, data", lambda d: d.app_servers * d.assumed["nat_gb_a_server"], False),
        Use(
            "network",
            "dto.cross_az",
            "Between zones",
            # Who sends pays for a gigabyte, and so does who receives it.
            lambda d: (
                2 * d.a_month(d.person.store_asks) * d.assumed["kb_a_query"] / 1024**2 * d.assumed["cross_zone_share"]
            ),
            True,
        ),
        Use(
            "queue",
            "sqs.standard.requests",
            "SQS requests",
            lambda d: (
                _CALLS_A_JOB * d.a_month(d.person.jobs) * d.assumed["talk"]
                + d.workers * SECONDS_A_MONTH * d.assumed["polls_a_worker_s"]
            ),
            True,
            "three a job; each worker asks once a second",
        ),
        Use(
            "monitoring",
            "cloudwatch.logs.ingest",
            "Logs",
            lambda d: d.a_month(d.person.requests) * d.assumed["log_bytes_a_request"] / GB,
            True,
        ),
        Use(
            "monitoring",
            "cloudwatch.logs.archive",
            "Logs, kept",
            lambda d: d.a_month(d.person.requests) * d.assumed["log_bytes_a_request"] / GB,
            True,
            "for a month",
        ),
        Use("monitoring", "cloudwatch.metric", "Metrics", lambda d: d.assumed["metrics"], False),
        Use(
            "monitoring",
            "cloudwatch.alarm",
            "Alarms",
            lambda d: d.assumed["alarms"],
            False,
            "the plan's alerts",
            "seed",
        ),
        Use("monitoring", "cloudwatch.dashboard", "Dashboards", _ones(1), False),
        Use("monitoring", "sentry.team", "Sentry, Team", _ones(1), False),
        Use(
            "sms",
            "twilio.sms.us",
            "SMS segments",
            lambda d: d.segments,
            False,
            "one verification a new user, and some sign in again",
        ),
        Use("sms", "twilio.sms.carrier_fee", "Carrier fees", lambda d: d.segments, False),
        Use("sms", "twilio.sms.failed", "Failed sends", lambda d: d.segments * d.assumed["sms_failed_share"], False),
        Use("sms", "twilio.longcode", "Number", _ones(1), False),
        Use("sms", "twilio.10dlc.campaign", "Campaign", _ones(1), False),
        Use("push", "firebase.messaging", "Firebase Cloud Messaging", _ones(1), False, origin="seed"),
    )
