"""The columns of a table as a Delta Lake log describes them: from the Arrow schema of a table or of a user's frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from event_assets.errors import LakeError

if TYPE_CHECKING:
    import pyarrow as pa

#: Arrow's names of types without parts. The format has no unsigned numbers: readers go by the file's own type.
_TYPES = {
    **dict.fromkeys(("string", "large_string", "string_view"), "string"),
    **dict.fromkeys(("binary", "large_binary", "binary_view"), "binary"),
    **dict.fromkeys(("int8", "uint8"), "byte"),
    **dict.fromkeys(("int16", "uint16"), "short"),
    **dict.fromkeys(("int32", "uint32"), "integer"),
    **dict.fromkeys(("int64", "uint64"), "long"),
    **dict.fromkeys(("date32[day]", "date64[ms]"), "date"),
    "float": "float",
    "double": "double",
    "bool": "boolean",
    "null": "void",
}


def log_columns(schema: pa.Schema) -> list[dict[str, Any]]:
    """A schema's columns. LakeError where the format has no such type."""
    return [_column(column) for column in schema]


def _column(column: pa.Field) -> dict[str, Any]:
    try:
        return {"name": column.name, "type": _log_type(column.type), "nullable": True, "metadata": {}}
    except KeyError:
        state = f"has the type {column.type}, which a table's log can't have"
        raise LakeError(f"column {column.name}", state, "cast it to another type") from None


def _log_type(dtype: pa.DataType) -> str | dict[str, Any]:
    import pyarrow.types as kinds

    if kinds.is_timestamp(dtype):
        return "timestamp" if dtype.tz else "timestamp_ntz"
    if kinds.is_decimal128(dtype):
        return f"decimal({dtype.precision},{dtype.scale})"
    if kinds.is_dictionary(dtype):
        return _log_type(dtype.value_type)
    if kinds.is_struct(dtype):
        return {"type": "struct", "fields": log_columns(list(dtype))}
    if kinds.is_map(dtype):
        key, value = _log_type(dtype.key_type), _log_type(dtype.item_type)
        return {"type": "map", "keyType": key, "valueType": value, "valueContainsNull": True}
    if kinds.is_list(dtype) or kinds.is_large_list(dtype) or kinds.is_fixed_size_list(dtype):
        return {"type": "array", "elementType": _log_type(dtype.value_type), "containsNull": True}
    return _TYPES[str(dtype)]
