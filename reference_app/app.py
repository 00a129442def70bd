"""The application. Clients are made in the lifespan, one set a process; nothing connects at import."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from types import ModuleType

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from reference_app import errors, health
from reference_app.accounts import routes as accounts
from reference_app.auth import routes as auth
from reference_app.auth.senders import sender
from reference_app.background import Background
from reference_app.chat import routes as chat
from reference_app.chat import socket
from reference_app.chat.hub import Hub
from reference_app.discovery import routes as discovery
from reference_app.photos import routes as photos
from reference_app.platform import Cdn, Channels, Commits, Objects, Platform, Queue
from reference_app.platform.bodies import Bodies
from reference_app.platform.mongo import database, ensure_indexes, stale_reads
from reference_app.platform.redis import connection
from reference_app.platform.requests import Requests
from reference_app.profiles import routes as profiles
from reference_app.push import routes as push
from reference_app.safety import routes as safety
from reference_app.settings import Service, Settings
from reference_app.slowdown import Slowdown
from reference_app.swipes import routes as swipes

log = logging.getLogger(__name__)
FINISH_WITHIN_S = 1.0  # after the requests
# Python's own are 700, 10, 10.
YOUNG_MIDDLE_OLD = (10_000, 20, 100)


# What each service answers. The load balancer sends a path to the service that has it. What is asked for most comes
# first: a path is tried against one route after the other, which took a tenth of a swipe's time.
ROUTES: dict[Service, tuple[ModuleType, ...]] = {
    Service.MATCH: (swipes, discovery),
    Service.CHAT: (chat, socket),
    Service.APP: (profiles, accounts, photos, push, safety),
    Service.AUTH: (auth,),
}


@asynccontextmanager
async def open_platform(settings: Settings) -> AsyncIterator[Platform]:
    """Connect to everything; the worker and the population use the same."""
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(database(settings))
        redis = await stack.enter_async_context(connection(settings))
        yield Platform(
            settings,
            db,
            stale_reads(db, settings),
            Commits(db, settings.group_commit),
            redis,
            Channels(settings, redis),
            Objects.connect(settings),
            Queue.connect(settings),
            Cdn(settings),
        )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    async with open_platform(settings) as platform, AsyncExitStack() as closing:
        await ensure_indexes(platform.db, settings)
        background = Background()
        app.state.platform = platform
        app.state.made = {}
        app.state.background = background
        app.state.otp_sender = sender(settings)
        if Service.CHAT in app.state.services:
            app.state.hub = hub = Hub(platform.channels)
            await hub.start()
            closing.push_async_callback(hub.stop)
        # What is there now stays: looking through it for garbage stalled all requests by 100 ms every few seconds. So
        # did looking through a thousand sockets; what requests leave behind is found while it is young.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*YOUNG_MIDDLE_OLD)
        yield
        # By now requests have been answered, and sockets told to reconnect; what they left behind is finished.
        try:
            async with asyncio.timeout(FINISH_WITHIN_S):
                await background.drain()
                await platform.commits.drain()
        except TimeoutError:
            log.warning("Ending with work undone; the worker's sweep does it")


def create_app(settings: Settings | None = None, services: Collection[Service] | None = None) -> FastAPI:
    """The backend, or some of its services. Settings come from the environment unless given."""
    settings = settings or Settings()
    services = frozenset(settings.services if services is None else services)
    app = FastAPI(
        title="Matchday reference backend",
        version="1",
        openapi_url=None if settings.environment == "production" else "/openapi.json",  # and no /docs with it
        lifespan=_lifespan,
        generate_unique_id_function=lambda route: route.name,  # what a generated client calls its methods
    )
    app.state.settings = settings
    app.state.services = services
    errors.install(app)
    for service, modules in ROUTES.items():
        if service in services:
            for module in modules:
                app.include_router(module.router)
    app.include_router(health.router)
    if slowdown := settings.slowdown:
        app.add_middleware(Slowdown, shares=slowdown)
    app.add_middleware(Bodies)
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
        )
    app.add_middleware(Requests, broken=errors.answer_of(errors.Broken()))
    if services != frozenset(Service):  # clients see one API, whichever process answers what
        app.openapi = create_app(settings, list(Service)).openapi  # type: ignore[method-assign]
    return app


def endpoints() -> set[str]:
    """Every method and route, as in "GET /profiles/{id}"."""
    paths = create_app(services=list(Service)).openapi()["paths"]
    return {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
