"""Makes a transform of the function of a custom gold table, and checks the table that it returns."""

from __future__ import annotations

from collections.abc import Callable

import narwhals as nw

from event_assets.errors import ContractError
from event_assets.tables.custom_table_functions import CustomTable
from event_assets.transforms.interface import Inputs, Outputs, Scope


def transform_of(custom: CustomTable) -> Callable[[Inputs, Scope], Outputs]:
    """The transform that hands a function its inputs by name; ContractError where it returns no such table."""
    name = custom.table.name

    def transform(inputs: Inputs, scope: Scope) -> Outputs:
        made = custom.function(**{source: inputs[source] for source in custom.inputs})
        if not isinstance(made, nw.LazyFrame):
            raise ContractError(name, f"its function returns a {type(made).__name__}", "return a Narwhals lazy frame")
        there = made.collect_schema().names()
        missing = [column for column in scope.by(*custom.table.names) if column not in there]
        if missing:
            state = f"its function returns no column {missing[0]}; there are {', '.join(there)}"
            raise ContractError(name, state, "return the declared columns")
        return Outputs({name: scope.shaped(made, name)})

    return transform
