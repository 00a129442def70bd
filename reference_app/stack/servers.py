"""How each server is started: program, arguments, configuration, and the check that it is ready."""

import os
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from reference_app.settings import Settings
from reference_app.stack import binaries
from reference_app.stack.process import ServerProcess

REPLICA_SET = "rs0"
MONGO_CACHE_GB = "0.5"  # what an Atlas M10 (2 GB) gives WiredTiger
REDIS_MEMORY = "1gb"


def tcp_answers(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=1).close()


def http_answers(url: str) -> None:
    """Raises OSError (URLError is one) until the URL answers with success."""
    with urllib.request.urlopen(url, timeout=2):
        pass


def mongod(folder: Path, port: int) -> ServerProcess:
    data = folder / f"mongod-{port}"
    data.mkdir()
    argv: list[str | Path] = [binaries.find("mongod"), "--replSet", REPLICA_SET, "--dbpath", data]
    argv += ["--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket"]
    argv += ["--wiredTigerCacheSizeGB", MONGO_CACHE_GB, "--setParameter", "diagnosticDataCollectionEnabled=false"]
    return ServerProcess("mongod", argv, folder / "mongod.log", lambda: _mongo_primary(port))


def _mongo_primary(port: int) -> None:
    """Make it a one-node replica set and return when it has elected itself."""
    client: MongoClient[dict[str, Any]] = MongoClient(
        "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=500
    )
    with client:
        try:
            hello = client.admin.command("hello")
            if not hello.get("setName"):
                member = {"_id": 0, "host": f"127.0.0.1:{port}"}
                client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
            if not client.admin.command("hello").get("isWritablePrimary"):
                raise TimeoutError("it has not elected a primary yet")
        except OperationFailure as error:
            raise TimeoutError(str(error)) from error
        except PyMongoError as error:
            raise TimeoutError(str(error).partition(",")[0]) from error


def valkey(folder: Path, port: int) -> ServerProcess:
    argv: list[str | Path] = [binaries.find("valkey"), "--port", str(port), "--bind", "127.0.0.1"]
    argv += ["--save", "", "--appendonly", "no", "--maxmemory", REDIS_MEMORY, "--dir", folder]
    return ServerProcess("valkey", argv, folder / "valkey.log", lambda: tcp_answers(port))


def aws(folder: Path, port: int) -> ServerProcess:
    """The emulator of S3, SQS and CloudWatch."""
    environment = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "SERVICES": "s3,sqs,cloudwatch",
        "IOT_MTLS_ENABLED": "0",  # else, where `cryptography` is installed, it listens on every address
        "TMPDIR": str(folder),
        "LOG_LEVEL": "WARNING",
    }
    argv = [sys.executable, "-m", "ministack"]
    check = f"http://127.0.0.1:{port}/_ministack/health"
    return ServerProcess("aws", argv, folder / "aws.log", lambda: http_answers(check), environment)


def app(folder: Path, environment: dict[str, str], number: int, port: int) -> ServerProcess:
    argv = [sys.executable, "-m", "uvicorn", "reference_app.app:create_app", "--factory"]
    argv += ["--host", "127.0.0.1", "--port", str(port), "--loop", "uvloop", "--http", "httptools"]
    # Idle clients: keep-alive above the longest think time, or they meet closed connections. Compression of
    # frames costs 40 KiB a socket, and frames over 64 KiB have no use here.
    argv += ["--timeout-keep-alive", "75", "--ws-per-message-deflate", "false", "--ws-max-size", "65536"]
    argv += ["--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "5"]
    name = f"app-{number}"
    check = f"http://127.0.0.1:{port}/readyz"
    return ServerProcess(name, argv, folder / f"{name}.log", lambda: http_answers(check), environment)


def worker(folder: Path, environment: dict[str, str]) -> ServerProcess:
    log = folder / "worker.log"

    def ready() -> None:
        if "worker is ready" not in log.read_text(errors="replace"):
            raise TimeoutError("it has not connected yet")

    return ServerProcess("worker", [sys.executable, "-m", "reference_app.worker"], log, ready, environment)


def nginx(folder: Path, app_ports: Sequence[int], settings: Settings, port: int) -> ServerProcess:
    """Load balancer, WebSocket proxy and CDN cache in one."""
    prefix = folder / f"nginx-{port}"
    (prefix / "cache").mkdir(parents=True)
    configuration = prefix / "nginx.conf"
    configuration.write_text(_nginx_conf(prefix, port, app_ports, settings))
    argv: list[str | Path] = [binaries.find("nginx"), "-p", prefix, "-c", configuration, "-e", "stderr"]
    check = f"http://127.0.0.1:{port}/healthz"
    return ServerProcess("proxy", argv, folder / "proxy.log", lambda: http_answers(check))


def _nginx_conf(prefix: Path, port: int, app_ports: Sequence[int], settings: Settings) -> str:
    upstreams = "\n".join(f"        server 127.0.0.1:{app_port};" for app_port in app_ports)
    temporary = "\n".join(
        f"    {kind}_temp_path {prefix}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    s3 = (settings.aws_endpoint_url or "").partition("://")[2]
    user = "user root;" if os.geteuid() == 0 else ""  # as root, workers must reach a folder that only root may
    return rf"""
{user}
daemon off;
worker_processes 1;
pid {prefix}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    default_type application/octet-stream;
    keepalive_timeout 75s;
    client_max_body_size 64k;
{temporary}
    proxy_cache_path {prefix}/cache levels=1:2 keys_zone=cdn:10m max_size=1g inactive=1d;
    map $http_upgrade $connection_upgrade {{ default upgrade; "" ""; }}
    map $http_accept $picture {{ default webp; "~image/avif" avif; }}
    map $http_x_purge $purge {{ default 0; "{settings.cdn_purge_secret}" 1; }}
    upstream s3 {{
        server {s3};
        keepalive 16;
    }}
    upstream apps {{
        least_conn;
{upstreams}
        keepalive 64;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        location = /metrics {{ return 404; }}
        proxy_cache_key $uri;
        proxy_cache_lock on;
        proxy_cache_valid 200 1d;
        proxy_cache_valid 403 404 10s;
        proxy_cache_bypass $purge;
        location /media/ {{
            rewrite ^ /{settings.bucket}$uri.$picture break;
            proxy_pass http://s3;
            proxy_set_header Host {s3};
            proxy_set_header Connection "";
            proxy_cache cdn;
            proxy_intercept_errors on;
            error_page 403 404 = @webp;
            add_header X-Cache $upstream_cache_status always;
            add_header Vary Accept always;
        }}
        location @webp {{
            rewrite ^(.*)\.avif$ $1.webp break;
            proxy_pass http://s3;
            proxy_set_header Host {s3};
            proxy_set_header Connection "";
            proxy_cache cdn;
            add_header X-Cache $upstream_cache_status always;
            add_header Vary Accept always;
        }}
        location / {{
            proxy_pass http://apps;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_read_timeout 3600s;
        }}
    }}
}}
"""
