"""What is secret stays in the environment: not in logs, events, tables, outputs or errors."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from event_assets.errors import EventAssetsError, without_secrets
from event_assets_tests.world import CLICKS, World, lines

CANARY = "hunter2-9c41"
SECRETS = {
    "AWS_SECRET_ACCESS_KEY": CANARY,
    "DAGSTER_POSTGRES_PASSWORD": CANARY,
    # Read by the run, and understood only by Spark, which says in its error what it was given.
    "EVENT_ASSETS_SPARK": f"sc://ann:{CANARY}@127.0.0.1:none/;token={CANARY}",
}


def holds_canary(folder: Path) -> Iterator[str]:
    """The files below a folder that hold the canary: Dagster's databases and logs, tables, their logs."""
    for path in folder.rglob("*"):
        if path.is_file() and CANARY.encode() in path.read_bytes():
            yield str(path.relative_to(folder))


@pytest.mark.parametrize(("engine", "code"), [("polars", 0), ("spark", 1)])
def test_a_run_leaves_no_secret_anywhere(
    engine: str, code: int, tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = tmp_path / "datasets" / "clicks" / "defs.yaml"
    declared.parent.mkdir(parents=True)
    declared.write_text(yaml.safe_dump({"type": "event_assets.EventDataset", "attributes": yaml.safe_load(CLICKS)}))
    World(tmp_path).drop("clicks_1.csv", lines("ann,view,2025-01-05T10:00:00Z,home,", ",view,2025-01-05T10:00:00Z,,"))
    own = {"EVENT_ASSETS_DATASETS": str(declared.parent.parent), "EVENT_ASSETS_ENGINE": engine}
    command = [sys.executable, "-m", "event_assets", "run", "clicks"]
    done = subprocess.run(
        command, cwd=repository, env={**os.environ, **own, **SECRETS}, capture_output=True, text=True, timeout=100
    )
    assert (done.returncode, done.stderr if code == 0 else "") == (code, "")
    assert code == 0 or "EVENT_ASSETS_SPARK: no session on sc://127.0.0.1:none/;…" in done.stderr
    assert CANARY not in done.stdout + done.stderr
    assert any(tmp_path.joinpath("dagster").rglob("*.db"))
    assert list(holds_canary(tmp_path)) == []


def test_a_secret_that_is_left_somewhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "runs.db").write_bytes(b"\0" + CANARY.encode())
    assert list(holds_canary(tmp_path)) == ["runs.db"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sc://host:15002/;token=t;user_id=u", "sc://host:15002/;…"),
        ("postgresql+psycopg2://ann:p%40ss@db:5432/dagster?sslmode=require", "postgresql+psycopg2://db:5432/dagster?…"),
        ("no session on 's3://key:secret@bucket/a b'", "no session on 's3://bucket/a b'"),
        ("https://host/x?X-Amz-Signature=abc, and more", "https://host/x?…, and more"),
        ("no session on spark://ann:a/b@host:7077 (refused)", "no session on spark://host:7077 (refused)"),
        ("spark://host:7077 and local[*]", "spark://host:7077 and local[*]"),
        ("a@b.c: invalid; fix it", "a@b.c: invalid; fix it"),
        ("no bucket s3://lake; make it", "no bucket s3://lake; make it"),
    ],
)
def test_an_error_names_a_url_without_its_secrets(text: str, shown: str) -> None:
    assert without_secrets(text) == shown
    assert str(EventAssetsError(text, "is so", "fix it")) == f"{shown}: is so; fix it"
