"""The actions and checkpoints of a Delta Lake log: the format's names and fields, as far as our tables need them.

Source: https://github.com/delta-io/delta/blob/master/PROTOCOL.md (reader version 1, writer version 2).
"""

from __future__ import annotations

import io
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote

from event_assets.storage.delta_schema import log_columns

if TYPE_CHECKING:
    import pyarrow as pa

Action = dict[str, Any]

#: A checkpoint at this interval of commits keeps opening a table fast.
CHECKPOINT_INTERVAL = 50
#: Deletion vectors stay off, so that plain Parquet readers of the folders are right.
_CONFIGURATION = {
    "delta.checkpointInterval": str(CHECKPOINT_INTERVAL),
    "delta.logRetentionDuration": "interval 1 days",
    "delta.enableDeletionVectors": "false",
}
#: The one feature of later versions that we use: times without a zone, in tables of users.
_FEATURES = ("timestampNtz",)
#: What a path in the log keeps unescaped beside letters and digits: all that a URI may contain.
_IN_URIS = "/=:+,@&$!*'();"


class LogFile(NamedTuple):
    """One file that counts: its path below the table's folder, its rows and its Hive value (None without)."""

    path: str
    rows: int
    hive: str | None = None
    bytes: int = 0
    """Its size, as the log has it."""
    statistics: str = ""
    """JSON with `minValues`, `maxValues` and `nullCount` of its columns, if there are any."""


def add(file: LogFile, partitioned_by: str | None) -> Action:
    """The action that makes a file count."""
    return {
        "path": quote(file.path, safe=_IN_URIS),
        "partitionValues": {partitioned_by: file.hive} if partitioned_by else {},
        "size": file.bytes,
        "modificationTime": 0,
        "dataChange": True,
        "stats": _stats(file),
    }


def _stats(file: LogFile) -> str:
    more = file.statistics[1:-1]  # without its braces
    return f'{{"numRecords": {file.rows}, {more}}}' if more else f'{{"numRecords": {file.rows}}}'


def file_of(action: Action) -> LogFile:
    """The file of an `add`. KeyError without a number of rows; NotImplementedError where rows are deleted."""
    if action.get("deletionVector"):
        raise NotImplementedError
    statistics = json.loads(action["stats"])
    rows = statistics.pop("numRecords")
    hive = next(iter(action["partitionValues"].values()), None)
    return LogFile(path_of(action), rows, hive, action["size"], json.dumps(statistics) if statistics else "")


def path_of(action: Action) -> str:
    """The path of an `add` or `remove` below the table's folder."""
    return unquote(action["path"])


def remove(path: str) -> Action:
    """The action after which a file counts no more. No reader of an older version needs it: its time is long ago."""
    return {"path": quote(path, safe=_IN_URIS), "deletionTimestamp": 0, "dataChange": True}


def commit_info(partitioned_by: str | None) -> Action:
    """Who wrote a commit, and when."""
    parameters = {"mode": "Append", "partitionBy": json.dumps([partitioned_by] if partitioned_by else [])}
    return {
        "timestamp": int(time.time() * 1000),
        "operation": "WRITE",
        "operationParameters": parameters,
        "engineInfo": "event_assets",
        "txnId": str(uuid.uuid4()),  # two writers never write one content: after a lost reply it shows who was first
    }


def new_table(schema: pa.Schema, partitioned_by: str | None) -> Sequence[Action]:
    """The actions with which a table's log begins."""
    metadata = {
        "id": str(uuid.uuid4()),
        "format": {"provider": "parquet", "options": {}},
        "schemaString": json.dumps({"type": "struct", "fields": log_columns(schema)}),
        "partitionColumns": [partitioned_by] if partitioned_by else [],
        "configuration": _CONFIGURATION,
        "createdTime": int(time.time() * 1000),
    }
    return [{"protocol": _protocol(metadata)}, {"metaData": metadata}]


def with_new_columns(protocol: Action, metadata: Action, schema: pa.Schema) -> Sequence[Action]:
    """The actions that add the columns which a changed declaration brings; none without any.

    Columns that were dropped or changed their type stay as they were: the log may list files that have them.
    """
    known = json.loads(metadata["schemaString"])
    names = {column["name"] for column in known["fields"]}
    new = [column for column in log_columns(schema) if column["name"] not in names]
    if not new:
        return []
    metadata = {**metadata, "schemaString": json.dumps({**known, "fields": known["fields"] + new})}
    needed = _protocol(metadata)
    more = needed["minReaderVersion"] > protocol["minReaderVersion"]
    return [*([{"protocol": needed}] if more else []), {"metaData": metadata}]


def _protocol(metadata: Action) -> Action:
    """The least versions of the format that a table needs."""
    if '"timestamp_ntz"' not in metadata["schemaString"]:
        return {"minReaderVersion": 1, "minWriterVersion": 2}
    features = [*_FEATURES]
    return {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features, "writerFeatures": features}


def may_read(protocol: Action) -> bool:
    """Whether we know all that a log of this protocol may contain."""
    return protocol["minReaderVersion"] <= 1 or set(protocol.get("readerFeatures") or ["?"]) <= {*_FEATURES}


def may_write(protocol: Action) -> bool:
    """Whether we may write a log of this protocol."""
    known = {*_FEATURES, "appendOnly", "invariants"}
    return protocol["minWriterVersion"] <= 2 or set(protocol.get("writerFeatures") or ["?"]) <= known


def checkpoint(protocol: Action, metadata: Action, files: Sequence[LogFile], partitioned_by: str | None) -> bytes:
    """The Parquet file with a log's whole state: an action in each row."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _checkpoint_schema()
    rows: list[Action] = [{"protocol": protocol}, {"metaData": metadata}]
    rows += ({"add": add(file, partitioned_by)} for file in files)
    columns = [_arrow([row.get(kind.name) for row in rows], kind.type) for kind in schema]
    stream = io.BytesIO()
    pq.write_table(pa.table(columns, schema), stream, compression="snappy", write_page_checksum=True)
    return stream.getvalue()


def read_checkpoint(content: bytes) -> tuple[Action, Action, list[Action]]:
    """Protocol, metadata and added files of a checkpoint, whoever wrote it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        read = pq.ParquetFile(io.BytesIO(content), page_checksum_verification=True).read(
            ["protocol", "metaData", "add"], use_threads=False
        )
    except (pa.ArrowException, OSError) as error:
        raise ValueError(error) from None
    rows = read.to_pylist()
    found: Mapping[str, list[Action]] = {
        kind: [row[kind] for row in rows if row[kind]] for kind in ("protocol", "metaData", "add")
    }
    [protocol], [metadata] = found["protocol"], found["metaData"]
    metadata["configuration"] = dict(metadata["configuration"] or ())
    metadata["format"]["options"] = dict(metadata["format"]["options"] or ())
    files = [{**action, "partitionValues": dict(action["partitionValues"])} for action in found["add"]]
    return protocol, metadata, files


def _arrow(values: Sequence[Any], dtype: pa.DataType) -> pa.Array[Any]:
    """Values as an Arrow array. `pa.array` imports pandas where it is installed, which takes 0.3 s."""
    import polars as pl
    import pyarrow as pa

    if pa.types.is_struct(dtype):
        fields = [_arrow([value and value.get(field.name) for value in values], field.type) for field in dtype]
        return pa.StructArray.from_arrays(fields, fields=list(dtype), mask=_arrow(_missing(values), pa.bool_()))
    if pa.types.is_nested(dtype):
        items = [item for value in values for item in (value.items() if isinstance(value, dict) else value or ())]
        offsets = _arrow([0, *accumulate(len(value or ()) for value in values)], pa.int32())
        if pa.types.is_map(dtype):
            keys, texts = ([item[part] for item in items] for part in (0, 1))
            return pa.MapArray.from_arrays(offsets, _arrow(keys, dtype.key_type), _arrow(texts, dtype.item_type))
        inner = _arrow(items, dtype.value_type)
        return pa.ListArray.from_arrays(offsets, inner, mask=_arrow(_missing(values), pa.bool_()))
    return pl.Series(values).to_arrow().cast(dtype)


def _missing(values: Sequence[object]) -> list[bool]:
    return [value is None for value in values]


@cache
def _checkpoint_schema() -> pa.Schema:
    import pyarrow as pa

    text, number, flag, texts = pa.string(), pa.int64(), pa.bool_(), pa.map_(pa.string(), pa.string())
    protocol = {"minReaderVersion": pa.int32(), "minWriterVersion": pa.int32()}
    features = {"readerFeatures": pa.list_(text), "writerFeatures": pa.list_(text)}
    metadata = {
        "id": text,
        "name": text,
        "description": text,
        "format": pa.struct({"provider": text, "options": texts}),
        "schemaString": text,
        "partitionColumns": pa.list_(text),
        "configuration": texts,
        "createdTime": number,
    }
    added = {"path": text, "partitionValues": texts, "size": number, "modificationTime": number, "dataChange": flag}
    removed = {"path": text, "deletionTimestamp": number, "dataChange": flag}
    kinds = {
        "txn": {"appId": text, "version": number},
        "add": {**added, "stats": text},
        "remove": removed,
        "metaData": metadata,
        "protocol": {**protocol, **features},
    }
    return pa.schema({kind: pa.struct(fields) for kind, fields in kinds.items()})
