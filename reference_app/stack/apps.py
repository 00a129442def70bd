"""The backend's own processes: apps, services, the worker."""

import sys
from collections.abc import Mapping
from pathlib import Path

from reference_app.stack.process import ServerProcess, http_answers, http_json


def app(folder: Path, environment: Mapping[str, str], name: str, port: int) -> ServerProcess:
    """An app, or a service that runs apart; `environment` says which. Another may listen on the same port."""
    argv = [sys.executable, "-m", "reference_app", "--port", str(port)]
    server = ServerProcess(name, argv, folder / f"{name}.log", lambda: None, environment)

    def answers() -> None:
        """This process, not the one that it takes over from."""
        answered_by = http_json(f"http://127.0.0.1:{port}/readyz")["process"]
        if answered_by != str(server.pid):
            raise TimeoutError("the process before it answers still")

    server.check = answers
    return server


def worker(folder: Path, environment: Mapping[str, str], port: int) -> ServerProcess:
    """The worker; its metrics are on that port."""
    argv = [sys.executable, "-m", "reference_app.worker", "--metrics-port", str(port)]
    check = f"http://127.0.0.1:{port}/metrics"
    return ServerProcess("worker", argv, folder / "worker.log", lambda: http_answers(check), environment)
