"""A table's contract as a Pandera schema, and its results on a staged partition."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from event_assets.declaration.typed_values import value_of
from event_assets.errors import ContractError
from event_assets.tables.column_types import polars_type
from event_assets.tables.table import Column, Table

if TYPE_CHECKING:
    import pandera.polars as pa

#: At most this number of rows that break a rule are named; all are counted.
SHOWN = 5


@dataclass(frozen=True)
class Violation:
    """One rule of a contract that rows break: the rule as a sentence, how many rows, and the first of them.

    Rows are named by their place in the staged file, from 0: values may be personal and stay out of logs.
    """

    rule: str
    rows: int
    first_rows: tuple[int, ...]

    def moved(self, rows: int) -> Violation:
        """The same violation by the places of its rows if this number of rows comes before the frame."""
        return replace(self, first_rows=tuple(row + rows for row in self.first_rows))

    def with_more(self, other: Violation) -> Violation:
        """This and what another part of the partition breaks of the same rule."""
        first = (*self.first_rows, *other.first_rows)[:SHOWN]
        return replace(self, rows=self.rows + other.rows, first_rows=first)

    def __str__(self) -> str:
        more = ", …" if self.rows > SHOWN else ""
        where = f" (rows {', '.join(map(str, self.first_rows))}{more})" if self.first_rows else ""
        return f"{self.rule}: {self.rows} rows{where}" if self.rows else self.rule


#: The quick check rejected a frame in which Pandera finds no error. It is not published, since one of the two is wrong.
_DISAGREEMENT = Violation(
    "the quick check of the contract and Pandera disagree on these rows; please report it with the table's name", 0, ()
)


@cache
def pandera_schema(table: Table) -> pa.DataFrameSchema:
    """The contract of a table (without its Hive column) as Pandera checks it: exact columns in order, types,
    nullability, bounds, allowed values."""
    import pandera.polars as pa  # a third of a second that only a broken or strange partition costs

    return pa.DataFrameSchema(
        {column.name: _pandera_column(column) for column in table.columns}, strict=True, ordered=True, name=table.name
    )


def violations(table: Table, frame: pl.DataFrame) -> Sequence[Violation]:
    """Every rule of the contract that the frame of one partition breaks; empty if it keeps all rules.

    Pandera judges and explains; a frame that plainly keeps every rule needs only one pass, which takes a tenth of the
    time on the small frames of a date.
    """
    if _plainly_keeps(table, frame, [_unique(*table.key), *_rules(table)]):
        return model_violations(table.model, frame) if table.model else []
    return _broken_rules(table, frame) or _repeated_keys(table, frame) or [_DISAGREEMENT]


def keep_contract(table: Table, rows: pl.DataFrame) -> bool:
    """Whether all partitions of a frame, by its column `event_date`, plainly keep every rule: one pass over many small
    partitions. If not, `violations` of each partition gives the rules that it breaks."""
    return (
        not table.model
        and _plainly_keeps(table, rows.drop("event_date"), _rules(table))
        and bool(rows.select(_unique("event_date", *table.key)).item())
    )


def violations_of_file(table: Table, path: Path) -> list[Violation]:
    """Every rule of the contract, its key apart, that a Parquet file of any size breaks: a row group at a time."""
    import pyarrow.parquet as pq

    found: list[Violation] = []
    with pq.ParquetFile(path) as file:
        above = 0
        # A file without rows still has its columns.
        for number in range(max(file.num_row_groups, 1)):
            rows = file.read_row_group(number) if file.num_row_groups else file.schema_arrow.empty_table()
            frame = pl.DataFrame(rows)
            broken = _broken_rules(table, frame) or (model_violations(table.model, frame) if table.model else [])
            found += [v.moved(above) for v in broken]
            above += frame.height
    return merged([found])


def repeated_keys_of_files(table: Table, paths: Sequence[Path]) -> list[Violation]:
    """Whether rows of the files of a partition share a key; memory grows with the keys alone."""
    keys = pl.scan_parquet(list(paths), hive_partitioning=False, glob=False).select(pl.struct(table.key))
    rows, distinct = keys.select(pl.len(), pl.all().n_unique().alias("distinct")).collect(engine="streaming").row(0)
    return [repeated_key(table, rows - distinct)] if rows > distinct else []


def merged(found: Iterable[Sequence[Violation]]) -> list[Violation]:
    """The violations of several parts of a partition as the violations of the whole partition, each rule once."""
    rules: dict[str, Violation] = {}
    for violation in (v for part in found for v in part):
        known = rules.get(violation.rule)
        rules[violation.rule] = known.with_more(violation) if known else violation
    return list(rules.values())


def repeated_key(table: Table, rows: int) -> Violation:
    """The violation that this number of rows repeat the key of another row."""
    return Violation(f"{', '.join(table.key)} is unique", rows, ())


def _plainly_keeps(table: Table, frame: pl.DataFrame, rules: Sequence[pl.Expr]) -> bool:
    if frame.schema != table.polars_schema():
        return False
    return frame.is_empty() or not rules or all(frame.select(rules).row(0))


def _broken_rules(table: Table, frame: pl.DataFrame) -> list[Violation]:
    if _plainly_keeps(table, frame, _rules(table)):
        return []
    from pandera.errors import SchemaErrors

    try:
        pandera_schema(table).validate(frame, lazy=True)
    except SchemaErrors as errors:
        return _summary(errors.failure_cases)
    return [_DISAGREEMENT]


def model_violations(model: str | type | object, frame: pl.DataFrame) -> list[Violation]:
    """Every rule of a user's Pandera model (or `module:Model`) that a frame breaks.

    ContractError if the model doesn't exist.
    """
    from pandera.errors import SchemaError, SchemaErrors

    found: Any = imported_model(model) if isinstance(model, str) else model
    try:
        found.validate(frame, lazy=True)
    except SchemaErrors as errors:
        return _summary(errors.failure_cases)
    except SchemaError as error:
        return [Violation(" ".join(str(error).split()), 0, ())]
    return []


def imported_model(path: str) -> Any:
    """The Pandera model or schema at `module:Model`. ContractError where there is none."""
    module, _, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:  # whatever a user's module raises while it is loaded
        state = f"can't be imported ({type(error).__name__}: {' '.join(str(error).split())})"
        raise ContractError(path, state, "install the package that has it, or put its folder on PYTHONPATH") from None
    if not callable(getattr(found, "validate", None)):
        raise ContractError(path, "is not a Pandera model", "name a DataFrameModel of pandera.polars")
    return found


def _unique(*key: str) -> pl.Expr:
    """Whether the keys are plainly unique: equal keys have equal hashes, and these are compared in half the time."""
    values = pl.col(key[0]) if len(key) == 1 else pl.struct(key)
    return (values.hash().n_unique() == pl.len()).alias("key")


@cache
def _rules(table: Table) -> list[pl.Expr]:
    """Each rule of a contract but its key as an expression that is one boolean over a frame."""
    rules: list[pl.Expr] = []
    for column in table.columns:
        value = pl.col(column.name)
        if not column.nullable:
            rules.append((value.null_count() == 0).alias(f"{column.name} null"))
        if column.min is not None:
            rules.append((value >= _literal(column, column.min)).all().alias(f"{column.name} min"))
        if column.max is not None:
            rules.append((value <= _literal(column, column.max)).all().alias(f"{column.name} max"))
        if column.allowed is not None:
            rules.append(value.is_in(column.allowed).all().alias(f"{column.name} allowed"))
    return rules


def _literal(column: Column, text: str) -> pl.Expr:
    return pl.lit(_bound(column, text), polars_type(column.type))


def _repeated_keys(table: Table, frame: pl.DataFrame) -> list[Violation]:
    # Pandera's own uniqueness check costs several times a group of the key columns (docs/adr/0001).
    repeated = frame.with_row_index("_row").filter(~pl.struct(table.key).is_first_distinct())["_row"]
    if repeated.is_empty():
        return []
    return [Violation(f"{', '.join(table.key)} is unique", len(repeated), tuple(repeated.head(SHOWN)))]


def _pandera_column(column: Column) -> pa.Column:
    import pandera.polars as pa

    checks = []
    if column.min is not None:
        checks.append(pa.Check.ge(_bound(column, column.min)))
    if column.max is not None:
        checks.append(pa.Check.le(_bound(column, column.max)))
    if column.allowed is not None:
        checks.append(pa.Check.isin(list(column.allowed)))
    return pa.Column(polars_type(column.type), checks, nullable=column.nullable, description=column.description)


def _bound(column: Column, text: str) -> Any:
    value = value_of(text, column.type)
    assert value is not None, f"{text!r} is not a valid {column.type}"
    return value


def _summary(cases: pl.DataFrame) -> list[Violation]:
    grouped = cases.group_by("column", "check", maintain_order=True).agg(
        pl.col("index").drop_nulls().sort().head(SHOWN).alias("rows"),
        pl.len().alias("count"),
        pl.col("index").is_not_null().any().alias("by_row"),
        pl.col("failure_case").cast(pl.String).first().alias("case"),
    )
    return [
        Violation(
            _sentence(row["column"], row["check"]) + ("" if row["by_row"] else f" (found: {row['case']})"),
            row["count"] if row["by_row"] else 0,
            tuple(row["rows"]),
        )
        for row in grouped.iter_rows(named=True)
    ]


def _sentence(column: str | None, check: str) -> str:
    if check == "not_nullable":
        return f"{column} is never null"
    if check.startswith("dtype("):
        return f"{column} is of type {check[len('dtype(') : -1]}"
    if check in ("column_in_dataframe", "column_in_schema", "column_ordered"):
        return "the columns are those of the contract, in its order"
    return f"{column} {check.replace('_', ' ')}"
