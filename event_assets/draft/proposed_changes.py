"""What a newer sample asks of a declaration that exists: changes, proposed one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from event_assets.declaration import Column, Dataset, Events
from event_assets.draft.block import Block, block_time, column_keys, described
from event_assets.draft.columns import DraftColumn
from event_assets.draft.declaration import Draft, first_date
from event_assets.draft.file_groups import Found
from event_assets.draft.sample import share
from event_assets.draft.trial import Trial
from event_assets.draft.yaml_text import flow

#: What of a column decides whether its values are read.
_OF_VALUES = ("type", "null_values", "booleans", "numbers")


@dataclass(frozen=True)
class Change:
    """One key of the declaration that could be another."""

    key: str
    declared: str
    """Its value as YAML; empty where it isn't declared."""
    proposed: str
    """The value to write; empty where the key could go."""
    why: str


def with_files(dataset: Dataset, files: tuple[Found, ...], made: Draft) -> Dataset:
    """The dataset with the patterns of sample files that none of its own matches, so that all are tried."""
    blocks = list(dataset.events)
    for block in made.blocks:
        at = _same_kind(block, dataset)
        if at is not None and _unmatched(blocks[at], block, files):
            patterns = tuple(dict.fromkeys((*blocks[at].files, *block.files)))
            blocks[at] = blocks[at].model_copy(update={"files": patterns})
    return dataset.model_copy(update={"events": tuple(blocks)})


def differences(dataset: Dataset, made: Draft, trial: Trial) -> tuple[Change, ...]:
    """The changes that a draft of newer samples proposes; `trial` is what the declaration made of the samples."""
    return tuple(_differences(dataset, made, trial))


def _differences(dataset: Dataset, made: Draft, trial: Trial) -> Iterator[Change]:
    refused = {one.reason: one.records for one in trial.refused}
    first = first_date(list(made.blocks))
    if first < dataset.start_date:
        yield Change("start_date", str(dataset.start_date), str(first), "earlier events are refused as out_of_range")
    for block in made.blocks:
        at = _same_kind(block, dataset)
        if at is None:
            why = f"{block.sample.title} is of another kind; init OTHER_NAME --show drafts its block"
            yield Change("events", "", f"a further block with files: {flow(block.files)}", why)
            continue
        declared = dataset.events[at]
        place = "events" if len(dataset.events) == 1 else f"events.{at}"
        if names := _unmatched(declared, block, made.files):
            yield Change(
                f"{place}.files",
                flow(declared.files),
                flow((*declared.files, *block.files)),
                f"{names[0]} matches none",
            )
        yield from _reading(place, declared, block, refused, bool(trial.files_refused))
        yield from _columns(place, dataset, declared, block, refused)


def _same_kind(block: Block, dataset: Dataset) -> int | None:
    """The declared block that reads most of a draft's fields; None where less than half of its own are there."""
    counts = [
        (len(_sources(declared) & block.sources), at)
        for at, declared in enumerate(dataset.events)
        if declared.format == block.sample.format
    ]
    most, at = max(counts, key=lambda one: (one[0], -one[1]), default=(0, 0))
    return at if counts and 2 * most >= len(_sources(dataset.events[at])) else None


def _sources(declared: Events) -> set[str]:
    columns = (source for column in declared.columns if column.constant is None for source in column.sources)
    return {*columns, *declared.time.sources}


def _unmatched(declared: Events, block: Block, files: tuple[Found, ...]) -> list[str]:
    """The names of the block's files that no declared pattern matches."""
    names = [file.plain_place for file in files if file.path in block.sample.paths]
    return [name for name in names if not any(_matches(name, pattern) for pattern in declared.files)]


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or (pattern.startswith("**/") and fnmatchcase(name, pattern[3:]))


def _reading(
    place: str, declared: Events, block: Block, refused: Mapping[str, int], unreadable: bool
) -> Iterator[Change]:
    """Changes of how files are read, where something could not be."""
    if unreadable or "malformed_record" in refused or "not_utf8" in refused:
        dumped = declared.model_dump(mode="json", exclude_defaults=True)
        for key in ("encoding", "lines", "csv", "records", "explode", "log"):
            before, after = dumped.get(key), block.sample.options.get(key)
            if after is not None and before != after:
                yield Change(f"{place}.{key}", flow(before) if before else "", flow(after), "as the sample is written")
    for reason in ("invalid_timestamp", "ambiguous_timestamp", "missing_timestamp"):
        formats = set(block.roles.forms.formats) if block.roles else set()
        if reason in refused and not formats <= set(declared.time.read_as):
            before = declared.time.model_dump(mode="json", exclude_defaults=True, by_alias=True)
            yield Change(
                f"{place}.time",
                flow(before),
                flow(block_time(block)),
                f"{refused[reason]} records are refused as {reason}",
            )
            return


def _columns(
    place: str, dataset: Dataset, declared: Events, block: Block, refused: Mapping[str, int]
) -> Iterator[Change]:
    read = {source: column for column in declared.columns if column.constant is None for source in column.sources}
    times = set(declared.time.sources)
    taken = {column.name for column in dataset.columns}
    for column in block.columns:
        if column.constant is not None or column.pattern:
            continue
        before = next((read[source] for source in column.sources if source in read), None)
        if before is not None:
            yield from _values(place, before, column, refused)
        elif not times.intersection(column.sources):
            name = column.name if column.name not in taken else f"source_{column.name}"
            keys = {**column_keys(column), "name": name, "required": False, "description": described(column)}
            filled = sum(value is not None for value in block.field(column.source).values)
            proposed = flow({key: value for key, value in keys.items() if key != "required"})
            yield Change(f"{place}.columns", "", proposed, f"a new field, in {share(filled, block.sample.records)}")
    for source, gone in read.items():
        if source not in block.sources and not set(gone.sources) & block.sources and source != "file_path":
            yield Change(f"{place}.columns.{gone.name}", source, "", "no sampled record has this field")


def _values(place: str, before: Column, column: DraftColumn, refused: Mapping[str, int]) -> Iterator[Change]:
    """Another type, or other words for null and for true, where values are refused."""
    count = refused.get(f"invalid_{before.name}")
    if not count:
        return
    declared, proposed = before.model_dump(mode="json"), column_keys(column)
    for key in _OF_VALUES:
        if key in proposed and proposed[key] != declared[key]:
            old = flow(declared[key]) if declared[key] else ""
            why = f"{count} records are refused as invalid_{before.name}"
            yield Change(f"{place}.columns.{before.name}.{key}", old, flow(proposed[key]), why)
        elif key == "type" and "type" not in proposed and before.type != "string":
            why = f"{count} records are refused as invalid_{before.name}"
            yield Change(f"{place}.columns.{before.name}.type", before.type, "string", why)
