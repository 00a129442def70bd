"""What recording costs, and how much load a core of the generator can make. `make bench-generator` prints the table.

One nginx answers all of them with canned bodies on the other core. Variants are interleaved, the figures are medians:
machines are shared, so only figures of the same minutes can be compared.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil

from reference_app.stack import binaries
from reference_app.stack.process import free_port
from scenarios.children import end_with_parent
from tests.waiting import wait_for

ROUNDS, SECONDS, USERS = 5, 6, 10
CARDS, PHOTO, SWIPED = 20, "/photos/1/card.webp", "00000000-0000-4000-8000-000000000001"
HERE = Path(__file__).parent


def deck() -> str:
    photo = {"id": "p1", "status": "ready", "card_url": PHOTO, "full_url": PHOTO}
    profile = {"id": SWIPED, "name": "Anna", "age": 30, "bio": "Off to the lake.", "photos": [photo] * 2}
    return json.dumps({"cards": [{"distance_km": 3, "profile": profile}] * CARDS})


@contextmanager
def canned(folder: Path, chat_port: int = 9) -> Iterator[str]:
    """nginx with answers as long as the backend's, without the backend's work; /ws goes to `chat_port`."""
    port = free_port()
    folder.chmod(0o755)  # started by root, nginx reads as somebody else
    (folder / "deck.json").write_text(deck())
    (folder / "photo.webp").write_bytes(b"x" * 4000)
    (folder / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; worker_rlimit_nofile 20000; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 30000; }}
http {{
  access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port}; default_type application/json;
    location = /discovery {{ alias {folder}/deck.json; }}
    location = /swipes {{ return 200 '{{"kind": "like", "at": "2026-01-01T00:00:00Z"}}'; }}
    location = /auth/otp {{ return 202 '{{}}'; }}
    location = /auth/session {{ return 200 '{{"token": "t$request_id", "person_id": "p$request_id"}}'; }}
    location = /me {{ return 200 '{{"sex": "male", "location": {{"latitude": 1, "longitude": 1}}}}'; }}
    location = /matches {{ return 200 '{{"matches": []}}'; }}
    location = /ws {{ proxy_pass http://127.0.0.1:{chat_port}; proxy_http_version 1.1; proxy_read_timeout 600s;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }}
    location = /healthz {{ return 200 'ok'; }}
    location = {PHOTO} {{ add_header X-Cache Hit; alias {folder}/photo.webp; }}
  }}
}}""")
    argv = [str(binaries.find("nginx")), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "e")]
    process = subprocess.Popen(argv, preexec_fn=end_with_parent)
    try:
        wait_for(lambda: listens(port), "nginx")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def locust(user: str, recorded: bool) -> Callable[[str, Path], float]:
    def run(host: str, folder: Path) -> float:
        figures = folder / "figures.json"
        environment = os.environ | {"BENCH_FILE": str(figures)}
        if recorded:
            environment["MATCHDAY_RECORD"] = tempfile.mkdtemp(dir=folder) + "/run"
        argv = [sys.executable, "-m", "locust", "-f", str(HERE / "users.py"), user, "--headless", "--only-summary"]
        argv += ["-H", host, "-u", str(USERS), "-r", str(USERS), "-t", f"{SECONDS}s", "--stop-timeout", "5"]
        subprocess.run(argv, env=environment, check=True, capture_output=True, preexec_fn=end_with_parent)
        found = json.loads(figures.read_text())
        assert not found["failures"], found
        return float(found["requests"] / found["cpu_s"])

    return run


def wrk(host: str, folder: Path) -> float:
    before = psutil.Process().cpu_times()
    argv = ["wrk", "-t1", f"-c{USERS}", f"-d{SECONDS}s", f"{host}{PHOTO}"]
    done = subprocess.run(argv, check=True, capture_output=True, text=True, preexec_fn=end_with_parent)
    after = psutil.Process().cpu_times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return int(re.findall(r"(\d+) requests in", done.stdout)[0]) / cpu_s


VARIANTS: dict[str, Callable[[str, Path], float]] = {
    "bare FastHttpUser": locust("Bare", recorded=False),
    "the same, recorded": locust("Bare", recorded=True),
    "Matchday user": locust("Full", recorded=False),
    "Matchday user, recorded": locust("Full", recorded=True),
}
if shutil.which("wrk"):
    VARIANTS["wrk (C, one URL)"] = wrk


def main() -> None:
    figures: dict[str, list[float]] = {name: [] for name in VARIANTS}
    with tempfile.TemporaryDirectory() as name, canned(Path(name)) as host:
        for number in range(ROUNDS):
            for variant, run in VARIANTS.items():
                figures[variant].append(run(host, Path(name)))
                print(f"  round {number + 1}: {variant}: {figures[variant][-1]:,.0f}", flush=True)
    bare = figures["bare FastHttpUser"]
    print(f"\n{'requests a CPU second of the generator':40} {'median':>8} {'lowest':>8} {'highest':>8} {'of bare':>8}")
    for variant, found in figures.items():
        # Rounds are compared with their own: what slows a minute slows all of its runs.
        ratio = median(one / other for one, other in zip(found, bare, strict=True))
        print(f"{variant:40} {median(found):8,.0f} {min(found):8,.0f} {max(found):8,.0f} {ratio:8.2f}")


if __name__ == "__main__":
    main()
