"""Runs the backend: `python -m reference_app --port 8000`. What it does comes from the environment (settings.py)."""

import argparse
import socket
import sys

import uvicorn

from reference_app.app import create_app
from reference_app.platform import logs, websockets
from reference_app.settings import from_environment
from scenarios.outcome import UsageError

BACKLOG = 2048
FRAMES_OF_ANY_KIND = 5  # are allowed for each message: pings, pongs, pieces


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m reference_app", description=__doc__)
    options.add_argument("--host", default="127.0.0.1", help="address to listen on")
    options.add_argument("--port", type=int, default=8000)
    given = options.parse_args()
    settings = from_environment()
    logs.configure(settings, "+".join(settings.services))
    config = uvicorn.Config(
        create_app(settings),
        loop="uvloop",
        http="httptools",
        timeout_keep_alive=75,  # above the longest think time, or idle clients meet closed connections
        # Whoever sends messages at such a rate was told off long before.
        ws=websockets.counted(FRAMES_OF_ANY_KIND * settings.frames_per_10_s),
        ws_per_message_deflate=False,  # compressing frames costs 40 KiB a socket
        # Phones ping, too, every 25 s. This finds the dead; each ping wakes both sides up.
        ws_ping_interval=60.0,
        ws_max_size=65_536,  # larger frames have no use here
        forwarded_allow_ips=settings.trusted_proxies,
        server_header=False,
        backlog=BACKLOG,
        access_log=False,
        log_config=None,  # as configured above
        log_level="warning",
        timeout_graceful_shutdown=5,  # a new primary is elected within that; the whole process is gone within ten
    )
    uvicorn.Server(config).run(sockets=[_listener(given.host, given.port)])


def _listener(host: str, port: int) -> socket.socket:
    """Others may listen on the same port: the next process is started before this one ends."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((host, port))
    return listener


if __name__ == "__main__":
    try:
        main()
    except UsageError as error:
        sys.exit(str(error))
