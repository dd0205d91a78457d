"""What all commands have in common: help with examples, completion, quiet pipes, plain colours."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from click.shell_completion import ShellComplete

from event_assets.cli.main import COMMANDS, application
from event_assets.declaration.load import SHIPPED
from event_assets_tests.cli.conftest import Command
from event_assets_tests.world import World, lines


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_a_command_does_with_examples_and_each_option_in_words(command: Command, name: str) -> None:
    said = command(name, "--help")
    assert said.code == 0
    assert said.out.startswith(f"Usage: event-assets {name} ")
    assert f"\n  event-assets {name}" in said.out
    documented = typer.main.get_command(application()).commands[name]  # type: ignore[attr-defined]
    assert documented.help.partition("\n")[0].endswith((".", "edited.", "went."))


def test_the_version_is_one_line(command: Command) -> None:
    said = command("--version")
    assert (said.code, said.out.count("\n")) == (0, 1)


@pytest.mark.parametrize("line", ["--debug plan nobody", "plan nobody --debug", "query --debug FROM"])
def test_debug_shows_the_traceback_wherever_it_is_written(
    command: Command, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("event_assets.cli.plan.named_dataset", lambda name: 1 / 0)
    said = command(*line.split())
    assert said.code == 1
    assert "Traceback" in said.err
    assert "Traceback" not in command(*line.replace("--debug", "").split()).err


def test_completion_offers_commands_and_datasets() -> None:
    def complete(*words: str) -> list[str]:
        environment = {
            **os.environ,
            "_EVENT_ASSETS_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(["event-assets", *words]),
            "COMP_CWORD": str(len(words)),
        }
        line = [sys.executable, "-m", "event_assets"]
        return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60).stdout.split()

    assert complete("qu") == ["query", "quarantine"]
    assert complete("run", "s") == ["shop", "streaming"]
    assert complete("quarantine", "b") == ["benefits"]


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_fits_eighty_columns(command: Command, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = command(*filter(None, [name]), "--help").out.splitlines()
    assert [line for line in lines if len(line) > 80] == []


def test_a_command_that_is_spelt_wrong_is_suggested_once(command: Command) -> None:
    assert command("rnu").err.count("Did you mean") == 1


def test_completion_offers_tables_reasons_and_dates(clicks_world: World) -> None:
    clicks_world.drop("clicks_1.csv", lines("ann,view,2025-01-06T10:00:00,/a,1", ",view,2025-01-07T10:00:00,/a,1"))
    clicks_world.refresh()

    def offered(*words: str) -> list[str]:
        """What a shell gets for a line whose last word is incomplete."""
        *args, incomplete = words
        complete = ShellComplete(typer.main.get_command(application()), {}, "event-assets", "_EVENT_ASSETS_COMPLETE")
        return [item.value for item in complete.get_completions(args, incomplete)]

    assert offered("query", "SELECT * FROM clicks.fu") == ["SELECT * FROM clicks.funnel_summary"]
    assert "shop.sessions" in offered("query", "sho")
    assert offered("query", "SELECT 1 ") == []
    assert offered("quarantine", "clicks", "--reason", "mis") == ["missing_user_id"]
    assert offered("run", "clicks", "--from", "2025") == ["2025-01-06", "2025-01-07"]
    assert offered("run", "clicks", "--from", "2025-01-06", "--to", "2025-01-07") == ["2025-01-07"]
    assert offered("run", "nobody", "--from", "2025") == []
    assert offered("top", "clicks", "--to", "2025") == ["2025-01-06", "2025-01-07"]
    assert offered("ask", "clicks", "--from", "2025-01-07") == ["2025-01-07"]
    assert offered("ask", "clicks", "--by", "event") == ["event_date", "event_id", "event_type", "event_time"]
    assert offered("ask", "clicks", "--metric", "us") == ["users"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_output_for_scripts_and_completes_the_names_of_datasets(name: str) -> None:
    parameters = {one.name: one for one in typer.main.get_command(application()).commands[name].params}  # type: ignore[attr-defined]
    assert name == "dashboard" or "--json" in parameters["as_json"].opts
    named = parameters.get("dataset")
    if named is not None:
        assert [item.value for item in named.shell_complete(None, "sho")] == ["shop"]


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """What a command says on standard error where that is a terminal."""
    ours, theirs = pty.openpty()
    line = [sys.executable, "-m", "event_assets", *arguments]
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=theirs, env={**os.environ, **environment}) as process:
        os.close(theirs)
        said = b""
        while True:
            try:
                some = os.read(ours, 65536)
            except OSError:  # how Linux tells the end
                break
            if not some:
                break
            said += some
        process.wait(timeout=60)
    os.close(ours)
    return said.decode()


def test_progress_is_shown_on_a_terminal_alone_and_without_colour_where_that_is_wished(
    tmp_path: Path,
) -> None:
    made = ("generate", "shop", "--rows", "2000", "--days", "1", "--out")
    shown = on_a_terminal(*made, str(tmp_path / "a"), TERM="xterm-256color")
    assert "generating 2,000 records of shop" in shown
    assert "100%" in shown
    (source,) = (tmp_path / "a").iterdir()
    converted = on_a_terminal("convert", str(source), "--out", str(tmp_path / "d"), TERM="xterm-256color", NO_COLOR="1")
    assert "converting" in converted
    assert "100%" in converted
    assert "MB/s" in converted
    plain = on_a_terminal(*made, str(tmp_path / "b"), TERM="xterm-256color", NO_COLOR="1")
    assert "generating 2,000 records of shop" in plain
    assert "\x1b[3" not in plain
    line = [sys.executable, "-m", "event_assets", *made, str(tmp_path / "c")]
    assert subprocess.run(line, capture_output=True, text=True, timeout=60, check=True).stderr == ""


def test_a_reader_that_has_enough_ends_a_command_without_a_word() -> None:
    line = f"{sys.executable} -m event_assets query 'SELECT i FROM range(300000) t(i)' --json | head -c 1"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("[", "")


@pytest.mark.parametrize(("arguments", "code"), [("--version", 0), ("rnu", 2), ("query FROM", 1)])
def test_the_process_ends_with_the_programs_code_after_what_was_registered_for_its_end(
    arguments: str, code: int
) -> None:
    script = (
        "import atexit, sys; from event_assets.__main__ import program;"
        "atexit.register(print, 'the end'); sys.argv[1:] = sys.argv[1].split(); program()"
    )
    done = subprocess.run([sys.executable, "-c", script, arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == code
    assert done.stdout.endswith("the end\n")
    assert "Traceback" not in done.stderr


def test_a_query_of_a_lake_without_tables_says_how_they_are_made(command: Command) -> None:
    said = command("query", "SELECT * FROM shop.sessions")
    assert said.code == 0
    assert "holds no tables yet: event-assets demo makes some" in said.err


@pytest.mark.parametrize("arguments", [("run",), ("plan",), ("top",), ("status",)])
def test_a_declaration_of_a_shipped_name_is_reported_and_the_shipped_one_is_not_run_for_it(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    own = tmp_path / "datasets" / "shop"
    own.mkdir(parents=True)
    (own / "defs.yaml").write_text((SHIPPED / "shop" / "defs.yaml").read_text())
    monkeypatch.setenv("EVENT_ASSETS_DATASETS", str(own.parent))
    said = command(*arguments, "shop")
    assert (said.code, said.err) == (1, f"{own}/defs.yaml: name: shop is declared twice; give it another name\n")
