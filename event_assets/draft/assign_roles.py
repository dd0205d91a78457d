"""Assigns the roles of a declaration to fields: which is the time, the user, the type of event and so on."""

from __future__ import annotations

from dataclasses import dataclass, field

from event_assets.draft import known_names
from event_assets.draft.event_type_field import event_type_field
from event_assets.draft.find_fields_by_name import (
    field_named_like_ip,
    first_named,
    given_field,
    is_category,
    is_ip,
    is_unique,
)
from event_assets.draft.infer_time_formats import TimeFormats
from event_assets.draft.sample import Field, Sample, share
from event_assets.draft.time_field import time_field
from event_assets.draft.user_field import is_log, user_field

#: More empty ids than this are no mistakes: such events are kept without a user.
_MAX_EMPTY_USERS = 0.2


@dataclass(frozen=True)
class Roles:
    """The fields that mean something to the platform; None where no field does."""

    time: tuple[Field, ...]
    """One field, or a date and a time of day."""
    forms: TimeFormats
    user: Field | None
    user_required: bool
    type: Field | None
    id: Field | None
    session: Field | None
    platform: Field | None
    ip: Field | None
    page: Field | None
    minutes: Field | None
    remarks: dict[str, list[str]] = field(default_factory=dict)
    """What a person should check, by `time`, `user` and `type`."""


def roles_of(sample: Sample, time: str | None, user: str | None, kind: str | None) -> Roles:
    """The role of each field; `time`, `user` and `kind` name fields where the caller knows better.

    DeclarationError where no field has times, or a field that the caller names doesn't exist.
    """
    remarks: dict[str, list[str]] = {"time": [], "user": [], "type": []}
    found_time, forms = time_field(sample, given_field(sample, time, "--time-column"), remarks["time"])
    left = [one for one in sample.fields if one not in found_time]
    found_user = user_field(left, given_field(sample, user, "--user-column"), remarks["user"], is_log(sample))
    required = found_user is not None and found_user.empty <= _MAX_EMPTY_USERS * len(found_user.values)
    if found_user is not None and found_user.empty:
        kept = ": they are facts, but belong to no session; required: true rejects them instead"
        become = " and will be quarantined as missing_user_id" if required else kept
        remarks["user"].append(f"{share(found_user.empty, len(found_user.values))} have no user{become}")
    left = [one for one in left if found_user is None or one.source not in found_user.sources]
    found_kind = event_type_field(left, given_field(sample, kind, "--type-column"), remarks["type"])
    left = [one for one in left if found_kind is None or one.source not in found_kind.sources]
    return Roles(
        time=found_time,
        forms=forms,
        user=found_user,
        user_required=required,
        type=found_kind,
        id=first_named([f for f in left if not f.within or f.key in known_names.ID[:3]], known_names.ID, is_unique),
        session=first_named(left, known_names.SESSION, lambda one: not one.nested and bool(one.texts)),
        platform=first_named(left, known_names.PLATFORM, is_category),
        ip=first_named(sample.fields, known_names.IP, is_ip) or field_named_like_ip(sample.fields),
        page=first_named(left, known_names.PAGE, lambda one: not one.nested and bool(one.texts)),
        minutes=first_named(left, known_names.MINUTES, lambda one: not one.nested),
        remarks=remarks,
    )
