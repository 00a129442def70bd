"""The CDN: forgets what has been deleted. CloudFront, or the nginx of the local stack."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from reference_app.platform import aws
from reference_app.settings import Settings

TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Cdn:
    """Blocks: call it in a thread. With neither a distribution nor a purge URL there is no CDN, and nothing to do."""

    settings: Settings

    def purge(self, paths: Sequence[str]) -> None:
        """Let no cache answer for these paths any more. Raises what boto3 or httpx raise when it cannot be told."""
        if self.settings.cdn_distribution_id:
            self._invalidate(self.settings.cdn_distribution_id, paths)
        elif self.settings.cdn_purge_url:
            self._fetch_anew(self.settings.cdn_purge_url, paths)

    def _invalidate(self, distribution: str, paths: Sequence[str]) -> None:
        cloudfront: Any = aws.client("cloudfront", self.settings)
        batch = {"Paths": {"Quantity": len(paths), "Items": list(paths)}, "CallerReference": str(time.time_ns())}
        cloudfront.create_invalidation(DistributionId=distribution, InvalidationBatch=batch)

    def _fetch_anew(self, url: str, paths: Sequence[str]) -> None:
        """nginx has no purge of its own; it takes the origin's new answer, a 404, in place of the cached one."""
        headers = {"X-Purge": self.settings.cdn_purge_secret, "Accept": "image/avif"}
        with httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_S) as client:
            for path in paths:
                answer = client.get(path)
                if answer.is_server_error:  # the cache has kept what it had
                    answer.raise_for_status()
