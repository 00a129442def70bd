"""The application. Clients are made in the lifespan, one set a process; nothing connects at import."""

import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

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
from reference_app.platform import Cdn, Objects, Platform, Queue
from reference_app.platform.metrics import RequestMetrics
from reference_app.platform.mongo import database, ensure_indexes
from reference_app.platform.redis import connection
from reference_app.profiles import routes as profiles
from reference_app.push import routes as push
from reference_app.safety import routes as safety
from reference_app.settings import Settings
from reference_app.slowdown import Slowdown
from reference_app.swipes import routes as swipes


@asynccontextmanager
async def open_platform(settings: Settings) -> AsyncIterator[Platform]:
    """Connect to everything; the worker and the population use the same."""
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(database(settings))
        redis = await stack.enter_async_context(connection(settings))
        yield Platform(settings, db, redis, Objects.connect(settings), Queue.connect(settings), Cdn(settings))


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    async with open_platform(settings) as platform:
        await ensure_indexes(platform.db)
        hub, background = Hub(platform.redis), Background()
        await hub.start()
        app.state.platform = platform
        app.state.hub = hub
        app.state.background = background
        app.state.otp_sender = sender(settings)
        # What is there now stays: looking through it for garbage stalled all requests by 100 ms every few seconds.
        gc.collect()
        gc.freeze()
        yield
        # In this order nothing is lost: clients go elsewhere, then what they left behind is finished.
        await hub.close_all()
        await background.drain()
        await hub.stop()


def create_app(settings: Settings | None = None) -> FastAPI:
    """The backend with all its services. Settings come from the environment unless given."""
    app = FastAPI(
        title="Matchday reference backend",
        version="1",
        lifespan=_lifespan,
        generate_unique_id_function=lambda route: route.name,  # what a generated client calls its methods
    )
    app.state.settings = settings or Settings()
    errors.install(app)
    for module in (health, auth, profiles, accounts, photos, discovery, swipes, chat, socket, push, safety):
        app.include_router(module.router)
    if slowdown := app.state.settings.slowdown:
        app.add_middleware(Slowdown, shares=slowdown)
    app.add_middleware(RequestMetrics)
    return app


def endpoints() -> set[str]:
    """Every method and route, as in "GET /profiles/{id}"."""
    paths = create_app().openapi()["paths"]
    return {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
