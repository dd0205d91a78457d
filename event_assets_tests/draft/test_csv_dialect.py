"""A file's dialect is found out from the file."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from event_assets.draft.csv_dialect import Dialect, detect

NAMES = ("user", "at", "text")
ROWS = [("1", "2024-01-02 03:04:05", "one"), ("22", "2024-01-03 04:05:06", "two words"), ("3", "2024-01-04", "")]


def table(delimiter: str, *, quote: str = "", names: bool = True) -> str:
    rows = [NAMES, *ROWS] if names else ROWS
    return "".join(delimiter.join(f"{quote}{value}{quote}" for value in row) + "\n" for row in rows)


def detected(folder: Path, content: str | bytes, name: str = "file.csv") -> Dialect:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return detect(path)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", ", "])
@pytest.mark.parametrize("quote", ["", '"', "'"])
def test_the_delimiter_and_the_quote_are_those_that_make_a_table(tmp_path: Path, delimiter: str, quote: str) -> None:
    found = detected(tmp_path, table(delimiter, quote=quote))
    assert (found.csv.delimiter, found.csv.quote, found.names) == (delimiter, quote or '"', NAMES)
    assert found.records == tuple(tuple(value or None for value in row) for row in ROWS)


def test_a_delimiter_within_quotes_is_text(tmp_path: Path) -> None:
    found = detected(tmp_path, 'a,b\n"x;y;z",1\n"u;v;w",2\n')
    assert (found.csv.delimiter, found.names) == (",", ("a", "b"))


def test_a_backslash_before_a_quote_is_the_escape(tmp_path: Path) -> None:
    found = detected(tmp_path, 'a,b\n"say \\"yes\\", or",1\n"no",2\n')
    assert (found.csv.escape, found.records[0]) == ("\\", ('say "yes", or', "1"))


def test_a_file_without_a_header_has_names_by_place(tmp_path: Path) -> None:
    found = detected(tmp_path, table(",", names=False))
    assert (found.csv.header, found.names) == (False, ("column_1", "column_2", "column_3"))
    assert not found.csv.header


def test_a_preamble_and_a_footer_stand_outside_of_the_table(tmp_path: Path) -> None:
    found = detected(tmp_path, "Report of\nJanuary\n\n" + table(",") + "\nTotal: 3 rows\n")
    assert (found.csv.skip_lines, found.csv.footer_lines, found.names) == (3, 1, NAMES)


def test_two_rows_of_names_are_one_header(tmp_path: Path) -> None:
    found = detected(tmp_path, "id,net,gross\nnumber,EUR,EUR\n" + "".join(f"{i},{i}.5,{i}.7\n" for i in range(9)))
    assert (found.csv.header_lines, found.names) == (2, ("id number", "net EUR", "gross EUR"))


def test_lines_that_are_quoted_as_a_whole_are_told(tmp_path: Path) -> None:
    found = detected(tmp_path, '\ufeff"a,b,c"\r\n"1,""x, y"",3"\r\n')
    assert (found.lines, found.names, found.records) == ("quoted_whole", ("a", "b", "c"), (("1", "x, y", "3"),))


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "Müller kostet 5 €, ja"),
        ("cp1251", "Привет, мир"),
        ("shift_jis", "こんにちは世界"),
        ("gb18030", "你好世界"),
        ("utf-8", "Müller 世界"),
        ("utf-16", "Müller"),
        ("utf-16-le", "abcdef"),
    ],
)
def test_the_encoding_is_found_out(tmp_path: Path, encoding: str, text: str) -> None:
    found = detected(tmp_path, f"name;number\n{text};1\n{text};2\n".encode(encoding))
    assert (found.encoding, found.csv.delimiter) == (encoding, ";")
    assert found.records[0] == (text, "1")


def test_a_few_broken_bytes_do_not_turn_utf_8_into_something_else(tmp_path: Path) -> None:
    found = detected(tmp_path, "a,b\nMüller,1\nStraße,2\n".encode() + b"M\xfcller,3\n")
    assert found.encoding == "utf-8"


def test_a_packed_file_is_looked_into(tmp_path: Path) -> None:
    assert detected(tmp_path, gzip.compress(table(";").encode()), "file.csv.gz").names == NAMES


def test_an_empty_file_has_no_names(tmp_path: Path) -> None:
    assert detected(tmp_path, "").names == ()


def test_a_long_file_is_told_by_its_beginning(tmp_path: Path) -> None:
    found = detected(tmp_path, table(",") + "9,2024-01-01,more\n" * 100_000)
    assert (found.names, found.csv.footer_lines) == (NAMES, 0)
