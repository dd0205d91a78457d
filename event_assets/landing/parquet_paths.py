"""Declared paths into columns of a record batch: members of structs, elements of lists and maps, all rows at once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from event_assets.text.field_paths import PARENT, Lookup, Path

Steps = Path


def leads_somewhere(kind: pa.DataType, steps: Steps) -> bool:
    """Whether values of a type can have something at a path."""
    for step in steps:
        if isinstance(step, str):
            index = kind.get_field_index(step) if pa.types.is_struct(kind) else -1
            if index < 0:
                return False
            kind = kind.field(index).type
        elif not _is_list(kind):
            return False
        else:
            kind = _element_type(kind)
            if isinstance(step, Lookup) and not leads_somewhere(kind, (step.key,)):
                return False
    return True


def value_at(rows: pa.RecordBatch, steps: Steps) -> pa.Array:
    """The value at a path that leads somewhere, for each row; null where a row has none."""
    column = rows.column(str(steps[0]))
    for step in steps[1:]:
        if isinstance(step, str):
            column = pc.struct_field(column, [step])
            continue
        column = _as_list(column)
        lengths, elements = _lengths(column), column.flatten()
        if isinstance(step, int):
            starts = np.cumsum(lengths) - lengths
            wanted = pa.array(starts + step, mask=lengths <= step)
        else:
            wanted = _first_matches(elements, lengths, step)
        column = elements.take(wanted)
    return column


def exploded(rows: pa.RecordBatch, steps: Steps) -> pa.RecordBatch:
    """One row for each element of the list of structs at a path: its members, and the rest of the row in column `^`.

    A row whose list is null or empty is one row without members. The same rows come back where the path is empty;
    ValueError where there is no list of structs at it.
    """
    if not steps:
        return rows
    if not leads_somewhere(pa.struct(list(rows.schema)), steps):
        raise ValueError(f"no column at explode: {'.'.join(map(str, steps))}")
    column = value_at(rows, steps)
    if not _is_list(column.type) or not pa.types.is_struct(_element_type(column.type)):
        raise ValueError(f"what is at explode: {'.'.join(map(str, steps))} is no list of structs")
    column = _as_list(column)
    lengths, elements = _lengths(column), column.flatten()
    times = np.maximum(lengths, 1)
    parents = np.repeat(np.arange(rows.num_rows), times)
    starts = np.cumsum(lengths) - lengths
    within = np.arange(len(parents)) - np.repeat(np.cumsum(times) - times, times)
    wanted = pa.array(np.repeat(starts, times) + within, mask=np.repeat(lengths == 0, times))
    own = elements.take(wanted)
    names = [elements.type.field(at).name for at in range(elements.type.num_fields)]
    around = _without(pa.StructArray.from_arrays(rows.columns, names=rows.schema.names), steps)
    columns = [*(pc.struct_field(own, [name]) for name in names), around.take(pa.array(parents))]
    return pa.RecordBatch.from_arrays(columns, names=[*names, PARENT])


def _without(struct: pa.StructArray, steps: Steps) -> pa.StructArray:
    """The structs without the member at a path."""
    kept: dict[str, pa.Array] = {}
    for at in range(struct.type.num_fields):
        name = struct.type.field(at).name
        if name != steps[0]:
            kept[name] = pc.struct_field(struct, [name])
        elif len(steps) > 1:
            kept[name] = _without(pc.struct_field(struct, [name]), steps[1:])
    if not kept:  # a struct needs a member
        kept[""] = pa.nulls(len(struct))
    return pa.StructArray.from_arrays(list(kept.values()), names=list(kept), mask=struct.is_null())


def _first_matches(elements: pa.Array, lengths: np.ndarray, step: Lookup) -> pa.Array:
    """For each list the position, among all elements, of its first element whose member is that text; else null."""
    keys = pc.struct_field(elements, [step.key])
    if pa.types.is_dictionary(keys.type):
        keys = keys.dictionary_decode()
    same = pc.equal(keys.cast(pa.large_string()), pa.scalar(step.value, pa.large_string()))
    matches = np.flatnonzero(same.fill_null(False).to_numpy(zero_copy_only=False))
    parents, firsts = np.unique(np.repeat(np.arange(len(lengths)), lengths)[matches], return_index=True)
    found = np.zeros(len(lengths), np.int64)
    missing = np.ones(len(lengths), bool)
    found[parents], missing[parents] = matches[firsts], False
    return pa.array(found, mask=missing)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind))


def _element_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_map(kind):
        return pa.struct([("key", kind.key_type), ("value", kind.item_type)])
    return kind.value_type


def _as_list(column: pa.Array) -> pa.Array:
    if not pa.types.is_map(column.type):
        return column
    pairs = pa.StructArray.from_arrays([column.keys, column.items], names=["key", "value"])
    return pa.ListArray.from_arrays(column.offsets, pairs, mask=column.is_null() if column.null_count else None)


def _lengths(column: pa.Array) -> np.ndarray:
    lengths: np.ndarray = pc.list_value_length(column).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    return lengths
