"""The background worker: resizes photos from the queue, and sweeps for matches that a crash left undetected.

Run it with `python -m reference_app.worker`. SIGTERM ends it after the job at hand.
"""

import asyncio
import logging
import signal
from datetime import UTC, datetime, timedelta

from anyio import to_thread
from botocore.exceptions import BotoCoreError, ClientError

from reference_app.app import open_platform
from reference_app.chat.hub import Fanout
from reference_app.photos.service import PhotoService, photo_service_on
from reference_app.platform import Platform
from reference_app.settings import Settings
from reference_app.swipes.service import Matchmaker
from reference_app.swipes.store import SwipeStore

log = logging.getLogger("matchday.worker")
RECEIVE_WAIT_S = 1  # also how long SIGTERM may have to wait
RETRY_S = 1.0
SWEEP_EVERY_S = 1  # little each time: all of ten seconds' likes at once made every tenth second ten times as slow
# A like is looked at again between these ages: old enough for its app to have done so, and long enough that
# a restart of the worker misses none.
SWEEP_AGE_MIN = timedelta(seconds=5)
SWEEP_AGE_MAX = timedelta(minutes=5)


async def _photos(platform: Platform, stop: asyncio.Event) -> None:
    service = photo_service_on(platform)
    while not stop.is_set():
        try:
            for job in await to_thread.run_sync(lambda: list(platform.queue.receive(RECEIVE_WAIT_S))):
                if await _processed(service, job.body):
                    await to_thread.run_sync(platform.queue.done, job)
        except (BotoCoreError, ClientError) as error:
            log.warning("The queue is away: %s", error)
            await asyncio.sleep(RETRY_S)


async def _processed(service: PhotoService, body: dict[str, str]) -> bool:
    """False leaves the job in the queue: it comes back, and after five times goes to the dead letters."""
    try:
        await service.process(body["photo_id"])
    except Exception:
        log.exception("Job %s failed", body)
        return False
    return True


async def _sweep(platform: Platform, stop: asyncio.Event) -> None:
    matchmaker = Matchmaker(SwipeStore(platform.db), Fanout(platform.redis))
    since = datetime.now(UTC) - SWEEP_AGE_MAX
    while not stop.is_set():
        until = datetime.now(UTC) - SWEEP_AGE_MIN
        try:
            await matchmaker.sweep(since, until)
            since = until
        except Exception:
            log.exception("The sweep failed; the next one covers the same time")
        try:
            await asyncio.wait_for(stop.wait(), SWEEP_EVERY_S)
        except TimeoutError:
            continue


async def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_platform(settings) as platform:
        log.info("worker is ready")
        await asyncio.gather(_photos(platform, stop), _sweep(platform, stop))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    asyncio.run(run(Settings()))
