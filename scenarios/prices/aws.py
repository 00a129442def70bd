"""aws.toml: how the AWS Price List API is asked for a key of the price list."""

import re

from pydantic import Field

from scenarios.base import Strict

_TYPE = "{type}"


class Query(Strict):
    key: str
    service: str
    filters: dict[str, str] = Field(min_length=1)

    def filters_of(self, key: str) -> dict[str, str] | None:
        """For that key; None where the query is for others."""
        before, _, after = self.key.partition(_TYPE)
        found = re.fullmatch(
            f"{re.escape(before)}(.+){re.escape(after)}" if _TYPE in self.key else re.escape(before), key
        )
        if not found:
            return None
        return {name: value.replace(_TYPE, found[1] if found.groups() else "") for name, value in self.filters.items()}


class AwsQueries(Strict):
    region: str
    queries: tuple[Query, ...] = Field(strict=False)
