"""The `matchday` command: a file for each group of commands. The work is done in the packages.

Whatever is heavy is imported by the command that needs it: `matchday cost` starts at once.
"""

import errno
import io
import signal
import sys
import traceback
from types import FrameType

import typer

from cli import capacity, costs, duels, gates, plans, prices, runs, searches, stacks, traffic, verifying
from cli.options import ManyAfterBaseline
from scenarios.outcome import ExitCode, MatchdayError
from scenarios.texts import visible

__all__ = ["app", "main"]

_EXIT_CODES = (
    "Exit codes: 0 pass, 1 a target failed, 2 wrong usage or configuration, 3 inconclusive, "
    "4 invalid run, 130 interrupted (the record is kept)."
)

app = typer.Typer(
    help="Rehearses the big day of a dating backend: load test, capacity and cost.",
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(runs.demo)
app.command()(stacks.up)
app.command()(runs.run)
app.command()(searches.search)
app.command()(runs.check)
app.command(cls=ManyAfterBaseline)(gates.gate)
app.command()(duels.duel)
app.add_typer(gates.baselines, name="baseline")
app.command()(traffic.traffic)
app.command()(capacity.calibrate)
app.command()(capacity.predict)
app.command()(verifying.verify)
app.command()(costs.cost)
app.command()(plans.plan)
app.add_typer(prices.prices, name="prices")
app.command()(runs.report)

_INTERRUPTING = (signal.SIGINT, signal.SIGTERM)


def main() -> None:
    """Entry point: errors become a sentence and an exit code."""
    for number in _INTERRUPTING:
        signal.signal(number, _interrupt)
    # A terminal of another encoding shows what it can; a report must not end over an arrow.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app()
    except MatchdayError as error:
        print(f"matchday: {visible(str(error))}", file=sys.stderr)
        sys.exit(error.exit_code)
    except Exception as error:
        # Python would end with 1, which is our word for a missed target.
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            print(f"matchday: nothing more can be written: {error.strerror}.", file=sys.stderr)
            sys.exit(ExitCode.USAGE)
        traceback.print_exc()
        print(f"matchday: a mistake of its own, and no verdict: {error!r}. Please report it.", file=sys.stderr)
        sys.exit(ExitCode.USAGE)


def _interrupt(number: int, frame: FrameType | None) -> None:
    # From now on what runs is closing down, in bounded time: people who press Ctrl-C twice must not break it.
    for each in _INTERRUPTING:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt
