"""The changes that a newer sample needs in an existing declaration, proposed one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from event_assets.declaration import Column, Dataset, Events, Source
from event_assets.declaration.dataset import Kind
from event_assets.draft.columns import DraftColumn, profile_columns
from event_assets.draft.declaration import first_date, funnel_steps
from event_assets.draft.draft_block import Block, block_time, block_where, column_keys, described
from event_assets.draft.events_and_profiles import Kinds
from event_assets.draft.sample import share
from event_assets.draft.trial_run import Trial
from event_assets.draft.user_field import profile_user_field
from event_assets.draft.yaml_quoting import flow
from event_assets.text.file_patterns import matches

#: What of a column decides whether its values are read.
_OF_VALUES = ("type", "null_values", "booleans", "numbers")

#: Roles whose field a caller may name, and their columns.
_NAMED = (("user", "user_id"), ("type", "event_type"))


@dataclass(frozen=True)
class Change:
    """One key of the declaration that could be another."""

    key: str
    declared: str
    """Its value as YAML; empty where it isn't declared."""
    proposed: str
    """The value to write; empty where the key could go."""
    why: str


def with_files(dataset: Dataset, kinds: Kinds) -> Dataset:
    """The dataset with further patterns for the sample files that its own don't match, so that all are tried."""
    changed: dict[str, tuple[Source, ...]] = {}
    for kind, blocks in _by_kind(kinds, dataset):
        declared = list(dataset.blocks(kind))
        for block in blocks:
            at = _same_kind(block, declared)
            if at is not None and _unmatched(declared[at], block):
                patterns = tuple(dict.fromkeys((*declared[at].files, *block.files)))
                declared[at] = declared[at].model_copy(update={"files": patterns})
        changed[kind] = tuple(declared)
    return dataset.model_copy(update=changed)


def _by_kind(kinds: Kinds, dataset: Dataset) -> list[tuple[Kind, tuple[Block, ...]]]:
    """The blocks of each kind; one with times that only profiles are declared like is one of profiles."""
    events, profiles = [], [kinds.profiles] if kinds.profiles else []
    for block in kinds.events:
        is_profile = _same_kind(block, dataset.events) is None and _same_kind(block, dataset.profiles) is not None
        user = profile_user_field(block.sample) if is_profile else None
        if user is None:
            events.append(block)
        else:
            taken = [column.name for column in dataset.columns]
            profiles.append(replace(block, columns=profile_columns(block.sample.fields, user, taken), roles=None))
    return [("events", tuple(events)), ("profiles", tuple(profiles))]


def differences(dataset: Dataset, kinds: Kinds, trial: Trial) -> Iterator[Change]:
    """The changes that newer samples propose; `trial` is what the declaration made of them."""
    refused = {"events": trial.refused, "profiles": trial.profiles_refused}
    by_kind = _by_kind(kinds, dataset)
    events = by_kind[0][1]
    if events and (first := first_date(events)) < dataset.start_date:
        yield Change("start_date", str(dataset.start_date), str(first), "earlier events are refused as out_of_range")
    for kind, blocks in by_kind:
        counts = {one.reason: one.records for one in refused[kind]}
        for block in blocks:
            yield from _of_block(dataset, kind, block, kinds.given, counts, bool(trial.files_refused))
    yield from _of_tables(dataset, events)


def _of_block(
    dataset: Dataset, kind: Kind, block: Block, given: frozenset[str], refused: Mapping[str, int], unreadable: bool
) -> Iterator[Change]:
    blocks = dataset.blocks(kind)
    at = _same_kind(block, blocks)
    if at is None:
        why = f"{block.sample.title} is of another kind; init OTHER_NAME --show drafts its block"
        what = "a further block" if blocks else "a block"
        if taken := _taken(block, blocks):
            why += f"; {flow(taken)} of an earlier block reads these files: write the new block above it"
        yield Change(kind, "", f"{what} with files: {flow(block.files)}", why)
        return
    declared = blocks[at]
    place = kind if len(blocks) == 1 else f"{kind}.{at}"
    if names := _unmatched(declared, block):
        files = flow((*declared.files, *block.files))
        yield Change(f"{place}.files", flow(declared.files), files, f"{names[0]} matches none")
    yield from _named_roles(place, declared, block, given)
    yield from _reading(place, declared, block, refused, unreadable)
    if (where := block_where(block)) and not declared.where and block.records_left_out:
        what = share(len(block.records_left_out.records), block.sample.records)
        yield Change(f"{place}.where", "", flow(where), f"{what} have no user and other fields")
    named = {name for role, name in _NAMED if role in given}
    unnamed = replace(block, columns=tuple(column for column in block.columns if column.name not in named))
    yield from _columns(place, dataset.columns_of(kind), declared, unnamed, refused)


def _named_roles(place: str, declared: Source, block: Block, given: frozenset[str]) -> Iterator[Change]:
    """Changes of the fields that the caller named by --user-column, --type-column and --time-column."""
    if block.roles is None or not isinstance(declared, Events):
        return
    for role, name in _NAMED:
        field, column = getattr(block.roles, role), declared.column(name)
        if role not in given or field is None or column is None:
            continue
        is_constant = column.constant is not None
        if is_constant or field.source not in column.sources:
            key, before, after = f"{place}.columns.{name}.source", *map(_one_or_all, (column.sources, field.sources))
            if is_constant:
                key = f"{place}.columns.{name}"
                before, after = f"constant: {flow(column.constant)}", f"source: {flow(field.source)}"
            yield Change(key, before, after, f"--{role}-column names it")
            drafted = block.column(field.source).type.name
            if column.type not in ("string", drafted):
                yield Change(f"{place}.columns.{name}.type", column.type, drafted, f"{field.source} has such values")
    if "time" in given and declared.time.sources != tuple(one.source for one in block.roles.time):
        yield Change(f"{place}.time", _declared_time(declared), flow(block_time(block)), "--time-column names it")


def _one_or_all(sources: Sequence[str]) -> str:
    return flow(sources[0] if len(sources) == 1 else sources)


def _declared_time(declared: Events) -> str:
    return flow(declared.time.model_dump(mode="json", exclude_defaults=True, by_alias=True))


def _same_kind(block: Block, blocks: Sequence[Source]) -> int | None:
    """The declared block that reads most of a draft's fields; None where less than half of its own are there."""
    counts = [
        (len(_sources(declared) & block.sources), at)
        for at, declared in enumerate(blocks)
        if declared.format == block.sample.format
    ]
    most, at = max(counts, key=lambda one: (one[0], -one[1]), default=(0, 0))
    return at if counts and 2 * most >= len(_sources(blocks[at])) else None


def _sources(declared: Source) -> set[str]:
    columns = (source for column in declared.columns if column.constant is None for source in column.sources)
    return {*columns, *_times(declared)}


def _times(declared: Source) -> tuple[str, ...]:
    return declared.time.sources if isinstance(declared, Events) else ()


def _unmatched(declared: Source, block: Block) -> list[str]:
    """The names of the block's files that no declared pattern matches."""
    names = [file.plain_place for file in block.sample.files]
    return [name for name in names if not any(matches(name, pattern) for pattern in declared.files)]


def _taken(block: Block, blocks: Sequence[Source]) -> str:
    """A declared pattern that matches a file of the block: of two blocks the first one reads the file."""
    patterns = (pattern for declared in blocks for pattern in declared.files)
    return next((one for one in patterns if any(matches(file.plain_place, one) for file in block.sample.files)), "")


def _reading(
    place: str, declared: Source, block: Block, refused: Mapping[str, int], unreadable: bool
) -> Iterator[Change]:
    """Changes of how files are read, where something could not be."""
    if unreadable or "malformed_record" in refused or "not_utf8" in refused:
        dumped = declared.model_dump(mode="json", exclude_defaults=True)
        for key in ("encoding", "lines", "csv", "records", "explode", "log"):
            before, after = dumped.get(key), block.sample.options.get(key)
            if after is not None and before != after:
                yield Change(f"{place}.{key}", flow(before) if before else "", flow(after), "as the sample is written")
    reasons = ("invalid_timestamp", "ambiguous_timestamp", "missing_timestamp")
    reason = next((reason for reason in reasons if reason in refused), None)
    if reason is None or not isinstance(declared, Events) or block.roles is None:
        return
    if not set(block.roles.forms.formats) <= set(declared.time.read_as):
        why = f"{refused[reason]} records are refused as {reason}"
        yield Change(f"{place}.time", _declared_time(declared), flow(block_time(block)), why)


def _columns(
    place: str, all_columns: Sequence[Column], declared: Source, block: Block, refused: Mapping[str, int]
) -> Iterator[Change]:
    read = {source: column for column in declared.columns if column.constant is None for source in column.sources}
    taken = {column.name for column in all_columns}
    for column in block.columns:
        if column.constant is not None or column.pattern:
            continue
        before = next((read[source] for source in column.sources if source in read), None)
        if before is not None:
            yield from _values(place, before, column, refused)
        elif not set(_times(declared)).intersection(column.sources):
            name = column.name if column.name not in taken else f"source_{column.name}"
            keys = {**column_keys(column), "name": name, "required": False, "description": described(column)}
            filled = sum(value is not None for value in block.field(column.source).values)
            proposed = flow({key: value for key, value in keys.items() if key != "required"})
            yield Change(f"{place}.columns", "", proposed, f"a new field, in {share(filled, block.sample.records)}")
    for source, missing in read.items():
        if source not in block.sources and not set(missing.sources) & block.sources and source != "file_path":
            yield Change(f"{place}.columns.{missing.name}", source, "", "no sampled record has this field")


def _values(place: str, before: Column, column: DraftColumn, refused: Mapping[str, int]) -> Iterator[Change]:
    """Another type, or other words for null and for true, where values are refused; optional where some are missing."""
    if before.required and not column.required and (missing := refused.get(f"missing_{before.name}")):
        why = f"{missing} records are refused as missing_{before.name}"
        yield Change(f"{place}.columns.{before.name}.required", "true", "false", why)
    count = refused.get(f"invalid_{before.name}")
    if not count:
        return
    why = f"{count} records are refused as invalid_{before.name}"
    declared, proposed = before.model_dump(mode="json"), {"type": "string", **column_keys(column)}
    for key in _OF_VALUES:
        if key in proposed and proposed[key] != declared[key]:
            old = flow(declared[key]) if declared[key] else ""
            yield Change(f"{place}.columns.{before.name}.{key}", old, flow(proposed[key]), why)


def _of_tables(dataset: Dataset, blocks: Sequence[Block]) -> Iterator[Change]:
    """Keys outside of the blocks for which the sample has new fields: the address, the event's id, a funnel."""
    read = {source for block in dataset.events for source in _sources(block)}
    for role, key, declared in (("ip", "geo", dataset.geo), ("id", "event_id", dataset.event_id)):
        for block in blocks:
            field = getattr(block.roles, role)
            if declared is None and field is not None and field.source not in read:
                why = f"the new field {field.source} is one"
                yield Change(key, "", block.column(field.source).name, why)
                break
    if dataset.gold.user_funnel is None and (steps := funnel_steps(blocks)):
        yield Change("gold.user_funnel", "", flow({"steps": steps, "window": "1d"}), "the sample has these event types")
