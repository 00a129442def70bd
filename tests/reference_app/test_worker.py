"""Jobs: delivered at least once, exactly once in effect; those that cannot be done end as dead letters."""

import asyncio
import io
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from anyio import to_thread
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from reference_app.accounts.service import account_service_on
from reference_app.app import open_platform
from reference_app.jobs import Job
from reference_app.photos.images import file_names
from reference_app.photos.schemas import State
from reference_app.photos.service import PhotoService, photo_service_on
from reference_app.photos.store import PhotoStore, media_key, upload_key
from reference_app.platform import Platform, Queue, aws
from reference_app.platform.mongo import Document
from reference_app.profiles.store import ProfileStore
from reference_app.stack import LocalStack
from reference_app.worker import tidy
from tests.reference_app.conftest import Somebody
from tests.waiting import eventually


@pytest.fixture
async def platform(stack: LocalStack) -> AsyncIterator[Platform]:
    async with open_platform(stack.settings) as platform:
        yield platform


def a_picture() -> bytes:
    """Another one each time."""
    out = io.BytesIO()
    Image.effect_noise((300, 300), 40).save(out, "JPEG")
    return out.getvalue()


async def uploaded(platform: Platform, owner: str) -> str:
    """A photo that waits for the worker, of which no job tells."""
    photos = photo_service_on(platform)
    photo_id = await photos.store.create(owner)
    await to_thread.run_sync(platform.objects.put, upload_key(photo_id), a_picture())
    await photos.store.change(photo_id, State.PROCESSING, of=[State.PENDING])
    return photo_id


async def test_a_job_that_comes_three_times_at_once_is_done_once(anna: Somebody, platform: Platform) -> None:
    photo_id = await uploaded(platform, anna.id)
    photos = photo_service_on(platform)
    await asyncio.gather(*(photos.process(photo_id) for _ in range(3)))
    await photos.process(photo_id)
    photo = await photos.store.get(photo_id)
    assert photo is not None
    assert photo["state"] == State.IN_REVIEW
    for name in file_names():
        assert await platform.objects.exists(media_key(photo_id, name))


async def test_a_late_job_does_not_replace_what_was_reviewed(anna: Somebody, platform: Platform) -> None:
    photo_id = await uploaded(platform, anna.id)
    slow, quick = photo_service_on(platform), photo_service_on(platform)
    await slow.resizing.acquire_on_behalf_of("other photos")
    late = asyncio.create_task(slow.process(photo_id))
    await quick.process(photo_id)
    before = await to_thread.run_sync(platform.objects.get, media_key(photo_id, "card.webp"))
    # The form for the upload is good for ten minutes.
    await to_thread.run_sync(platform.objects.put, upload_key(photo_id), a_picture())
    slow.resizing.release_on_behalf_of("other photos")
    await late
    assert await to_thread.run_sync(platform.objects.get, media_key(photo_id, "card.webp")) == before


async def test_a_job_is_repeated_wherever_its_worker_was_killed(anna: Somebody, platform: Platform) -> None:
    photos = photo_service_on(platform)
    photo_id = await uploaded(platform, anna.id)
    upload = await to_thread.run_sync(platform.objects.get, upload_key(photo_id))
    await photos.process(photo_id)
    # The state was changed, the upload not yet deleted: it says where the picture was taken.
    await to_thread.run_sync(platform.objects.put, upload_key(photo_id), upload)
    await photos.process(photo_id)
    assert not await platform.objects.exists(upload_key(photo_id))
    assert (await anna.http.get(f"/photos/{photo_id}")).json()["state"] == "in_review"


async def test_two_approvals_at_once_show_a_photo_once(anna: Somebody, platform: Platform) -> None:
    photo_id = await uploaded(platform, anna.id)
    photos = photo_service_on(platform)
    await photos.process(photo_id)
    assert sorted(await asyncio.gather(*(photos.approve(photo_id) for _ in range(5)))) == [False] * 4 + [True]
    assert [p["id"] for p in (await anna.http.get("/me")).json()["photos"]].count(photo_id) == 1


async def test_what_is_never_completed_does_not_stay(anna: Somebody, platform: Platform) -> None:
    photo_id = (await anna.http.post("/photos")).json()["id"]
    await tidy(account_service_on(platform), datetime.now(UTC) + timedelta(hours=23))
    assert (await anna.http.get(f"/photos/{photo_id}")).status_code == 200
    await tidy(account_service_on(platform), datetime.now(UTC) + timedelta(hours=25))
    assert (await anna.http.get(f"/photos/{photo_id}")).status_code == 404
    # An upload that ends after its photo was deleted is known to nobody but the store.
    s3 = platform.objects.s3
    found = await to_thread.run_sync(lambda: s3.get_bucket_lifecycle_configuration(Bucket=platform.objects.bucket))
    (rule,) = found["Rules"]
    assert (rule["Filter"], rule["Expiration"]) == ({"Prefix": upload_key("")}, {"Days": 1})


async def test_a_photo_of_which_no_job_tells_any_more_is_processed(anna: Somebody, platform: Platform) -> None:
    """Its job became a dead letter while the store was away, or its app died before it was queued."""
    there, gone = await uploaded(platform, anna.id), await uploaded(platform, anna.id)
    await to_thread.run_sync(platform.objects.delete, [upload_key(gone)])
    await tidy(account_service_on(platform), datetime.now(UTC) + timedelta(minutes=1))
    assert {await state(anna, photo) for photo in (there, gone)} == {"processing"}
    await tidy(account_service_on(platform), datetime.now(UTC) + timedelta(minutes=3))
    assert (await state(anna, there), await state(anna, gone)) == ("in_review", "refused")


async def files_of(platform: Platform, photo_id: str) -> list[str]:
    return [name for name in file_names() if await platform.objects.exists(media_key(photo_id, name))]


async def test_files_of_a_rejected_photo_of_which_no_job_tells_are_erased(anna: Somebody, platform: Platform) -> None:
    """Its owner knows where they are."""
    photos, photo_id = photo_service_on(platform), await uploaded(platform, anna.id)
    await photos.process(photo_id)
    assert await photos.store.reject(photo_id)  # and then the app dies
    await tidy(account_service_on(platform), datetime.now(UTC))
    assert set(await files_of(platform, photo_id)) == set(file_names())
    later = datetime.now(UTC) + timedelta(minutes=2)
    await tidy(account_service_on(platform), later)
    assert await files_of(platform, photo_id) == []
    assert photo_id not in {photo["_id"] for photo in await photos.store.with_files_left(100, before=later)}
    assert await state(anna, photo_id) == "rejected"


async def test_a_job_whose_photo_was_rejected_meanwhile_leaves_no_files(anna: Somebody, platform: Platform) -> None:
    photo_id = await uploaded(platform, anna.id)
    slow, quick = Slow(platform, PhotoStore(platform.db), ProfileStore(platform.db)), photo_service_on(platform)
    late = asyncio.create_task(slow.process(photo_id))
    await slow.begun.wait()
    await quick.process(photo_id)
    assert await quick.reject(photo_id)
    await eventually(lambda: files_of(platform, photo_id), [])
    slow.rejected.set()
    await late
    assert await files_of(platform, photo_id) == []


@dataclass(frozen=True)
class Slow(PhotoService):
    """Reads the upload, and makes its files when it is told to."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    rejected: asyncio.Event = field(default_factory=asyncio.Event)

    async def _processed(self, photo_id: str) -> Document | None:
        upload = await to_thread.run_sync(self.platform.objects.get, upload_key(photo_id))
        self.begun.set()
        await self.rejected.wait()
        await to_thread.run_sync(self.platform.objects.put, upload_key(photo_id), upload)
        return await super()._processed(photo_id)


async def state(person: Somebody, photo_id: str) -> str:
    return str((await person.http.get(f"/photos/{photo_id}")).json()["state"])


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


async def test_a_queue_that_hangs_holds_up_nothing_else(stack: LocalStack, silent: socket.socket) -> None:
    endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
    hanging = Queue.connect(stack.settings.model_copy(update={"aws_endpoint_url": endpoint}))
    # One goes at once; those that come meanwhile go ten at a time.
    jobs = 1 + 10 * (aws.CONNECTIONS - 1)
    sending = [asyncio.create_task(hanging.send({"job": "any"})) for _ in range(jobs)]
    await eventually(lambda: under_way(hanging), aws.CONNECTIONS)
    with pytest.raises(aws.TooManyWait):
        await hanging.send({"job": "one more"})
    assert to_thread.current_default_thread_limiter().borrowed_tokens == 0
    silent.close()
    failed = await asyncio.gather(*sending, return_exceptions=True)
    assert all(isinstance(error, aws.Unavailable) for error in failed)
    assert await under_way(hanging) == 0


async def under_way(queue: Queue) -> int:
    return int(queue.sending.borrowed_tokens)


async def test_a_job_whose_photo_was_deleted_meanwhile_leaves_no_files(anna: Somebody, platform: Platform) -> None:
    photo_id = await uploaded(platform, anna.id)
    photos = photo_service_on(platform)
    processing = asyncio.create_task(photos.process(photo_id))
    await anna.http.delete(f"/photos/{photo_id}")
    await asyncio.gather(processing, return_exceptions=True)
    await eventually(lambda: files_of(platform, photo_id), [])


async def metric(stack: LocalStack, name: str, **labels: str) -> float:
    """A metric of the worker."""
    url = f"http://127.0.0.1:{stack.server('worker').argv[-1]}/metrics"
    async with httpx.AsyncClient() as http:
        families = text_string_to_metric_families((await http.get(url)).text)
        samples = [sample for family in families for sample in family.samples if sample.name == name]
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


@pytest.mark.slow
async def test_a_poison_message_ends_as_a_dead_letter_and_shows(stack: LocalStack, platform: Platform) -> None:
    before = await metric(stack, "matchday_queue_dead_letters")
    await platform.queue.send({"job": "no such job"})
    await platform.queue.send(Job.PUSH(nonsense=True))
    await eventually(lambda: metric(stack, "matchday_queue_dead_letters"), before + 2)
    assert await metric(stack, "matchday_jobs_total", kind="unknown", outcome="failed") == 5
    # What is behind them is done all the same.
    done = {"name": "matchday_jobs_total", "kind": "erase_photo", "outcome": "done"}
    before = await metric(stack, **done)
    await platform.queue.send(Job.ERASE_PHOTO(photo_id="nobody's"))
    await eventually(lambda: metric(stack, **done), before + 1)


async def test_metrics_carry_what_the_alerts_need(stack: LocalStack) -> None:
    for name in ("process_cpu_seconds_total", "process_resident_memory_bytes", "matchday_mongo_pool_size"):
        assert await metric(stack, name) > 0
    async with httpx.AsyncClient() as http:
        page = (await http.get(stack.info.prometheus[0].url)).text
    for name in ("matchday_open_sockets", "matchday_request_seconds", "matchday_commit_documents"):
        assert f"# HELP {name}" in page
    for cache in ("sessions", "decks", "cards"):
        assert f'matchday_cache_hits_total{{cache="{cache}"}}' in page
