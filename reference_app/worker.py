"""The background worker: does the jobs of the queue, and sweeps for what a crash left undone.

Run it with `python -m reference_app.worker`. SIGTERM ends it after the jobs at hand.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from anyio import to_thread
from prometheus_client import start_http_server

from reference_app.accounts.service import AccountService, account_service_on
from reference_app.app import open_platform
from reference_app.auth.store import SESSION_CACHE_S
from reference_app.jobs import Job
from reference_app.photos.schemas import State
from reference_app.platform import STORE_AWAY, Platform, Queue, aws, logs, metrics
from reference_app.platform.objects import UPLOADS_KEPT_DAYS
from reference_app.platform.queue import Received
from reference_app.push.providers import PushProvider, provider
from reference_app.push.schemas import Notification
from reference_app.push.service import PushService, push_service_on
from reference_app.settings import Settings, from_environment
from reference_app.swipes.service import Matchmaker, matchmaker_on
from scenarios.outcome import UsageError

log = logging.getLogger("matchday.worker")
RECEIVE_WAIT_S = 1  # also how long SIGTERM may have to wait
RETRY_S = 1.0
END_WITHIN_S = 7.0  # a database that is away answers later; the whole process is gone within ten
WATCH_EVERY_S = 5.0
JOBS_AT_ONCE = 32  # most of them wait for others' servers; pictures are resized one after the other
FAILED_AGAIN_AFTER_S = (1, 2, 4, 8, 8)  # after each of the tries: half a minute until it is a dead letter
AWAY_AGAIN_AFTER_S = (5, 30, 120, 300, 300)  # a store that is away is no fault of the job's
SWEEP_EVERY_S = 1  # little each time: all of ten seconds' likes at once made every tenth second ten times as slow
# A like is looked at again at these ages: when its app should have done so, and once more when it surely is in the
# database. How far the latter has come is noted, so that no outage of all workers leaves any out.
SWEEP_AGES_MIN = (timedelta(seconds=5), timedelta(seconds=60))
SWEEP_AT_ONCE = timedelta(minutes=5)
SWEPT_NOTED_EVERY = timedelta(seconds=30)
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


def handlers(accounts: AccountService, push: PushService, pushes: PushProvider) -> dict[Job, Handler]:
    """What is done for each job. Each may be done twice."""
    photos = accounts.photos

    async def deliver(person_id: str, notification: dict[str, Any]) -> None:
        await push.deliver(person_id, Notification.model_validate(notification), pushes)

    return {
        Job.PROCESS_PHOTO: photos.process,
        Job.ERASE_PHOTO: photos.erase,
        Job.ERASE_FILES: photos.erase_files,
        Job.ERASE_ACCOUNT: lambda person_id: accounts.erase(person_id),
        Job.PUSH: deliver,
    }


async def _work(does: dict[Job, Handler], queue: Queue, stop: asyncio.Event) -> None:
    at_hand: dict[asyncio.Task[None], Received] = {}
    metrics.QUEUE_AGE_S.set_function(lambda: max((job.waited_s for job in list(at_hand.values())), default=0.0))
    while not stop.is_set():
        free = JOBS_AT_ONCE - len(at_hand)
        if not free:
            await asyncio.wait(at_hand, return_when=asyncio.FIRST_COMPLETED)
            continue
        try:
            jobs = await to_thread.run_sync(queue.receive, RECEIVE_WAIT_S, free)
        except aws.Failed as error:
            log.warning("The queue is away: %s", error)
            await asyncio.sleep(RETRY_S)
            continue
        for job in jobs:
            # What comes too late is for another worker, at once.
            doing = queue.again_after(job, 0) if stop.is_set() else _do(does, queue, job)
            task = asyncio.create_task(doing)
            at_hand[task] = job
            task.add_done_callback(at_hand.pop)
    await asyncio.gather(*at_hand, return_exceptions=True)


async def _do(does: dict[Job, Handler], queue: Queue, job: Received) -> None:
    """What fails stays in the queue: it comes back, and after five times goes to the dead letters."""
    kind = str(job.body.get("job"))
    known = kind if kind in list(Job) else "unknown"
    pauses_s = None
    try:
        await does[Job(kind)](**{name: value for name, value in job.body.items() if name != "job"})
    except STORE_AWAY as error:
        log.warning("A job cannot be done now: %s", error, extra={"job": known})
        pauses_s = AWAY_AGAIN_AFTER_S
    except Exception:
        log.exception("A job failed", extra={"job": known})
        pauses_s = FAILED_AGAIN_AFTER_S
    metrics.JOBS.labels(known, "failed" if pauses_s else "done").inc()
    try:
        if pauses_s:
            await queue.again_after(job, pauses_s[min(job.tries, len(pauses_s)) - 1])
        else:
            await queue.done(job)
    except aws.Failed as error:
        log.warning("A job comes back once more, for the queue could not be told of it: %s", error)


async def _watch_queue(platform: Platform, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            backlog = await to_thread.run_sync(platform.queue.backlog)
            metrics.QUEUE_BACKLOG.set(backlog.waiting)
            metrics.DEAD_LETTERS.set(backlog.dead)
        except aws.Failed as error:
            log.warning("The queue does not say how long it is: %s", error)
        await _pause(stop, WATCH_EVERY_S)


async def _sweep_likes(platform: Platform, stop: asyncio.Event) -> None:
    """Look again at every like, once it is old enough."""
    matchmaker = matchmaker_on(platform)
    soon, surely = SWEEP_AGES_MIN
    early = datetime.now(UTC) - soon
    late = noted = None
    while not stop.is_set():
        try:
            if late is None:
                noted = await matchmaker.store.swept_until()
                late = noted or datetime.now(UTC) - SWEEP_AT_ONCE
            early = await _swept(matchmaker, early, soon)
            late = await _swept(matchmaker, late, surely)
            if noted is None or late - noted >= SWEPT_NOTED_EVERY:
                await matchmaker.store.note_swept(late)
                noted = late
        except Exception:
            log.exception("The sweep failed; the next one covers the same time")
        await _pause(stop, SWEEP_EVERY_S)


async def _swept(matchmaker: Matchmaker, since: datetime, age: timedelta) -> datetime:
    """Look at the likes made since then that have that age. Returns how far it has come."""
    until = min(datetime.now(UTC) - age, since + SWEEP_AT_ONCE)
    if until <= since:
        return since
    await matchmaker.sweep(since, until)
    return until


async def _tidy(accounts: AccountService, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await tidy(accounts, datetime.now(UTC))
        except Exception:
            log.exception("Tidying failed; it is tried again")
        await _pause(stop, TIDY_EVERY_S)


async def tidy(accounts: AccountService, now: datetime) -> None:
    """Do what no job tells of: erase what is marked as deleted or was never completed, process photos that wait."""
    photos = accounts.photos
    deleted = await photos.store.in_state(State.DELETED, TIDY_AT_MOST, before=now - TIDY_AGE_MIN)
    await _each(photos.erase, [photo["_id"] for photo in deleted])
    rejected = await photos.store.with_files_left(TIDY_AT_MOST, before=now - TIDY_AGE_MIN)
    await _each(photos.erase_files, [photo["_id"] for photo in rejected])
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
    async with open_platform(settings) as platform, provider(settings) as pushes:
        start_http_server(metrics_port, addr="127.0.0.1")
        log.info("worker is ready")
        # One of them: pictures are resized one after the other.
        accounts = account_service_on(platform)
        working: asyncio.Future[Any] = asyncio.gather(
            _work(handlers(accounts, push_service_on(platform), pushes), platform.queue, stop),
            _watch_queue(platform, stop),
            _sweep_likes(platform, stop),
            _tidy(accounts, stop),
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
    try:
        settings = from_environment()
    except UsageError as error:
        sys.exit(str(error))
    logs.configure(settings, "worker")
    asyncio.run(run(settings, given.metrics_port))
    if settings.sentry_dsn:
        import sentry_sdk

        sentry_sdk.flush(timeout=1)
    os._exit(0)  # a thread that waits for a server which hangs is not waited for
