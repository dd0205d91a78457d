"""The tutorial and the how-tos that go on from it, followed to the letter."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from event_assets.cli.main import application
from event_assets_tests.docs.examples import examples, follow, matches
from event_assets_tests.world import clicks

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def after_the_tutorial(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tutorial")
    assert follow(repository / "docs" / "tutorial.md", folder) == 7
    return folder


def test_the_tutorial_makes_tables_of_ones_own_file(after_the_tutorial: Path) -> None:
    assert (after_the_tutorial / "data" / "warehouse.duckdb").exists()
    assert len(list(after_the_tutorial.glob("data/lake/rides/sessions/event_date=*/*.parquet"))) == 2


@pytest.mark.parametrize("name", ["late-data", "replay", "backfill", "undo", "plan"])
def test_a_how_to_does_what_it_says(repository: Path, after_the_tutorial: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "rides"
    shutil.copytree(after_the_tutorial, folder)
    assert follow(repository / "docs" / "how-to" / f"{name}.md", folder) > 2


def test_the_how_to_of_channels_does_what_it_says(repository: Path, tmp_path: Path) -> None:
    page = repository / "docs" / "how-to" / "channels.md"
    declared, *_ = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    channels = clicks(**yaml.safe_load(declared.replace("page_url", "page").replace(": referrer", ": page")))
    assert channels.channels is not None
    assert [rule.channel for rule in channels.channels.own_rules] == ["Newsletter", "Partners"]
    assert follow(page, tmp_path) > 3


def test_twenty_questions_have_the_answers_of_the_page(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, which loads the program once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    for name in ("INBOX", "LAKE", "WAREHOUSE"):
        monkeypatch.delenv(f"EVENT_ASSETS_{name}")
    demo, *questions = examples((repository / "docs" / "how-to" / "twenty-questions.md").read_text(encoding="utf-8"))
    assert len(questions) == 20
    for line, expected in [demo, *questions]:
        program, *arguments = shlex.split(line)
        done = CliRunner().invoke(application(), arguments)
        assert (program, done.exit_code) == ("event-assets", 0), done.output
        assert expected is None or matches(expected, done.stdout), f"{line} prints\n{done.stdout}\nnot\n{expected}"


def test_a_page_that_says_something_else_is_noticed() -> None:
    page = "```console\n$ echo a b\na   b\n$ echo c\n...\n```\n```bash\nx\n```\n```shell\ny\n```\n"
    assert list(examples(page)) == [("echo a b", "a   b\n"), ("echo c", "...\n"), ("x\n", None)]
    assert matches("one ... three\n...\nlast", "one two three\n4\n5\nlast\n")
    assert not matches("one ... three", "one two four")
    assert not matches("one", "one\ntwo")
