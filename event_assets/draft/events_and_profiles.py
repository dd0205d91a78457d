"""Which sample files are events, by which block each group of them is read, and which files are profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

from event_assets.draft.assign_roles import Roles, roles_of
from event_assets.draft.columns import event_columns, profile_columns, unified
from event_assets.draft.draft_block import Block
from event_assets.draft.file_groups import looks_like_profiles, patterns, samples_of
from event_assets.draft.propose_where import LeftOut, records_left_out
from event_assets.draft.read_sample import text_log
from event_assets.draft.sample import Field, Found, Sample
from event_assets.draft.user_field import profile_user_field
from event_assets.errors import DeclarationError


@dataclass(frozen=True)
class Kinds:
    """The kinds of files among samples."""

    events: tuple[Block, ...]
    profiles: Block | None
    files: tuple[Found, ...]
    records: int
    remarks: tuple[str, ...]
    """What has no place in a declaration."""
    errors: tuple[DeclarationError, ...]
    """Why files can't be events."""
    given: frozenset[str] = frozenset()
    """The roles whose field the caller named: `time`, `user`, `type`."""


def kinds_of(paths: Sequence[Path], *, time: str | None, user: str | None, kind: str | None) -> Kinds:
    """The blocks for samples, as `draft` reads them; there may be none for events.

    LandingError where no file can be read; DeclarationError where a named field doesn't exist in any.
    """
    samples, remarks = samples_of(paths)
    found: list[tuple[Sample, Roles, LeftOut | None]] = []
    others: list[Sample] = []
    errors: list[DeclarationError] = []
    several = len(samples) > 1
    for sample in samples:
        given = [name if not several or _has(sample, name) else None for name in (time, user, kind)]
        try:
            sample, roles = _with_roles(sample, given)
        except DeclarationError as error:
            errors.append(error)
            others.append(sample)
            continue
        users = roles.user.texts if roles.user else []
        if several and looks_like_profiles(sample) and len(set(users)) >= max(1, 0.98 * len(users)):
            others.append(sample)
            continue
        left_out = records_left_out(sample, roles)
        if left_out is not None:
            sample = sample.without(left_out.records)
            roles = roles_of(sample, *given)
        # A file beside others may list what its events are about, such as Slack's channels.json.
        if several and len(sample.files) == 1 and roles.id is not None and roles.time[0].key in _CREATION:
            sample = sample.remarking(_LIST_OF_THINGS)
        found.append((sample, roles, left_out))
    named = {role: field for role, field in (("time", time), ("user", user), ("type", kind)) if field is not None}
    _check_named(named, [*samples, *(sample for sample, _, _ in found)], errors)
    columns = unified([event_columns(sample.fields, roles, sample.partitions) for sample, roles, _ in found])
    blocks = [
        Block(*_read_by(sample, samples), some, roles, left_out)
        for (sample, roles, left_out), some in zip(found, columns, strict=True)
    ]
    known = {text for block in blocks if block.roles and block.roles.user for text in block.roles.user.texts}
    able = [(sample, field) for sample in others if (field := profile_user_field(sample, known))]
    best = max(able, key=lambda one: (len(known.intersection(one[1].texts)), looks_like_profiles(one[0])), default=None)
    profiles = _profiles(*best, samples, blocks) if best else None
    untimed = [sample for sample in others if not best or sample is not best[0]]
    remarks += [f"{sample.title} is not drafted: no field has times" for sample in untimed]
    files = tuple(file for sample in samples for file in sample.files)
    records = sum(sample.records for sample in samples)
    return Kinds(tuple(blocks), profiles, files, records, tuple(remarks), tuple(errors), frozenset(named))


def _with_roles(sample: Sample, given: Sequence[str | None]) -> tuple[Sample, Roles]:
    """The roles of a sample's fields. A text without columns is read as a log where its lines have times."""
    try:
        return sample, roles_of(sample, *given)
    except DeclarationError:
        logs = [text_log(file) for file in sample.files] if sample.is_nameless else [None]
        if None in logs:
            raise
        log = reduce(Sample.joined, filter(None, logs))
        return log, roles_of(log, *given)


#: Names of times at which a thing was made, without case and marks.
_CREATION = ("created", "createdat", "creationdate", "datecreated", "updated", "updatedat")
_LIST_OF_THINGS = (
    "each record has an id and the time of its creation: if the file lists things, such as channels or products, "
    "remove this block"
)


def _profiles(sample: Sample, user: Field, samples: list[Sample], blocks: list[Block]) -> Block:
    """The block of profiles, with its field of users. If its type differs from the type in events, both are text."""
    taken = {column.name for block in blocks for column in block.columns}
    profiles = Block(*_read_by(sample, samples), profile_columns(sample.fields, user, taken), None)
    if len({block.column_named("user_id").type.name for block in (profiles, *blocks)}) > 1:
        profiles, *blocks[:] = (block.with_text_ids() for block in (profiles, *blocks))
    return profiles


def _check_named(named: Mapping[str, str], samples: Sequence[Sample], errors: Sequence[DeclarationError]) -> None:
    """DeclarationError where no sample has a field that the caller names for a role."""
    for role, field in named.items():
        if not any(_has(sample, field) for sample in samples):
            option = f"--{role}-column {field}"
            unknown = DeclarationError(option, "is no field of the sample files", "name a field as they write it")
            raise next((error for error in errors if error.culprit == option), unknown)


def _read_by(sample: Sample, samples: Sequence[Sample]) -> tuple[Sample, tuple[str, ...]]:
    """The sample, with what to check about its patterns, and the patterns."""
    found, remarks = patterns(sample, samples)
    return sample.remarking(*remarks), found


def _has(sample: Sample, name: str | None) -> bool:
    return any(name in (one.source, ".".join(one.parts)) for one in sample.fields)
