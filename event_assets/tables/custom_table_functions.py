"""Gold tables that users add: each is one pure function, declared with its contract beside the function.

`gold: {custom: [my_project.tables:carts_by_brand]}` names them. Such a table is like every other table: an asset with
checks, staleness, a view and backfills.
"""

from __future__ import annotations

import importlib
import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from event_assets.declaration import Dataset
from event_assets.declaration.gold import OwnTable
from event_assets.digest import digest
from event_assets.errors import ContractError, DeclarationError
from event_assets.tables.table import Column, Table

_MARK = "__event_assets_table__"


@dataclass(frozen=True)
class CustomTable:
    """A table, and the function that makes it of its inputs, given by name as Narwhals frames."""

    table: Table
    inputs: tuple[str, ...]
    function: Callable[..., Any]
    rules: str
    """Digest of the function's source and version: where it changes, the table is stale."""
    several_dates: bool = False
    """Whether the function takes frames of several dates at once."""

    @property
    def by_date(self) -> bool:
        return self.table.partitioned_by == "event_date"


def gold_table(
    *,
    description: str,
    columns: Sequence[Column],
    key: Sequence[str],
    by_date: bool = True,
    version: int = 1,
    users: str | None = None,
    several_dates: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a function as a gold table of its name.

    Its parameters are named after the tables that it reads, and given as Narwhals lazy frames: of one date where the
    table is made `by_date`, else of all dates. It returns such a frame with the columns, in any order of rows. No two
    rows share the key. `users` names the column that holds ids of users where it is not `user_id`, so that erasing a
    user reaches the table as well. With `several_dates` the frames may contain rows of several dates, by their column
    `event_date`, and the returned frame must have it too: small dates then cost a fraction. Raise the version
    where something changes that the function calls but its source doesn't show.
    """

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        table = Table(
            function.__name__,
            description,
            tuple(columns),
            tuple(key),
            partitioned_by="event_date" if by_date else None,
            users=users,
        )
        rules = digest(textwrap.dedent(inspect.getsource(function)), version)
        setattr(
            function,
            _MARK,
            CustomTable(table, tuple(inspect.signature(function).parameters), function, rules, several_dates),
        )
        return function

    return declare


def custom_tables(dataset: Dataset) -> list[CustomTable]:
    """The declared custom tables in their order; DeclarationError where a function can't be imported."""
    return [_with_model(dataset, own, _imported(dataset, own.function)) for own in dataset.gold.custom]


def with_custom(dataset: Dataset, known: Mapping[str, Table]) -> dict[str, Table]:
    """The known tables and the custom tables. DeclarationError if a custom table can't be computed from tables before
    it."""
    tables = dict(known)
    for own, custom in zip(dataset.gold.custom, custom_tables(dataset), strict=True):
        _check(dataset, own.function, custom, tables)
        tables[custom.table.name] = custom.table
    return tables


def _with_model(dataset: Dataset, own: OwnTable, custom: CustomTable) -> CustomTable:
    """The table with the Pandera model that its declaration names; an edit of the model makes the table stale."""
    if own.contract is None:
        return custom
    from event_assets.tables.contract import imported_model

    try:
        model = imported_model(own.contract)
    except ContractError as error:
        raise _wrong(dataset, f"{error.culprit} {error.state}", error.remedy) from None
    source = inspect.getsource(model) if inspect.isclass(model) else repr(model)
    rules = digest(custom.rules, own.contract, textwrap.dedent(source))
    return replace(custom, table=replace(custom.table, model=own.contract), rules=rules)


def _imported(dataset: Dataset, path: str) -> CustomTable:
    module, _, name = path.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except Exception as error:  # whatever a user's module raises while it is loaded
        why = f"{type(error).__name__}: {' '.join(str(error).split())}"
        remedy = "install the package that holds it, or put its folder on PYTHONPATH"
        raise _wrong(dataset, f"{path} can't be imported ({why})", remedy) from None
    custom = getattr(function, _MARK, None)
    if not isinstance(custom, CustomTable):
        raise _wrong(dataset, f"{path} is no gold table", "decorate the function with @gold_table(...)")
    return custom


def _check(dataset: Dataset, path: str, custom: CustomTable, tables: Mapping[str, Table]) -> None:
    names = custom.table.names
    if custom.table.name.lower() in {*tables, "profile_snapshots"} or not custom.table.name[0].isalpha():
        raise _wrong(dataset, f"{path}: the platform has a table of this name already", "rename the function")
    if not names or not custom.table.key or not set(custom.table.key) <= set(names) or len(set(names)) < len(names):
        raise _wrong(dataset, f"{path}: the key is not among its columns", "name columns once, and the key by them")
    for name in custom.inputs:
        source = tables.get(name)
        # The reconciliation is published after all others, so no other may depend on it.
        if source is None or source.internal or name == "reconciliation":
            able = ", ".join(one for one, table in tables.items() if not table.internal and one != "reconciliation")
            raise _wrong(
                dataset, f"{path} reads {name}, which is not a table", f"name its parameters after some of {able}"
            )
        if custom.by_date and source.partitioned_by != "event_date" and name != "profiles":
            state = f"{path} is made by date but reads {name}, which is made of all dates"
            raise _wrong(dataset, state, "read tables by date, or say by_date=False")
    if not custom.inputs:
        raise _wrong(dataset, f"{path} reads no table", "give the function a parameter such as joined_facts")


def _wrong(dataset: Dataset, state: str, remedy: str) -> DeclarationError:
    return DeclarationError(f"{dataset.name}: gold.custom", state, remedy)
