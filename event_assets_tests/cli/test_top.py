"""`event-assets top`: a file is counted by the rules of the dataset, whatever form it has."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from event_assets.declaration import load_datasets
from event_assets.synthetic import generate
from event_assets_tests.cli.conftest import Command
from event_assets_tests.world import World

HEADER = "user_id,session_id,platform,activity_time,activity_type"
ACTIVITY = f"""{HEADER}
u10,s1,iOS,2025-01-01T10:00:00,login
u10,s1, ios ,2025-01-01T10:01:00,click
u10,s2,IOS,,click
u9,s3,ios,2025-01-01T10:00:00Z,login
u9,s4,iOS,2025-01-02T10:00:00,login
u9,s5,Web,2025-01-02T10:00:00,login
u7,invalid_session,Web,2025-01-02T10:00:00,login
u7,s6,Unknown,2025-01-02T10:00:00,login
,s7,Web,2025-01-02T10:00:00,login
u7,s8,Web,invalid-date5T12:33:00,login
u7,s9,Web
"""


def ranked(command: Command, *arguments: object) -> list[tuple[object, ...]]:
    said = command("top", *arguments, "--json")
    assert said.code == 0, said.err
    return [tuple(row.values()) for row in json.loads(said.out)]


def test_users_rank_by_distinct_sessions_and_then_by_their_id_as_text(command: Command) -> None:
    Path("users.csv").write_text(ACTIVITY)
    said = command("top", "users.csv")
    assert said.code == 0
    assert [line.replace(" ", "").split("│")[1:-1] for line in said.out.splitlines() if "│" in line] == [
        ["Web", "1", "u9", "1"],
        ["iOS", "1", "u10", "2"],
        ["iOS", "2", "u9", "2"],
    ]
    assert said.err.splitlines() == [
        "11 records; 3 refused: invalid_timestamp 1, malformed_record 1, missing_user_id 1",
        "not counted: 2 records without a platform or a session",
        "3 users in Result_users_top10.csv",
    ]
    assert (
        Path("Result_users_top10.csv").read_text() == "platform,user_id,session_count\nWeb,u9,1\niOS,u10,2\niOS,u9,2\n"
    )


def test_a_file_and_its_dataset_and_every_form_of_the_file_give_one_answer(command: Command, tmp_path: Path) -> None:
    generate("activity", rows=1500, days=1, files=1, seed=3, out=tmp_path / "inbox" / "activity", mess=3)
    world = World(tmp_path, load_datasets()["activity"])
    world.refresh()
    csv = tmp_path / "inbox" / "activity" / "Dataset_20250101.csv"
    expected = world.table("top_users_overall").rows()
    assert len(expected) == 30

    assert ranked(command, "activity") == expected
    assert ranked(command, csv) == expected
    assert command("convert", csv, "--out", "by_platform", "--partition-by", "platform").code == 0
    assert command("convert", csv, "--out", "whole").code == 0
    assert ranked(command, "by_platform") == expected
    assert ranked(command, "whole/00000000.parquet") == expected
    assert ranked(command, csv, "--platform", " ios") == [row for row in expected if row[0] == "iOS"]
    assert ranked(command, "activity", "--n", 1) == [row for row in expected if row[1] == 1]


def test_dates_bound_what_counts_in_a_file_as_in_the_lake(command: Command, tmp_path: Path) -> None:
    generate("activity", rows=1500, days=3, files=1, seed=3, out=tmp_path / "inbox" / "activity")
    world = World(tmp_path, load_datasets()["activity"])
    world.refresh()
    csv = tmp_path / "inbox" / "activity" / "Dataset_20250101.csv"
    days = ("--from", "2025-01-02", "--to", "2025-01-02")
    one_day = world.table("top_users").filter(event_date="2025-01-02").drop("event_date").rows()
    assert ranked(command, "activity", *days) == one_day
    assert ranked(command, csv, *days) == one_day
    assert ranked(command, "activity", "--from", "2030-01-01") == []


def test_records_without_a_time_count_unless_dates_are_asked_for(command: Command) -> None:
    Path("users.csv").write_text(f"{HEADER}\nann,s1,Web,,login\nann,s2,Web,2025-01-01,login\n")
    assert ranked(command, "users.csv") == [("Web", 1, "ann", 2)]
    assert ranked(command, "users.csv", "--from", "1970-01-01") == [("Web", 1, "ann", 1)]
    shutil.copy("users.csv", "users_20250107.csv")
    assert ranked(command, "users_20250107.csv", "--from", "2025-01-07") == [("Web", 1, "ann", 1)]


def test_old_and_future_records_of_a_file_count_since_no_clock_is_asked(command: Command) -> None:
    Path("users.csv").write_text(f"{HEADER}\nann,s1,Web,1999-01-01,login\nann,s2,Web,2999-01-01,login\n")
    assert ranked(command, "users.csv") == [("Web", 1, "ann", 2)]


def test_columns_may_have_other_names_and_the_file_other_forms(command: Command) -> None:
    Path("users.tsv").write_text("who\tvisit\tos\twhen\twhat\nann\ts1\tios\t2025-01-01\tview\n")
    names = ("--user-column", "who", "--session-column", "visit", "--platform-column", "os", "--time-column", "when")
    assert ranked(command, "users.tsv", *names, "--type-column", "what") == [("iOS", 1, "ann", 1)]
    texts = '"user_id":"ann","platform":"web","activity_time":"2025-01-01","activity_type":"x"'
    record = f'{{"session_id":9007199254740993,{texts}}}'
    Path("users.json").write_text(f"[{record},{record}]")
    Path("lines.json").write_text(f"{record}\n{record}\n")
    assert ranked(command, "users.json") == ranked(command, "lines.json") == [("Web", 1, "ann", 1)]


@pytest.mark.parametrize("column", HEADER.split(","))
@pytest.mark.parametrize("form", ["csv", "parquet", "ndjson"])
def test_a_missing_column_is_named_with_those_that_there_are(command: Command, column: str, form: str) -> None:
    frame = pl.DataFrame({name: ["2025-01-01"] for name in HEADER.split(",")}).drop(column)
    path = Path(f"users.{form}")
    {"csv": frame.write_csv, "parquet": frame.write_parquet, "ndjson": frame.write_ndjson}[form](path)
    said = command("top", path)
    assert said.code == 1
    what, there, remedy = said.err.split("; ")
    assert what == f"{path}: has no column {column}"
    assert sorted(there.removeprefix("there are ").split(", ")) == sorted(frame.columns)
    assert remedy.startswith("name yours by --user-column")
    assert not list(Path().glob("Result*"))


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("u7,s9,Web", "malformed_record"),
        ("u7,s8,Web,soon,login", "invalid_timestamp"),
        (",s7,Web,,login", "missing_user_id"),
    ],
)
def test_fail_fast_stops_at_the_first_bad_record_and_writes_nothing(command: Command, record: str, reason: str) -> None:
    Path("users.csv").write_text(f"{HEADER}\nu1,s1,Web,2025-01-01,login\n{record}\n")
    said = command("top", "users.csv", "--fail-fast")
    assert (said.code, said.out) == (1, "")
    assert said.err == f"users.csv: record 2 is refused ({reason}); fix it, or leave out --fail-fast\n"
    assert not list(Path().glob("Result*"))
    assert ranked(command, "users.csv", "--lenient") == [("Web", 1, "u1", 1)]


def test_what_parquet_writers_put_beside_their_data_is_no_data(command: Command) -> None:
    Path("users.csv").write_text(ACTIVITY)
    command("convert", "users.csv", "--out", "folder", "--partition-by", "platform")
    expected = ranked(command, "folder")
    Path("folder/_delta_log").mkdir()
    pl.DataFrame({"add": ["x"]}).write_parquet("folder/_delta_log/00000000.checkpoint.parquet")
    Path("folder/_metadata").write_bytes(b"PAR1")
    assert ranked(command, "folder") == expected


def test_an_empty_file_ranks_nobody(command: Command) -> None:
    Path("users.csv").write_text(f"{HEADER}\n")
    assert ranked(command, "users.csv") == []
    assert Path("Result_users_top10.csv").read_text() == "platform,user_id,session_count\n"


def test_results_go_where_they_are_asked_and_run_no_formula(command: Command) -> None:
    Path("users.csv").write_text(f"{HEADER}\n=1+1,s1,NA,2025-01-01,login\n")
    command("top", "users.csv", "--out", "out/safe.csv")
    command("top", "users.csv", "--out", "raw.csv", "--raw")
    assert Path("out/safe.csv").read_text() == 'platform,user_id,session_count\n"NA",\'=1+1,1\n'
    assert Path("raw.csv").read_text() == 'platform,user_id,session_count\n"NA",=1+1,1\n'
    assert [path.name for path in Path().glob("Result*")] == []


def test_an_unknown_platform_is_told_with_those_that_there_are(command: Command) -> None:
    Path("users.csv").write_text(ACTIVITY)
    said = command("top", "users.csv", "--platform", "Symbian")
    assert "no user is counted for platform Symbian; there are Web, iOS" in said.err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["nowhere.csv"], 2, "nowhere.csv is neither a file nor a dataset; there are activity"),
        (["streaming"], 1, "streaming: ranks no users"),
        (["activity"], 1, "activity: has no sessions yet; event-assets run activity computes them"),
        (["activity", "--from", "2025-02-01", "--to", "2025-01-01"], 2, "is after"),
        (["activity", "--from", "yesterday"], 2, "is not a valid date"),
        (["activity", "--n", "0"], 2, "0"),
    ],
)
def test_what_cant_be_ranked_is_told_in_a_line(command: Command, arguments: list[str], code: int, says: str) -> None:
    said = command("top", *arguments)
    assert said.code == code
    assert says in said.err


def test_a_dataset_without_platforms_ranks_all_users_together(command: Command, clicks_world: World) -> None:
    clicks_world.drop("clicks_1.csv", "user,kind,at,page,price\nann,view,2025-01-06T10:00:00,/a,\n")
    clicks_world.refresh()
    assert ranked(command, "clicks") == [(1, "ann", 1)]
    assert Path("Result_clicks_top10.csv").read_text() == "user_id,session_count\nann,1\n"
    assert "leave out --platform" in command("top", "clicks", "--platform", "iOS").err
