"""`event-assets convert`: text in, Snappy Parquet in Hive form out, every value as it was."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from event_assets_tests.cli.conftest import Command, Said

CSV = "id,kind,note\n007,a,\n9007199254740993,b/c,12.50\n1e5,,true\n,a,NULL\n"
ROWS = [("007", "a", None), ("9007199254740993", "b/c", "12.50"), ("1e5", None, "true"), (None, "a", "NULL")]


def convert(command: Command, *arguments: object) -> Said:
    said = command("convert", *arguments)
    assert said.code == 0, said.err
    return said


def test_every_value_stays_the_text_that_it_was(command: Command) -> None:
    Path("data.csv").write_text(CSV)
    said = convert(command, "data.csv", "--out", "out")
    assert (said.out, said.err) == ("out/00000000.parquet\n", "4 rows written; 0 records refused\n")
    frame = pl.read_parquet("out/00000000.parquet")
    assert frame.schema == {"id": pl.String, "kind": pl.String, "note": pl.String}
    assert frame.rows() == ROWS


def test_partitions_are_hive_folders_of_snappy_files_without_the_column(command: Command) -> None:
    Path("data.csv").write_text(CSV)
    convert(command, "data.csv", "--out", "out", "--partition-by", "kind")
    files = sorted(Path("out").rglob("*.parquet"))
    assert [str(file) for file in files] == [
        "out/kind=__HIVE_DEFAULT_PARTITION__/00000000.parquet",
        "out/kind=a/00000000.parquet",
        "out/kind=b%2Fc/00000000.parquet",
    ]
    assert {file.name for file in Path("out").rglob("*") if file.is_file()} == {"00000000.parquet"}
    for file in files:
        group = pq.ParquetFile(file).metadata.row_group(0)
        assert [group.column(at).path_in_schema for at in range(group.num_columns)] == ["id", "note"]
        assert {group.column(at).compression for at in range(group.num_columns)} == {"SNAPPY"}
    whole = pl.scan_parquet("out/**/*.parquet", hive_partitioning=True).select("id", "kind", "note").collect()
    assert sorted(whole.rows(), key=str) == sorted(ROWS, key=str)


def test_rows_keep_their_order_and_two_runs_write_the_same_bytes(command: Command) -> None:
    Path("data.csv").write_text("id,kind\n" + "".join(f"{i},{'abc'[i % 3]}\n" for i in range(300_000)))
    for out in ("one", "two"):
        convert(command, "data.csv", "--out", out, "--partition-by", "kind")
    for place, kind in enumerate("abc"):
        file = f"kind={kind}/00000000.parquet"
        assert Path("one", file).read_bytes() == Path("two", file).read_bytes()
        assert pl.read_parquet(Path("one", file), hive_partitioning=False)["id"].to_list() == [
            str(i) for i in range(place, 300_000, 3)
        ]


@pytest.mark.parametrize(
    "name", ["data.csv", "data.tsv", "data.json", "data.ndjson", "data.jsonl", "lines.json", "data.csv.gz"]
)
def test_every_format_gives_the_same_rows(command: Command, name: str) -> None:
    rows = [{"id": "1", "kind": "a,b"}, {"id": "2", "kind": "c"}]
    text = {
        "csv": 'id,kind\n1,"a,b"\n2,c\n',
        "tsv": "id\tkind\n1\ta,b\n2\tc\n",
        "json": json.dumps(rows),
        "ndjson": "\n".join(map(json.dumps, rows)),
    }
    form = {"data.jsonl": "ndjson", "lines.json": "ndjson"}.get(name, name.split(".")[1])
    data = text[form].encode()
    Path(name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    convert(command, name, "--out", "out")
    assert pl.read_parquet("out/00000000.parquet").to_dicts() == rows
    Path("data.txt").write_bytes(data)
    convert(command, "data.txt", "--out", "told", "--format", form)
    assert pl.read_parquet("told/00000000.parquet").to_dicts() == rows


def test_json_objects_of_different_members_share_a_table_and_numbers_stay_as_written(command: Command) -> None:
    Path("data.json").write_text('[{"b": 1.10, "row_number": "x"}, {"a": {"x": [1, 2.0]}, "b": 123456789012345678901}]')
    convert(command, "data.json", "--out", "out")
    assert pl.read_parquet("out/00000000.parquet").to_dicts() == [
        {"b": "1.10", "row_number": "x", "a": None},
        {"b": "123456789012345678901", "row_number": None, "a": '{"x":[1,2.0]}'},
    ]


def test_records_that_cant_be_read_are_counted_or_stop_the_command(command: Command) -> None:
    Path("data.csv").write_bytes(b"id,kind\n1,a\n2\n3,b,c\n4,\xff\n5,e\n")
    stopped = command("convert", "data.csv", "--out", "out", "--fail-fast")
    assert (stopped.code, stopped.out) == (1, "")
    assert stopped.err == "data.csv: record 2 is refused (malformed_record); fix it, or leave out --fail-fast\n"
    assert [path.name for path in Path().iterdir()] == ["data.csv"]
    said = convert(command, "data.csv", "--out", "out")
    assert said.err == "2 rows written; 3 records refused: malformed_record 2, not_utf8 1\n"
    assert pl.read_parquet("out/00000000.parquet").rows() == [("1", "a"), ("5", "e")]


@pytest.mark.parametrize(
    ("content", "arguments", "says"),
    [
        (CSV, ["--partition-by", "colour"], "data.csv: has no column colour; choose one of id, kind, note"),
        ("id,id\n1,2\n", [], "data.csv: duplicate_column: id; fix the file"),
        ("", [], "data.csv: holds no column"),
        ("id\n1\n", ["--partition-by", "id"], "data.csv: has no column but id; leave out --partition-by"),
        (CSV, ["--format", "json"], "data.csv: "),
        ("id,k\n" + "".join(f"{i},x\n" for i in range(10_001)), ["--partition-by", "id"], "has 10,001 values of id"),
    ],
)
def test_what_cant_be_converted_is_told_and_leaves_nothing(
    command: Command, content: str, arguments: list[str], says: str
) -> None:
    Path("data.csv").write_text(content)
    said = command("convert", "data.csv", "--out", "out", *arguments)
    assert said.code == 1
    assert says in said.err
    assert [path.name for path in Path().iterdir()] == ["data.csv"]


def test_a_header_alone_is_a_table_without_rows(command: Command) -> None:
    Path("data.csv").write_text("id,kind\n")
    convert(command, "data.csv", "--out", "out")
    assert pl.read_parquet("out/00000000.parquet").schema == {"id": pl.String, "kind": pl.String}


def test_a_folder_that_holds_something_is_only_replaced_when_asked(command: Command) -> None:
    Path("data.csv").write_text(CSV)
    Path("out").mkdir()
    convert(command, "data.csv", "--out", "out", "--partition-by", "kind")
    refused = command("convert", "data.csv", "--out", "out")
    assert (refused.code, "--overwrite" in refused.err) == (1, True)
    convert(command, "data.csv", "--out", "out", "--overwrite")
    assert [path.name for path in Path("out").iterdir()] == ["00000000.parquet"]
    Path("out/thesis.doc").write_text("of years")
    refused = command("convert", "data.csv", "--out", "out", "--overwrite")
    assert (refused.code, "holds thesis.doc, no Parquet file" in refused.err) == (1, True)
    assert Path("out/thesis.doc").exists()


def test_a_folder_that_cant_be_written_is_told(command: Command) -> None:
    Path("data.csv").write_text(CSV)
    Path("file").write_text("no folder")
    said = command("convert", "data.csv", "--out", "file/out")
    assert (said.code, said.err.startswith("--out file/out: can't be written (")) == (1, True)


def test_a_file_that_is_not_there_or_tells_no_format_is_told(command: Command) -> None:
    assert "nowhere.csv: " in command("convert", "nowhere.csv", "--out", "out").err
    Path("data.bin").write_text("x")
    assert "its name tells no format" in command("convert", "data.bin", "--out", "out").err
    assert command("convert", "data.bin", "--out", "out", "--format", "xml").code == 2


ACTIVITY = "user_id,session_id,platform,activity_time,activity_type\n" + "".join(
    f"u{number},s{number},{platform},2025-01-01T10:00:00,Login\n"
    for number, platform in enumerate(["iOS", "ios", " iOS ", "IOS", "Android", "ANDROID", "web", "Web", "Unknown", ""])
)


def folders(out: str) -> list[str]:
    return sorted(path.name for path in Path(out).iterdir())


def test_a_file_of_a_shipped_dataset_is_normalized_as_it_declares(command: Command) -> None:
    Path("Dataset_20250101.csv").write_text(ACTIVITY)
    said = convert(command, "Dataset_20250101.csv", "--out", "out", "--partition-by", "platform")
    assert folders("out") == ["platform=Android", "platform=Web", "platform=__HIVE_DEFAULT_PARTITION__", "platform=iOS"]
    assert "Values are normalized as activity declares them; --as none keeps them." in said.err
    convert(command, "Dataset_20250101.csv", "--out", "kept", "--partition-by", "platform", "--as", "none")
    assert len(folders("kept")) == 10


def test_a_file_of_another_name_or_with_other_columns_is_normalized_where_asked_alone(command: Command) -> None:
    Path("dump.csv").write_text(ACTIVITY)
    Path("Dataset_1.csv").write_text("platform,other\nios,1\n iOS,2\n")
    for file in ("dump.csv", "Dataset_1.csv"):
        convert(command, file, "--out", file[:4], "--partition-by", "platform")
        convert(command, file, "--out", f"as_{file[:4]}", "--partition-by", "platform", "--as", "activity")
    assert (len(folders("dump")), len(folders("as_dump"))) == (10, 4)
    assert folders("Data") == ["platform=%20iOS", "platform=ios"]
    assert folders("as_Data") == ["platform=iOS"]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [("nobody", "--as nobody: is not a dataset; name one of activity"), ("shop", "declares no column of data.csv")],
)
def test_a_declaration_that_does_not_fit_is_named(command: Command, wanted: str, said: str) -> None:
    Path("data.csv").write_text("a,b\n1,2\n")
    found = command("convert", "data.csv", "--out", "out", "--as", wanted)
    assert found.code == 1
    assert said in found.err


def test_a_folder_is_converted_file_by_file_and_its_columns_are_united(command: Command) -> None:
    Path("in/sub").mkdir(parents=True)
    Path("in/b.csv").write_text("x,y\n1,2\n")
    Path("in/sub/c.ndjson").write_text('{"y": "3", "z": [1, 1]}\n')
    Path("in/a.csv").write_text("x\n0\n")
    Path("in/.hidden").write_text("?")
    convert(command, "in", "--out", "out")
    rows = pl.read_parquet("out/00000000.parquet").rows(named=True)
    assert rows == [
        {"x": "0", "y": None, "z": None},
        {"x": "1", "y": "2", "z": None},
        {"x": None, "y": "3", "z": "[1,1]"},
    ]
    Path("empty").mkdir()
    assert "empty: has no file" in command("convert", "empty", "--out", "none").err


def test_of_repeated_members_the_last_stands_as_in_landing(command: Command) -> None:
    Path("data.ndjson").write_text('{"a": 1, "a": 2, "b": {"x": 1, "x": 2}}\n')
    convert(command, "data.ndjson", "--out", "out")
    assert pl.read_parquet("out/00000000.parquet").rows() == [("2", '{"x":1,"x":2}')]
