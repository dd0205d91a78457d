"""A contract refuses what it should, in words that a person understands, and lets through what it should."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandera.errors import SchemaErrors

from event_assets.declaration import load_datasets
from event_assets.tables.catalog import tables
from event_assets.tables.contract import pandera_schema, violations
from event_assets.tables.table import Column, Table

TABLE = Table(
    "orders",
    "Orders.",
    (
        Column("id", "string", "Its id.", nullable=False),
        Column("price", "decimal(10,2)", "Its price.", min="0", max="100"),
        Column("state", "string", "Its state.", allowed=("open", "paid")),
        Column("at", "timestamp", "When.", nullable=False),
    ),
    key=("id",),
)
NOON = dt.datetime(2025, 1, 1, 12, tzinfo=dt.UTC)


def orders(*rows: tuple[str | None, str | None, str | None]) -> pl.DataFrame:
    values = [(i, None if price is None else Decimal(price), state, NOON) for i, price, state in rows]
    return pl.DataFrame(values, schema=TABLE.polars_schema(), orient="row")


def found(frame: pl.DataFrame) -> list[str]:
    return [str(violation) for violation in violations(TABLE, frame)]


def test_a_frame_that_keeps_the_contract_breaks_nothing() -> None:
    assert found(orders(("a", "0.00", "open"), ("b", None, None), ("c", "100.00", "paid"))) == []
    assert found(orders()) == []


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([("a", "1.00", "open"), (None, "1.00", "open")], "id is never null: 1 rows (rows 1)"),
        ([("a", "1.00", "open"), ("a", "2.00", "paid")], "id is unique: 1 rows (rows 1)"),
        ([("a", "-0.01", "open")], "price greater than or equal to(0): 1 rows (rows 0)"),
        ([("a", "100.01", "open")], "price less than or equal to(100): 1 rows (rows 0)"),
        ([("a", "1.00", "lost")], "state isin(['open', 'paid']): 1 rows (rows 0)"),
    ],
)
def test_each_rule_that_rows_break_is_named_with_its_rows(
    rows: list[tuple[str | None, str | None, str | None]], sentence: str
) -> None:
    assert found(orders(*rows)) == [sentence]


def test_only_the_first_rows_are_named_and_all_are_counted() -> None:
    assert found(orders(*((str(n), "-1.00", None) for n in range(9)))) == [
        "price greater than or equal to(0): 9 rows (rows 0, 1, 2, 3, 4, …)"
    ]


def test_a_missing_a_strange_and_a_retyped_column_are_refused() -> None:
    frame = orders(("a", "1.00", "open"))
    assert "columns are those of the contract" in found(frame.drop("state"))[0]
    assert "columns are those of the contract" in found(frame.with_columns(more=pl.lit(1)))[0]
    assert found(frame.with_columns(pl.col("at").dt.cast_time_unit("ms")))[0].startswith("at is of type")


def test_messages_hold_no_values() -> None:
    assert "secret" not in " ".join(found(orders(("secret", "-1.00", "open"), ("secret", "1.00", "open"))))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c", None]),
            st.sampled_from(["-1.00", "0.00", "5.00", "100.01", None]),
            st.sampled_from(["open", "lost", None]),
        ),
        max_size=4,
    )
)
def test_the_short_way_and_pandera_agree(rows: list[tuple[str | None, str | None, str | None]]) -> None:
    frame = orders(*rows)
    try:
        pandera_schema(TABLE).validate(frame, lazy=True)
        keeps = frame["id"].is_duplicated().sum() == 0
    except SchemaErrors:
        keeps = False
    assert (violations(TABLE, frame) == []) == keeps


@pytest.mark.parametrize("name", sorted(load_datasets()))
def test_every_table_of_every_dataset_has_a_contract_that_pandera_understands(name: str) -> None:
    for table in tables(load_datasets()[name]).values():
        schema = pandera_schema(table)
        assert tuple(schema.columns) == table.names
        assert all(column.description for column in table.columns), table.name
        assert violations(table, table.polars_schema().to_frame()) == []
        assert set(table.key) <= {*table.names, table.partitioned_by or ""}
        assert set(table.row_order) <= set(table.names)


def test_rows_on_which_the_quick_check_and_pandera_disagree_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("event_assets.tables.contract._plainly_keeps", lambda *_: False)
    assert "the quick check of the contract and Pandera disagree" in found(orders(("a", "1.00", "open")))[0]


_VALUES = {
    "int64": st.sampled_from([-1, 0, 7, 2**53, None]),
    "float64": st.sampled_from([-0.5, 0.0, 7.25, 1e300, None]),
    "date": st.sampled_from([dt.date(2024, 12, 31), dt.date(2025, 1, 1), None]),
    "timestamp": st.sampled_from([NOON - dt.timedelta(days=1), NOON, None]),
    "bool": st.sampled_from([True, False, None]),
}
_BOUNDS = {"int64": ("0", "7"), "float64": ("0", "7.25"), "date": ("2025-01-01", "2025-01-01")}


@given(st.data())
def test_the_short_way_and_pandera_agree_on_any_table(data: st.DataObject) -> None:
    columns = []
    for place, kind in enumerate(data.draw(st.lists(st.sampled_from(sorted(_VALUES)), min_size=1, max_size=4))):
        low, high = _BOUNDS.get(kind, (None, None)) if data.draw(st.booleans()) else (None, None)
        columns.append(Column(f"c{place}", kind, "Drawn.", nullable=data.draw(st.booleans()), min=low, max=high))
    table = Table("drawn", "Drawn.", tuple(columns), key=(columns[0].name,))
    rows = data.draw(st.lists(st.tuples(*(_VALUES[column.type] for column in columns)), max_size=4))
    frame = pl.DataFrame(rows, schema=table.polars_schema(), orient="row")
    try:
        pandera_schema(table).validate(frame, lazy=True)
        keeps = frame[columns[0].name].is_duplicated().sum() == 0
    except SchemaErrors:
        keeps = False
    assert (violations(table, frame) == []) == keeps
