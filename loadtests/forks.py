"""The workers of Locust's --processes: forks of its main process."""

from contextlib import suppress

import psutil
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner


def is_fork(environment: Environment) -> bool:
    """Whether this is one of them: its main process was given the same, and says what is wrong."""
    options = environment.parsed_options
    return bool(options and options.processes) and isinstance(environment.runner, WorkerRunner)


def end_forks(environment: Environment) -> None:
    """Locust leaves them behind for a minute when its main process ends before a test was started."""
    options = environment.parsed_options
    if options and options.processes and isinstance(environment.runner, MasterRunner):
        for worker in psutil.Process().children():
            with suppress(psutil.NoSuchProcess):
                worker.terminate()
