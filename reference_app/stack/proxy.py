"""nginx: load balancer, WebSocket proxy and CDN cache in one."""

import os
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from reference_app.settings import Service, Settings
from reference_app.stack import binaries
from reference_app.stack.process import ServerProcess, http_answers

# Which paths a service answers, where it runs apart from the apps.
PATHS = {
    Service.AUTH: "^/auth/",
    Service.MATCH: "^/(discovery|swipes)(/|$)",
    Service.CHAT: "^/(matches(/|$)|ws$)",
}


def nginx(folder: Path, upstreams: Mapping[Service, Sequence[int]], settings: Settings, port: int) -> ServerProcess:
    """`upstreams`: the ports of each service that runs apart; the apps have what is left."""
    prefix = folder / f"nginx-{port}"
    prefix.mkdir()
    file = prefix / "nginx.conf"
    servers = {service: [f"127.0.0.1:{port}" for port in ports] for service, ports in upstreams.items()}
    file.write_text(configuration(servers, settings, f"127.0.0.1:{port}", str(prefix), own_paths=True))
    argv: list[str | Path] = [binaries.find("nginx"), "-p", prefix, "-c", file, "-e", "stderr"]
    check = f"http://127.0.0.1:{port}/healthz"
    return ServerProcess("proxy", argv, folder / "proxy.log", lambda: http_answers(check))


def compose_proxy() -> str:
    """The one of deploy/compose.yaml."""
    settings = Settings(aws_endpoint_url="http://aws:4566")
    return configuration({Service.APP: ["app:8000"]}, settings, "8080", "/var/cache/nginx", own_paths=False)


def configuration(
    servers: Mapping[Service, Sequence[str]], settings: Settings, listen: str, prefix: str, own_paths: bool
) -> str:
    """nginx.conf. `own_paths`: everything below `prefix`, as somebody without root needs it."""
    template = files("reference_app.stack").joinpath("nginx.conf.j2").read_text()
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    return environment.from_string(template).render(
        own_paths=own_paths,
        prefix=prefix,
        user="user root;" if os.geteuid() == 0 else "",  # as root, workers must reach a folder that only root may
        purge_secret=settings.cdn_purge_secret,
        upstreams={service.value: ports for service, ports in servers.items()},
        paths={service.value: PATHS[service] for service in servers if service in PATHS},
        s3=(settings.aws_endpoint_url or "").partition("://")[2],
        bucket=settings.bucket,
        listen=listen,
        cdn=settings.cdn,
    )
