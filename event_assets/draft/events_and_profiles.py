"""Which sample files are events, by which block each group of them is read, and which files are profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path

from event_assets.draft.assign_roles import Roles, roles_of
from event_assets.draft.columns import event_columns, profile_columns, unified
from event_assets.draft.draft_block import Block
from event_assets.draft.file_groups import Found, Group, groups_of, looks_like_profiles, patterns
from event_assets.draft.infer_types import ColumnType
from event_assets.draft.propose_where import LeftOut, records_left_out
from event_assets.draft.read_sample import text_log
from event_assets.draft.sample import Sample
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
    groups, remarks = groups_of(paths)
    found: list[tuple[Group, Roles, LeftOut | None]] = []
    others: list[Group] = []
    errors: list[DeclarationError] = []
    for group in groups:
        given = [name if _has(group.sample, name) or len(groups) == 1 else None for name in (time, user, kind)]
        try:
            group, roles = _with_roles(group, given)
        except DeclarationError as error:
            errors.append(error)
            others.append(group)
            continue
        users = roles.user.texts if roles.user else []
        is_profile = len(groups) > 1 and looks_like_profiles(group) and len(set(users)) >= max(1, 0.98 * len(users))
        if is_profile:
            others.append(group)
            continue
        left_out = records_left_out(group.sample, roles)
        if left_out is not None:
            group = replace(group, sample=group.sample.without(left_out.records))
            roles = roles_of(group.sample, *given)
        if len(groups) > 1 and _may_list_things(group, roles):
            sample = replace(group.sample, remarks=(*group.sample.remarks, _LIST_OF_THINGS))
            group = replace(group, sample=sample)
        found.append((group, roles, left_out))
    named = {role: field for role, field in (("time", time), ("user", user), ("type", kind)) if field is not None}
    _check_named(named, [group.sample for group in (*groups, *(group for group, _, _ in found))], errors)
    columns = unified([event_columns(group.sample.fields, roles, group.partitions) for group, roles, _ in found])
    blocks = [
        Block(*_read_by(group, groups), some, roles, group.partitions, left_out)
        for (group, roles, left_out), some in zip(found, columns, strict=True)
    ]
    taken = {column.name for block in blocks for column in block.columns}
    known = {text for block in blocks if block.roles and block.roles.user for text in block.roles.user.texts}
    able = [group for group in others if profile_user_field(group.sample, known)]
    chosen = max(able, key=lambda group: (_overlap(group, known), looks_like_profiles(group)), default=None)
    profiles = _profiles(chosen, groups, blocks, taken, known) if chosen else None
    remarks += [f"{group.sample.title} is not drafted: no field has times" for group in others if group is not chosen]
    files = tuple(file for group in groups for file in group.files)
    records = sum(group.sample.records for group in groups)
    return Kinds(tuple(blocks), profiles, files, records, tuple(remarks), tuple(errors), frozenset(named))


def _with_roles(group: Group, given: Sequence[str | None]) -> tuple[Group, Roles]:
    """The roles of a group's fields. A text without columns is read as a log where its lines have times."""
    try:
        return group, roles_of(group.sample, *given)
    except DeclarationError:
        logs = [text_log(path) for path in group.sample.paths] if group.sample.is_nameless else [None]
        if None in logs:
            raise
        sample = reduce(Sample.joined, filter(None, logs))
        return replace(group, sample=sample), roles_of(sample, *given)


#: Names of times at which a thing was made, without case and marks.
_CREATION = ("created", "createdat", "creationdate", "datecreated", "updated", "updatedat")
_LIST_OF_THINGS = (
    "each record has an id and the time of its creation: if the file lists things, such as channels or products, "
    "remove this block"
)


def _may_list_things(group: Group, roles: Roles) -> bool:
    """Whether a file beside others may be no events but what they are about, such as Slack's channels.json."""
    return len(group.files) == 1 and roles.id is not None and roles.time[0].key in _CREATION


def _overlap(group: Group, users: set[str]) -> int:
    """How many of the events' users the field of the group's users has."""
    field = profile_user_field(group.sample, users)
    return len(users.intersection(field.texts)) if field else 0


def _profiles(group: Group, groups: list[Group], blocks: list[Block], taken: set[str], users: set[str]) -> Block:
    user = profile_user_field(group.sample, users)
    assert user is not None
    columns = profile_columns(group.sample.fields, user, taken)
    kinds = {column.type.name for block in blocks for column in block.columns if column.name == "user_id"}
    own = next(column for column in columns if column.name == "user_id")
    if kinds and kinds != {own.type.name}:
        # The join compares values of one type: text is what both can be.
        text = ColumnType("string")
        columns = tuple(replace(c, type=text) if c is own else c for c in columns)
        for at, block in enumerate(blocks):
            changed = tuple(replace(c, type=text) if c.name == "user_id" else c for c in block.columns)
            blocks[at] = replace(block, columns=changed)
    return Block(*_read_by(group, groups), columns, None, group.partitions)


def _check_named(named: Mapping[str, str], samples: Sequence[Sample], errors: Sequence[DeclarationError]) -> None:
    """DeclarationError where no sample has a field that the caller names for a role."""
    for role, field in named.items():
        if not any(_has(sample, field) for sample in samples):
            option = f"--{role}-column {field}"
            unknown = DeclarationError(option, "is no field of the sample files", "name a field as they write it")
            raise next((error for error in errors if error.culprit == option), unknown)


def _read_by(group: Group, groups: Sequence[Group]) -> tuple[Sample, tuple[str, ...]]:
    """The group's sample, with what to check about its patterns, and the patterns."""
    found, remarks = patterns(group, groups)
    return replace(group.sample, remarks=(*group.sample.remarks, *remarks)), found


def _has(sample: Sample, name: str | None) -> bool:
    return any(name in (one.source, ".".join(one.parts)) for one in sample.fields)
