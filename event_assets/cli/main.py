"""The program `event-assets`: its commands, and how errors reach the user."""

from __future__ import annotations

import importlib
import sys
import traceback
from typing import Annotated

import click
import typer

from event_assets.errors import EventAssetsError, without_secrets

#: The commands in the order of the help; the function of each is in the module of its name.
COMMANDS = (
    *("demo", "init", "run", "plan", "generate", "supply", "convert", "top", "query", "ask", "list", "status"),
    *("export", "dashboard", "quarantine", "retract", "erase", "retention"),
)
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


def application(*commands: str) -> typer.Typer:
    """The program with these commands, or with all: to load the others takes longer than to read a small table."""
    app = typer.Typer(
        name="event-assets",
        help="Turns messy exports of user events into tables that an analyst can trust.",
        no_args_is_help=True,
        suggest_commands=False,  # click suggests them by itself
        rich_markup_mode=None,  # plain help: rich's takes as long to load as all the rest, on every start
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for name in commands or COMMANDS:
        module = importlib.import_module(f"event_assets.cli.{name}")
        app.command(name)(getattr(module, "list_tables" if name == "list" else name))
    return app


def _options(
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
    try:
        command = next((one for one in arguments if not one.startswith("-")), None)
        app = application(command) if command in COMMANDS else application()
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
