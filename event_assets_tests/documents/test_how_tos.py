"""The how-tos, followed word by word in a project outside of this one, with event_assets installed from its wheel."""

from __future__ import annotations

from pathlib import Path

import pytest

from event_assets_tests.documents.outside import Project, build_wheel

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(repository, tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def project(wheel: Path, tmp_path: Path) -> Project:
    project = Project(tmp_path, wheel)
    assert str(tmp_path / "venv") in project.run("python", "-c", "import event_assets; print(event_assets.__file__)")
    return project


def test_a_file_of_ones_own_becomes_tables_in_another_project(project: Project, repository: Path) -> None:
    drafted, previewed, ran = project.follow(repository / "docs" / "how-to" / "own-dataset.md")
    assert "datasets/doors/defs.yaml: 4 columns drafted from 5 records" in drafted
    assert "1 stale partition" in previewed
    for line in ("records in them", "invalid_timestamp", "duplicates"):
        assert line in ran
    assert [line.split()[1::2] for line in ran.splitlines() if line.startswith("│")][:2] == [
        ["2025-01-06", "close", "1", "1"],
        ["2025-01-06", "open", "2", "2"],
    ]
    assert "2025-01-06T09:4x:10+01:00;b-03;close;south;0.20" in ran
    assert (project.folder / "data" / "warehouse.duckdb").exists()
    validated = project.run("python", "-m", "dagster", "definitions", "validate", "-m", "event_assets.definitions")
    assert "Validation successful" in validated


def test_a_function_of_ones_own_becomes_a_gold_table_in_another_project(project: Project, repository: Path) -> None:
    *_, ran = project.follow(repository / "docs" / "how-to" / "own-gold-table.md")
    assert "carts" in ran
    facts = "SELECT count(*) AS n FROM boutique.joined_facts WHERE event_type = 'cart' AND brand IS NOT NULL"
    by_date, overall = (f"SELECT sum(carts) AS n FROM boutique.{name}" for name in TABLES)
    query = 'PYTHONPATH=$PWD event-assets query "$0" --json'
    counts = {project.run("bash", "-c", query, sql) for sql in (facts, by_date, overall)}
    assert len(counts) == 1
    assert '"n":0' not in counts.pop()


TABLES = ("carts_by_brand", "carts_by_brand_overall")
