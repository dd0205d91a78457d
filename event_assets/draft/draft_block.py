"""A block of a drafted declaration: how files of one kind are read, their time and their columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from event_assets.declaration.column import Numbers
from event_assets.draft.assign_roles import Roles
from event_assets.draft.columns import DraftColumn
from event_assets.draft.infer_time_formats import ZONES
from event_assets.draft.infer_types import PLAIN, ColumnType, common_numbers
from event_assets.draft.propose_where import LeftOut
from event_assets.draft.sample import Field, Sample, share
from event_assets.draft.yaml_quoting import check, checks, flow, one_line
from event_assets.text.dates_in_file_names import file_date

_EXAMPLES_LENGTH = 70
#: More empty columns than this are left out, as remarks.
_MAX_EMPTY = 15
#: Parts of folders that only repeat the time.
_TIME_PARTS = ("dt", "date", "day", "month", "year", "hour", "ds", "event_date")


@dataclass(frozen=True)
class Block:
    """Files of one kind, as the declaration will read them."""

    sample: Sample
    files: tuple[str, ...]
    columns: tuple[DraftColumn, ...]
    roles: Roles | None
    """None of profiles, which have no time."""
    records_left_out: LeftOut | None = None
    """The records that `where` leaves out."""

    @property
    def sources(self) -> set[str]:
        """Every place that the sampled records have."""
        return {one.source for one in self.sample.fields}

    def field(self, source: str) -> Field:
        return next(one for one in self.sample.fields if one.source == source)

    def column(self, source: str) -> DraftColumn:
        return next(column for column in self.columns if column.source == source)

    def column_named(self, name: str) -> DraftColumn:
        return next(column for column in self.columns if column.name == name)

    def with_text_ids(self) -> Block:
        """The same block with user ids as text; events and profiles are joined on values of one type."""
        text = ColumnType("string")
        return replace(self, columns=tuple(replace(c, type=text) if c.name == "user_id" else c for c in self.columns))


def block_lines(block: Block, first: str, indent: str) -> Iterator[str]:
    """The block as YAML; its first key behind `first`, the others behind `indent`."""
    yield from checks(block.sample.remarks, indent)
    yield f"{first}files: {flow(block.files)}  # CHECK: which files of the inbox are of this kind"
    yield f"{indent}format: {block.sample.format}"
    for key, value in block.sample.options.items():
        yield f"{indent}{key}: {flow(value)}"
    numbers = common_numbers(column.type for column in block.columns)
    if numbers != PLAIN:
        shown = f"1{numbers.thousands or ''}234{numbers.decimal}50"
        keys = flow(numbers.model_dump(exclude_defaults=True))
        yield f"{indent}numbers: {keys}  # CHECK: numbers are written as {shown}"
    if block.roles:
        yield from checks(block.roles.remarks["time"], indent)
        naive = "  # CHECK: some times have no zone: see source_timezone" if block.roles.forms.is_naive else ""
        yield f"{indent}time: {flow(block_time(block))}{naive}"
    if where := block_where(block):
        count = share(len(block.records_left_out.records), block.sample.records) if block.records_left_out else ""
        yield check(f"{count} have no user and other fields: where leaves them out, and they are counted", indent)
        yield f"{indent}where: {flow(where)}"
    yield f"{indent}columns:"
    aside = sum(column.is_empty for column in block.columns) > _MAX_EMPTY
    for column in block.columns:
        if not (aside and column.is_empty):
            yield from checks(column.remarks, f"{indent}  ")
            yield f"{indent}  - {flow({**column_keys(column, numbers), 'description': described(column)})}"
    if aside:
        remark = "these fields are empty in all sampled records; undeclared fields are kept in `extra`"
        yield check(remark, f"{indent}  ")
        yield from (f"{indent}  # - {flow(column_keys(column))}" for column in block.columns if column.is_empty)
    yield from _partition_lines(block, f"{indent}  ")


def block_time(block: Block) -> dict[str, Any]:
    """The block's `time`."""
    roles, sample = block.roles, block.sample
    assert roles is not None
    sources = [one.source for one in roles.time]
    formats = list(roles.forms.formats)
    found: dict[str, Any] = {"source": sources[0] if len(sources) == 1 else sources}
    if formats != ["iso"] and sample.options.get("log", {}).get("pattern") not in ("common", "combined"):
        found |= {"format": formats[0]} if len(formats) == 1 else {"formats": formats}
    if any("%Z" in form for form in formats):
        names = {text.rpartition(" ")[2] for one in roles.time[-1:] for text in one.texts}
        found["zones"] = {name: ZONES[name] for name in sorted(names) if name in ZONES}
    if any(one.empty for one in roles.time) and all(file_date(file.path.name) for file in sample.files):
        found["missing_time"] = "file_date"
    return found


def block_where(block: Block) -> dict[str, Any]:
    """The block's `where`."""
    left_out = block.records_left_out
    column = next((c for c in block.columns if left_out and left_out.field.source in c.sources), None)
    if left_out is None or column is None:
        return {}
    values = [value.lower() if column.lower else value for value in left_out.values]
    return {column.name: {"not": list(dict.fromkeys(values))}}


def described(column: DraftColumn) -> str:
    """A first description of a column."""
    if column.constant is not None:
        return "The same for all events."
    if column.pattern:
        return "A part of the file's path."
    shown = "" if column.personal else ", ".join(column.examples)[:_EXAMPLES_LENGTH]
    return f"Such as {one_line(shown)}." if shown else f"The field {one_line(' or '.join(column.sources))}."


def column_keys(column: DraftColumn, numbers: Numbers = PLAIN) -> dict[str, Any]:
    """The keys of a column, those that differ from their defaults."""
    keys: dict[str, Any] = {"name": column.name}
    if column.constant is not None:
        return keys | {"constant": column.constant} | ({"required": column.required} if column.is_shared else {})
    if column.pattern:
        keys |= {"source": column.source, "pattern": column.pattern}
    elif len(column.sources) > 1:
        keys["source"] = list(column.sources)
    elif column.source != column.name:
        keys["source"] = column.source
    if column.type.name != "string":
        keys["type"] = column.type.name
    if column.name == "user_id" or column.required:
        keys["required"] = column.required
    if column.lower:
        keys["case"] = "lower"
    if column.type.null_values:
        keys["null_values"] = list(column.type.null_values)
    if column.type.booleans:
        keys["booleans"] = dict(column.type.booleans)
    is_marked = column.type.name.startswith(("float64", "decimal")) or column.type.numbers != PLAIN
    if is_marked and column.type.numbers != numbers:
        keys["numbers"] = column.type.numbers.model_dump(exclude_defaults=True)
    if column.personal:
        keys["personal"] = True
    return keys


def _partition_lines(block: Block, indent: str) -> Iterator[str]:
    """The parts of the files' folders as columns; those that repeat the time as a remark."""
    known = {column.name for column in block.columns}
    for key, value in block.sample.partitions.items():
        name = key.lower()
        if name in known or any(column.pattern.startswith(f"{key}=") for column in block.columns):
            continue
        keys = {"name": name, "source": "file_path", "pattern": f"{key}=([^/]+)", "description": f"Such as {value}."}
        if name in _TIME_PARTS:
            yield f"{indent}# The folder {key}={value} is not a column; to have it, add: {flow(keys)}"
        else:
            yield check(f"a part of the folders' names, such as {key}={value}", indent)
            yield f"{indent}- {flow(keys)}"
