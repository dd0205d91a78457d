"""Finds the records that an erasure takes out: rows with the user's id, and refused records whose text contains it
(docs/how-to/erase-a-user.md).

A typed row is the user's where its user column is the id. A rejected or quarantined record has no typed user: it is
the user's where a field of the user contains the id as a whole token, in any spelling of it. Where the record has no
such field, or can't be split into fields, all of it is searched. Other such records that contain the id only mention
the user.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import narwhals as nw
import polars as pl

from event_assets.declaration import Dataset
from event_assets.declaration.events_and_profiles import Source
from event_assets.landing.inbox import block_of, path_value
from event_assets.pipeline.erased_ids import Erasing, canonical, spread, token_spans, tokens
from event_assets.storage.ledger_entries import Kind
from event_assets.storage.parquet import read_parquet, scan_parquet
from event_assets.tables.table import Table
from event_assets.text.field_paths import FILE_PATH
from event_assets.text.json_strings_and_numbers import without_names
from event_assets.transforms.clean import required_columns
from event_assets.transforms.interface import Scope
from event_assets.transforms.validate import judged

Verdict = Literal["theirs", "taken", "mentions"]
"""The user's own record, one of another that mentions the user and is taken out with it, or one that only does that."""
#: At most this number of raw rows is judged at once.
_ROWS = 250_000
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.S)
#: An exponent may have a sign, which is apart: `7.731E+3`.
_SPREADS_OF_NUMBERS = frozenset({0, 1})


class Judge:
    """Tells of the records of one kind whether they are an erased user's."""

    def __init__(self, dataset: Dataset, kind: Kind, erasing: Erasing) -> None:
        self._dataset, self._kind, self._erasing = dataset, kind, erasing
        self._blocks = dataset.blocks(kind)
        self._column = next(column for column in dataset.columns_of(kind) if column.name == erasing.column)
        self.column = erasing.column
        aliases = {spread(alias) for alias in self._column.aliases}
        numbers = _SPREADS_OF_NUMBERS if self._column.type == "int64" else frozenset[int]()
        self._spreads = sorted(erasing.spreads | aliases | numbers)
        required = {column.name for column in dataset.columns_of(kind) if column.required}
        self._required = required_columns(dataset) if kind == "events" else required
        self._constant = self._column.constant is not None
        self._user = next(column for column in dataset.columns_of(kind) if column.name == "user_id")

    def users(self, texts: pl.Series) -> pl.Series:
        """For each text of a user column, whether it is an erased user's id."""
        known = {text: canonical(text, self._column) for text in texts.unique()}
        theirs = [text for text, user in known.items() if user is not None and self._erasing.is_erased(user)]
        return texts.is_in(theirs, nulls_equal=True)

    @property
    def mentions(self) -> bool:
        """Whether mentions of some erased user are taken out."""
        return self._erasing.mentions

    def is_id(self, text: str, *, mention: bool = False) -> bool:
        """Whether a text is an erased user's id, in any spelling; of a `mention` one whose mentions are taken out."""
        user = canonical(text, self._column)
        if user is None or not self._erasing.is_erased(user):
            return False
        return not mention or self._erasing.takes_mentions(user)

    def token_spans(self, text: str) -> Iterator[tuple[int, int]]:
        """The places of what could be an erased user's id in a text."""
        return token_spans(text, self._spreads)

    def takes(self, verdict: Verdict | None) -> bool:
        """Whether a record is taken out."""
        return verdict in ("theirs", "taken")

    def typed(self, texts: pl.Series) -> pl.Series:
        """For each value of a typed table's user column, as text, whether it is an erased user's id."""
        return texts.is_in([text for text in texts.unique().drop_nulls() if self._erasing.is_erased(text)])

    def rows(self, path: Path) -> Iterator[tuple[int, Verdict]]:
        """(row_number, verdict) of the rows in a landed part of raw records that are about an erased user."""
        plan = scan_parquet(path)
        for start in range(0, plan.select(pl.len()).collect().item(), _ROWS):
            frame = plan.slice(start, _ROWS).collect()
            theirs = self.users(frame[self.column])
            if self.column != "user_id":
                named = [text for text in frame["user_id"].unique() if self._names_a_user(text)]
                theirs &= ~frame["user_id"].is_in(named, nulls_equal=True)
            yield from ((number, "theirs") for number in frame["row_number"].filter(theirs))
            for row in self._refused(frame.filter(~theirs)).iter_rows(named=True):
                if verdict := self._of_fields(row):
                    yield row["row_number"], verdict

    def text(self, raw: str | None, user_place: int | None = None, path: str | None = None) -> Verdict | None:
        """The verdict on a rejected or quarantined record by its text. `user_place` is the position of the user's field
        in its file, `path` the file's path below the inbox."""
        if self._constant:
            return "theirs" if self._erasing.is_erased(canonical(None, self._column) or "") else None
        of_path = self._of_path(path) if path else None
        if of_path is not None and self._found(of_path):
            return "theirs"
        if self._found(raw or "") is None:
            return None
        users = self._texts_of(self.column, raw or "", user_place) if of_path is None else [of_path]
        if self.column != "user_id" and any(map(self._names_a_user, self._texts_of("user_id", raw or "", None) or ())):
            users = []
        if users is None or any(self._found(text) for text in users):
            return "theirs" if users or self.column == "user_id" else "mentions"
        return self._of_values(raw or "")

    def _of_fields(self, row: dict[str, Any]) -> Verdict | None:
        texts = [value for value in row.values() if isinstance(value, str)]
        if self._constant or self._found("\n".join(texts)) is None:
            return None
        user = row[self.column]
        may_lack = any(block.format in ("json", "ndjson") for block in self._blocks)
        absent = user is None and may_lack and self.column == "user_id"
        of_another = self.column != "user_id" and self._names_a_user(row["user_id"])
        if absent or (user is not None and not of_another and self._found(user)):
            return "theirs"
        return self._of_values(*texts)

    def _names_a_user(self, text: str | None) -> bool:
        """Whether a record with this text of a user has one. An id that is linked with erased users takes no record of
        another user's: who comes to share a device keeps what is under the own name."""
        return canonical(text, self._user) is not None

    def _of_values(self, *texts: str) -> Verdict | None:
        """The verdict on the texts of another's record. Names of members don't count: they are masked."""
        values = [without_names(text) if text.lstrip()[:1] in ("{", "[") else text for text in texts]
        found = self._found("\n".join(values))
        if found is None:
            return None
        return "taken" if self._erasing.takes_mentions(found) else "mentions"

    def _refused(self, frame: pl.DataFrame) -> pl.DataFrame:
        from event_assets.engines.polars.ports import PolarsPorts  # loads its hash library: only erasure needs it here

        scope = Scope(self._dataset, PolarsPorts())
        rows = nw.from_native(frame.lazy())
        judge = judged(rows, self._dataset.columns_of(self._kind), self._required, scope, self._kind)
        refused = judge.filter(~nw.col("is valid") & ~nw.col("is excluded")).select("row_number")
        refused_rows: pl.DataFrame = nw.to_native(refused).collect()
        texts = [column for column in frame.columns if frame.schema[column] == pl.String and column != "file_id"]
        return frame.select("row_number", *texts).join(refused_rows, on="row_number", how="semi")

    def _found(self, text: str) -> str | None:
        """The erased user whose id the text contains as a whole token; None where there is none."""
        for part in _readings(text):
            for token in tokens(part, self._spreads):
                user = canonical(token, self._column)
                if user is not None and self._erasing.is_erased(user):
                    return user
        return None

    def _of_path(self, path: str) -> str | None:
        """What the declaration reads as the user from a file's path; None where it reads none there."""
        column = self._blocks[block_of(path, self._dataset, self._kind) or 0].column(self.column)
        return path_value(column, path) if column and column.source == FILE_PATH else None

    def _texts_of(self, name: str, raw: str, place: int | None) -> list[str] | None:
        """The texts of a column's fields; None where the record has none, or can't be split."""
        if raw.lstrip().startswith("{"):
            try:
                document = json.loads(raw, parse_int=str, parse_float=str)
            except (ValueError, RecursionError):
                return None
            columns = [column for block in self._blocks if (column := block.column(name))]
            values = [_at(document, source) for column in columns for source in column.sources]
            return [v if isinstance(v, str) else json.dumps(v) for v in values if v is not None] or None
        if place is None:
            return None
        for block in self._blocks:
            fields = _fields(raw, block) if block.format == "csv" else None
            if fields and place < len(fields):
                return [fields[place]]
        return None


def _readings(text: str) -> Iterator[str]:
    """A text as it is, and its quoted parts as JSON and CSV read them."""
    # The colon of a JSON member is no part of a value, though one is of many ids.
    yield text.replace('":', '" ')
    if '""' in text:
        yield text.replace('""', '"')
    if "\\" in text:
        for match in _QUOTED.finditer(text):
            try:
                yield str(json.loads(match[0], strict=False))
            except ValueError:
                continue


def _fields(raw: str, source: Source) -> list[str] | None:
    """The fields of a CSV record; None where it can't be split."""
    dialect = source.csv
    if len(dialect.delimiter) != 1:
        return raw.split(dialect.delimiter)
    try:
        rows = list(csv.reader([raw], delimiter=dialect.delimiter, quotechar=dialect.quote or None, strict=True))
    except (csv.Error, TypeError):
        return None
    return rows[0] if len(rows) == 1 else None


def _at(document: Any, path: str) -> Any:
    """The value at a key of a JSON object, or at a dotted path into it."""
    if isinstance(document, dict) and path in document:
        return document[path]
    for key in path.split("."):
        if not isinstance(document, dict):
            return None
        document = document.get(key)
    return document


def judges_of(dataset: Dataset, kind: Kind, erasings: Iterable[Erasing]) -> list[Judge]:
    """A judge for each column of erased ids that the files of a kind have."""
    names = [column.name for column in dataset.columns_of(kind)]
    return [Judge(dataset, kind, erasing) for erasing in erasings if erasing.column in names]


def rows_of(table: Table, path: Path, judges: Sequence[Judge], paths: Mapping[str, str]) -> pl.Series:
    """For each row of a published file of a table that a step makes, whether it is an erased user's; `paths` gives a
    source file's path below the inbox by file_id."""
    found = [_rows_of(table, path, judge, paths) for judge in judges]
    theirs = found[0]
    for more in found[1:]:
        theirs = theirs | more
    return theirs


def _rows_of(table: Table, path: Path, judge: Judge, paths: Mapping[str, str]) -> pl.Series:
    if {"raw", "file_id"} <= set(table.names):
        refused = read_parquet(path, ["raw", "file_id"])
        verdicts = [judge.text(raw, path=paths.get(file_id)) for raw, file_id in refused.iter_rows()]
        return pl.Series([judge.takes(verdict) for verdict in verdicts], dtype=pl.Boolean)
    if table.users == "id":  # ids of all columns, distinguished by `column`
        frame = read_parquet(path, ["column", "id"])
        return judge.typed(frame["id"]) & (frame["column"] == judge.column)
    own = judge.column if judge.column in table.names else None
    column = table.user_column if judge.column == "user_id" else own
    if column is None:
        rows = scan_parquet(path).select(pl.len()).collect().item()
        return pl.repeat(False, rows, dtype=pl.Boolean, eager=True)
    rows = read_parquet(path, list({column, *({"user_id"} & {*table.names})}))
    theirs = judge.typed(rows[column].cast(pl.String))
    return theirs & rows["user_id"].is_null() if column != table.user_column and "user_id" in rows.columns else theirs
