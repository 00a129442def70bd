"""`matchday up`, and the stack of its own that a command starts when it is given none."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import psutil
import typer

from cli.options import Settings, interruptible
from reports.terminal import Steps, console
from scenarios.load import load
from scenarios.outcome import MatchdayError, UsageError
from scenarios.schema import Scenario

if TYPE_CHECKING:
    from reference_app.stack import LocalStack


@interruptible()
def up(
    phase: Annotated[int, typer.Option(min=1, max=3, help="Which phase's stack.")] = 1,
    settings: Settings = None,
    stack_file: Annotated[
        Path | None, typer.Option("--stack-file", help="Where to write the stack file once it is healthy.")
    ] = None,
) -> None:
    """A phase's stack with its population, until Ctrl-C."""
    with ExitStack() as closing:
        stack = closing.enter_context(local_stack(load(f"phase-{phase}", settings or [])))
        # A restart is asked for: all at once, or one app after the other; or a server has ended.
        news = closing.enter_context(_signals(signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD))
        file = write_stack_file(stack, stack_file)
        # Whoever finds the file later must not take another process for this one; and it holds a secret.
        closing.callback(file.unlink, missing_ok=True)
        out = console()
        out.print(f"{stack.host}  healthy; API: {stack.host}/docs; Ctrl-C ends it. In another shell:")
        # Not wrapped: people copy these lines.
        out.print(f"  matchday run phase-{phase} --stack {file}", soft_wrap=True)
        out.print(f"  locust -f loadtests/locustfile.py --stack {file}", soft_wrap=True)
        try:
            restarts = 0
            while True:
                stack.check()
                told = news.recv(1)
                if signal.SIGHUP in told:
                    stack.restart_apps()()
                elif signal.SIGUSR1 in told:
                    try:
                        stack.roll()
                    except MatchdayError as error:  # a release that does not start is no reason to end what runs
                        console(stderr=True).print(f"{error}\nThe app before it goes on.", markup=False)
                else:
                    continue
                restarts += 1
                write_stack_file(stack, file, restarts)
        except KeyboardInterrupt:
            out.print("Stopping ...")


@contextmanager
def _signals(*wanted: signal.Signals) -> Iterator[socket.socket]:
    """A socket that gives a byte for each of these signals, its number: none is lost, however it falls."""
    heard, told = socket.socketpair()
    with heard, told:
        told.setblocking(False)
        for kind in wanted:
            signal.signal(kind, lambda number, frame: None)
        before = signal.set_wakeup_fd(told.fileno())
        try:
            yield heard
        finally:
            signal.set_wakeup_fd(before)


@contextmanager
def local_stack(scenario: Scenario, name: str = "") -> Iterator["LocalStack"]:
    """A running, populated stack; stopped at the end, whatever happens."""
    from reference_app.stack import LocalStack

    with ExitStack() as running:
        with Steps(console(stderr=True), f"{name}Stack of phase {scenario.phase}") as steps:
            stack = running.enter_context(LocalStack(scenario, steps.show))
        try:
            people = scenario.population.users
            with Steps(console(stderr=True), f"{name}Population: {people:,} people") as steps:
                stack.populate(scenario, lambda done, of: steps.show(f"{done:,} of {of:,}", done, of))
            yield stack
        finally:
            with Steps(console(stderr=True), f"{name}Stopping the stack"):
                running.close()


def write_stack_file(stack: "LocalStack", file: Path | None = None, restarts: int = 0) -> Path:
    """The stack's file, where it is wanted or in its own folder."""
    file = file or stack.folder / "stack.json"
    try:
        ours = {"controller": os.getpid(), "controller_began_at": psutil.Process().create_time()}
        stack.info.model_copy(update={**ours, "restarts": restarts}).write(file)
    except OSError as error:
        raise UsageError(f"The stack file {file} cannot be written: {error.strerror}.") from error
    return file
