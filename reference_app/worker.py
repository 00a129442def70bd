"""The background worker: does the jobs of the queue, and sweeps for what a crash left undone.

Run it with `python -m reference_app.worker`. SIGTERM ends it after the job at hand.
"""

import argparse
import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from anyio import to_thread
from botocore.exceptions import BotoCoreError, ClientError
from prometheus_client import start_http_server

from reference_app.accounts.service import account_service_on
from reference_app.app import open_platform
from reference_app.auth.store import SESSION_CACHE_S
from reference_app.jobs import Job
from reference_app.photos.schemas import State
from reference_app.photos.service import photo_service_on
from reference_app.platform import Platform, logs, metrics
from reference_app.platform.objects import UPLOADS_KEPT_DAYS
from reference_app.platform.queue import Received
from reference_app.push.providers import provider
from reference_app.push.schemas import Notification
from reference_app.push.service import push_service_on
from reference_app.settings import Settings
from reference_app.swipes.service import matchmaker_on

log = logging.getLogger("matchday.worker")
RECEIVE_WAIT_S = 1  # also how long SIGTERM may have to wait
RETRY_S = 1.0
END_WITHIN_S = 7.0  # a database that is away answers later; the whole process is gone within ten
WATCH_EVERY_S = 5.0
FAILED_AGAIN_AFTER_S = (1, 2, 4, 8, 8)  # after each of the tries: half a minute until it is a dead letter
SWEEP_EVERY_S = 1  # little each time: all of ten seconds' likes at once made every tenth second ten times as slow
# A like is looked at again between these ages: old enough for its app to have done so, and long enough that
# a restart of the worker misses none.
SWEEP_AGE_MIN = timedelta(seconds=5)
SWEEP_AGE_MAX = timedelta(minutes=5)
# Deletions of which no job has told: rare, so seldom looked for.
TIDY_EVERY_S = 30
TIDY_AGE_MIN = timedelta(minutes=1)
TIDY_AT_MOST = 100
# Longer than a job comes back when its worker was killed, or is tried until it is a dead letter.
PROCESSING_AGE_MIN = timedelta(minutes=2)
# The longest that a session may be used after it has ended: nothing is written of the person after that.
ACCOUNT_AGE_MIN = timedelta(seconds=SESSION_CACHE_S) + TIDY_AGE_MIN
UPLOAD_AGE_MAX = timedelta(days=UPLOADS_KEPT_DAYS)

Handler = Callable[..., Awaitable[None]]


def handlers(platform: Platform) -> dict[Job, Handler]:
    """What is done for each job. Each may be done twice."""
    photos, accounts, push = photo_service_on(platform), account_service_on(platform), push_service_on(platform)
    pushes = provider(platform.settings)

    async def deliver(person_id: str, notification: dict[str, Any]) -> None:
        await push.deliver(person_id, Notification.model_validate(notification), pushes)

    return {
        Job.PROCESS_PHOTO: photos.process,
        Job.ERASE_PHOTO: photos.erase,
        Job.ERASE_ACCOUNT: lambda person_id: accounts.erase(person_id),
        Job.PUSH: deliver,
    }


async def _work(platform: Platform, stop: asyncio.Event) -> None:
    does, queue = handlers(platform), platform.queue
    while not stop.is_set():
        try:
            jobs = await to_thread.run_sync(lambda: list(queue.receive(RECEIVE_WAIT_S)))
            metrics.QUEUE_AGE_S.set(max((job.waited_s for job in jobs), default=0.0))
            for job in jobs:
                if stop.is_set():  # for another worker, at once
                    await to_thread.run_sync(queue.again_after, job, 0)
                elif await _done(does, job.body):
                    await to_thread.run_sync(queue.done, job)
                else:
                    await to_thread.run_sync(queue.again_after, job, _pause_after(job))
        except (BotoCoreError, ClientError) as error:
            log.warning("The queue is away: %s", error)
            await asyncio.sleep(RETRY_S)


async def _done(does: dict[Job, Handler], body: dict[str, Any]) -> bool:
    """False leaves the job in the queue: it comes back, and after five times goes to the dead letters."""
    kind = str(body.get("job"))
    known = kind if kind in list(Job) else "unknown"
    try:
        await does[Job(kind)](**{name: value for name, value in body.items() if name != "job"})
    except Exception:
        log.exception("A job failed", extra={"job": known})
        metrics.JOBS.labels(known, "failed").inc()
        return False
    metrics.JOBS.labels(known, "done").inc()
    return True


def _pause_after(failed: Received) -> int:
    return FAILED_AGAIN_AFTER_S[min(failed.tries, len(FAILED_AGAIN_AFTER_S)) - 1]


async def _watch_queue(platform: Platform, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            backlog = await to_thread.run_sync(platform.queue.backlog)
            metrics.QUEUE_BACKLOG.set(backlog.waiting)
            metrics.DEAD_LETTERS.set(backlog.dead)
        except (BotoCoreError, ClientError) as error:
            log.warning("The queue does not say how long it is: %s", error)
        await _pause(stop, WATCH_EVERY_S)


async def _sweep_likes(platform: Platform, stop: asyncio.Event) -> None:
    """Look again at every like, once it is old enough."""
    matchmaker = matchmaker_on(platform)
    since = datetime.now(UTC) - SWEEP_AGE_MAX
    while not stop.is_set():
        until = datetime.now(UTC) - SWEEP_AGE_MIN
        try:
            await matchmaker.sweep(since, until)
            since = until
        except Exception:
            log.exception("The sweep failed; the next one covers the same time")
        await _pause(stop, SWEEP_EVERY_S)


async def _tidy(platform: Platform, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await tidy(platform, datetime.now(UTC))
        except Exception:
            log.exception("Tidying failed; it is tried again")
        await _pause(stop, TIDY_EVERY_S)


async def tidy(platform: Platform, now: datetime) -> None:
    """Do what no job tells of: erase what is marked as deleted or was never completed, process photos that wait."""
    photos, accounts = photo_service_on(platform), account_service_on(platform)
    deleted = await photos.store.in_state(State.DELETED, TIDY_AT_MOST, before=now - TIDY_AGE_MIN)
    await _each(photos.erase, [photo["_id"] for photo in deleted])
    stuck = await photos.store.in_state(State.PROCESSING, TIDY_AT_MOST, before=now - PROCESSING_AGE_MIN)
    await _each(photos.process, [photo["_id"] for photo in stuck])
    pending = await photos.store.in_state(State.PENDING, TIDY_AT_MOST, before=now - UPLOAD_AGE_MAX)
    await _each(photos.drop, [photo["_id"] for photo in pending])
    await _each(accounts.erase_finally, await accounts.store.marked_deleted(before=now - ACCOUNT_AGE_MIN))


async def _each(erase: Callable[[str], Awaitable[None]], ids: Iterable[str]) -> None:
    """One that cannot be erased holds up no other."""
    for one in ids:
        try:
            await erase(one)
        except Exception:
            log.exception("Something could not be erased; it is tried again")


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


async def run(settings: Settings, metrics_port: int) -> None:
    """Work until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_platform(settings) as platform:
        start_http_server(metrics_port, addr="127.0.0.1")
        log.info("worker is ready")
        working: asyncio.Future[Any] = asyncio.gather(
            _work(platform, stop),
            _watch_queue(platform, stop),
            _sweep_likes(platform, stop),
            _tidy(platform, stop),
        )
        stopping: asyncio.Future[Any] = asyncio.create_task(stop.wait())
        await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
        try:
            async with asyncio.timeout(END_WITHIN_S):
                await working
        except TimeoutError:
            log.warning("Ending with jobs undone; they come back")


if __name__ == "__main__":
    options = argparse.ArgumentParser(prog="python -m reference_app.worker", description=__doc__)
    options.add_argument("--metrics-port", type=int, default=9100, help="where /metrics answers")
    given = options.parse_args()
    settings = Settings()
    logs.configure(settings, "worker")
    asyncio.run(run(settings, given.metrics_port))
