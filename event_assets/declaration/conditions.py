"""Conditions on the values of columns: `where: {kind: [a, b], app_id: {not: [test]}}`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field

from event_assets.declaration.base import Declared
from event_assets.declaration.column import Column
from event_assets.declaration.typed_values import bound_text, form_of, value_of

#: A value as text, null as itself; values are read as the source's texts are (aliases, case, type).
ValueText = Annotated[
    str | None,
    BeforeValidator(lambda value: str(value).lower() if isinstance(value, bool) else bound_text(value)),
]
Values = Annotated[
    tuple[ValueText, ...],
    BeforeValidator(lambda value: value if isinstance(value, (list, tuple, dict)) else (value,)),
]


class Excluding(Declared):
    """The values that are left out: `{not: [test]}`. Null is kept unless it is listed."""

    values: Values = Field(alias="not", min_length=1)
    """The values that a row must not have."""


#: Column to the values that it may have, or to those that it may not; all columns must hold.
Where = Mapping[str, Excluding | Values]


def check_where(key: str, where: Where, column: Callable[[str], Column | None]) -> None:
    """ValueError where a condition names no known column, or a value that its column can't have."""
    for name, values in where.items():
        declared = column(name)
        if declared is None:
            remedy = "write the name of a column, not that of its source"
            raise ValueError(f"{key} names no declared column: {name!r}; {remedy}")
        if declared.type in ("json", "float64"):
            raise ValueError(f"{key}: {name} is a {declared.type}, whose values are not compared")
        for text in values.values if isinstance(values, Excluding) else values:
            booleans = {word.lower(): meaning for word, meaning in declared.booleans.items()}
            if text is not None and not declared.aliases and value_of(text, declared.type, booleans) is None:
                state = f"{text!r} is not a valid {declared.type}"
                raise ValueError(f"{key}, {name}: {state}; write {form_of(declared.type)}")
