"""The program `event-assets`: its commands, and how errors reach the user."""

from __future__ import annotations

import gc
import sys
import traceback
from typing import Annotated

import click
import typer

from event_assets.cli.ask import ask
from event_assets.cli.convert import convert
from event_assets.cli.dashboard import dashboard
from event_assets.cli.demo import demo
from event_assets.cli.erase import erase
from event_assets.cli.export import export
from event_assets.cli.generate import generate
from event_assets.cli.init import init
from event_assets.cli.list import list_tables
from event_assets.cli.plan import plan
from event_assets.cli.quarantine import quarantine
from event_assets.cli.query import query
from event_assets.cli.retention import retention
from event_assets.cli.retract import retract
from event_assets.cli.run import run
from event_assets.cli.status import status
from event_assets.cli.supply import supply
from event_assets.cli.top import top
from event_assets.errors import EventAssetsError, without_secrets

app = typer.Typer(
    name="event-assets",
    help="Turns messy exports of user events into tables that an analyst can trust.",
    no_args_is_help=True,
    suggest_commands=False,  # click suggests them by itself
    rich_markup_mode=None,  # plain help: rich's takes as long to load as all the rest, on every start
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo)
app.command()(init)
app.command()(run)
app.command()(plan)
app.command()(generate)
app.command()(supply)
app.command()(convert)
app.command()(top)
app.command()(query)
app.command()(ask)
app.command("list")(list_tables)
app.command()(status)
app.command()(export)
app.command()(dashboard)
app.command()(quarantine)
app.command()(retract)
app.command()(erase)
app.command()(retention)

#: The option by which an error shows its traceback.
DEBUG = "--debug"
_debug = False
_STOPPED = 130


def _show_version(wanted: bool) -> None:
    if wanted:
        import importlib.metadata

        try:
            print(importlib.metadata.version("event_assets"))
        except importlib.metadata.PackageNotFoundError:
            print("a checkout that isn't installed")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[
        bool, typer.Option(DEBUG, help="Show the whole traceback of an error; also after the command.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """`--debug` is taken by `main`, wherever it is written."""


def main() -> None:
    """Run the program. An error is one line on standard error and exit code 1; wrong usage is 2."""
    global _debug
    arguments = sys.argv[1:]
    _debug = DEBUG in arguments
    # Loading Dagster makes half a million objects that stay. To look through them for garbage every few hundred is a
    # seventh of a short run.
    gc.set_threshold(500_000)
    try:
        code = app([one for one in arguments if one != DEBUG], prog_name="event-assets", standalone_mode=False)
        if code == _STOPPED:  # typer makes this of Ctrl-C
            raise KeyboardInterrupt
        sys.exit(code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except EventAssetsError as error:
        _fail(str(error))
    except (KeyboardInterrupt, click.Abort):
        _fail("stopped: what was published stays, the rest is made by the same command again", code=_STOPPED)
    except Exception as error:  # a fault of ours still is one line; --debug shows where
        _fail(f"event-assets: {type(error).__name__}: {' '.join(str(error).split())}; run with --debug to see where")


def _fail(line: str, code: int = 1) -> None:
    if _debug:
        traceback.print_exc()
    print(without_secrets(line), file=sys.stderr)
    sys.exit(code)
