"""`matchday prices`: the list prices themselves: which there are, which are doubtful, and new ones from AWS."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cli.costs import PRICES, PricesFile, prices_of
from cli.options import AsJson, interruptible, quiet_pipe
from reports.as_json import dumps
from reports.terminal import Steps, console
from scenarios.files import can_be_written
from scenarios.outcome import ExitCode, UsageError
from scenarios.prices import price_list

prices = typer.Typer(help="List prices: which there are, which are doubtful, new ones from AWS.", no_args_is_help=True)


@prices.command("list")
@interruptible()
def list_prices(file: PricesFile = None, as_json: AsJson = False) -> None:
    """All list prices, with unit, date and how well each is known."""
    from reports.prices_terminal import print_prices

    quiet_pipe()
    found = prices_of(file)
    if as_json:
        print(dumps(found.rows))
    else:
        print_prices(console(), found)


@prices.command()
@interruptible()
def check(
    file: PricesFile = None,
    max_age_days: Annotated[
        int | None, typer.Option(min=1, help="Exit 1 when a price is older; without it only a report.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Which prices are old, undated, secondary or unverified."""
    from capacity.costs.freshness import OLD_DAYS, doubts
    from reports.prices_terminal import print_doubts

    quiet_pipe()
    found, days = prices_of(file), max_age_days or OLD_DAYS
    doubtful = doubts(found, datetime.now(UTC).date(), days)
    if as_json:
        print(dumps(doubtful))
    else:
        print_doubts(console(), found, doubtful, days)
    if max_age_days and any(one.age_days is None or one.age_days > days for one in doubtful):
        raise typer.Exit(ExitCode.FAIL)


@prices.command()
@interruptible()
def refresh(
    file: PricesFile = None,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write; other commands find it here.")] = PRICES,
) -> None:
    """Ask the AWS Price List API for today's prices, with your credentials; all other rows stay as they are."""
    import boto3
    from botocore.exceptions import BotoCoreError

    from capacity.costs.refresh import refreshed
    from reports.prices_terminal import print_refreshed
    from scenarios.load import load_aws_queries

    if not can_be_written(out):
        raise UsageError(f"{out} cannot be written: name a file in a folder that can be.")
    known = prices_of(file)
    try:
        client = boto3.client("pricing", region_name="us-east-1")
    except BotoCoreError as error:
        raise UsageError(f"AWS cannot be asked: {error}.") from error
    with Steps(console(stderr=True), "Prices") as steps:
        found = refreshed(known, load_aws_queries(), client, datetime.now(UTC).date(), steps.show)
    price_list.write(out, found.rows)
    print_refreshed(console(), found)
    console().print(f"Prices: {out}", soft_wrap=True)
