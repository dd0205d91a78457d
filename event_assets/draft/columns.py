"""The declared columns of a draft: names, types and remarks, in the order of the file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from types import MappingProxyType
from typing import Any

from event_assets.declaration import RESERVED_COLUMNS
from event_assets.declaration.column import Numbers
from event_assets.draft import known_names
from event_assets.draft.assign_roles import Roles
from event_assets.draft.event_type_field import differ_in_case, possible_types
from event_assets.draft.infer_types import PLAIN, ColumnType, common_numbers, is_identifier, plain, type_of, unit_of
from event_assets.draft.sample import Field, bare, share, titles_of
from event_assets.draft.user_field import possible_users

#: A column of more different values isn't taken for a category.
_CATEGORY = 30
_PERSONAL = (
    *("email", "mail", "phone", "mobile", "address", "street", "firstname", "lastname", "fullname", "login"),
    *("username", "birthdate", "dateofbirth", "ssn", "ip", "ipaddress", "clientip", "useripaddress", "cip"),
    *("csusername", "telefon", "strasse", "adresse", "vorname", "nachname", "prenom", "nom", "mbox", "clientipaddress"),
)

#: Names that say little without the name of the object around them.
_GENERIC = (
    *("id", "name", "type", "value", "source", "medium", "title", "url", "key", "status", "version", "category"),
    *("path", "language", "display", "en_us", "home_page"),
)


#: Columns that all events have.
_OF_ALL = ("user_id", "event_type")


@dataclass(frozen=True)
class DraftColumn:
    """One column as the draft declares it, and what should be checked."""

    name: str
    sources: tuple[str, ...]
    type: ColumnType
    required: bool = False
    personal: bool = False
    examples: tuple[str, ...] = ()
    """Some values of a category; none that may identify a person."""
    constant: str | None = None
    pattern: str = ""
    """Which part of the file's path is the value."""
    is_empty: bool = False
    """Whether no sampled record has a value."""
    is_shared: bool = False
    """Whether other blocks have it, too."""
    lower: bool = False
    """Whether texts that differ in case only become one."""
    remarks: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        return self.sources[0] if self.sources else self.name


def event_columns(
    fields: Sequence[Field], roles: Roles, partitions: Mapping[str, str] = MappingProxyType({})
) -> tuple[DraftColumn, ...]:
    """A column for each field but the time, which the platform keeps as event_time. Where no field has the type of
    event, a part of the files' folders may (`event_type=click/`)."""
    fixed = {
        one.source: (name, one)
        for one, name in ((roles.user, "user_id"), (roles.type, "event_type"), (roles.session, "source_session_id"))
        if one is not None
    }
    taken = {*RESERVED_COLUMNS, "user_id", "event_type", *(name for name, _ in fixed.values())}
    ids = _sources(roles.user, roles.id, roles.session)
    named = _sources(roles.id, roles.platform, roles.ip, roles.page, roles.minutes) | fixed.keys()
    types, addresses = _sources(roles.type), _sources(roles.ip)
    required = _sources(roles.type, roles.id, roles.user if roles.user_required else None)
    numbers = common_numbers(type_of(one) for one in fields)
    left = [one for one in fields if one not in roles.time]
    found = [] if roles.user else [_nobody(left)]
    found += [] if roles.type else [_event(left, partitions)]
    for one in left:
        if one.within and one.source not in named:
            continue
        name, one = fixed.get(one.source) or (_free(one.names, taken), one)
        taken.add(name)
        is_text = one.source in types or one is roles.ip
        kind = ColumnType("string") if is_text else _type(one, one.source in ids, numbers)
        if name == "user_id" and kind.name not in ("string", "int64"):
            kind = ColumnType("string", kind.null_values)
        drafted = replace(
            _drafted(name, one, kind, is_id=one.source in ids),
            required=one.source in required,
            personal=_is_personal(one) or one.source in addresses,
            is_empty=not one.texts and name not in _OF_ALL,
            lower=name == "event_type" and bool(differ_in_case(one.texts)),
        )
        remarks = roles.remarks[{"user_id": "user", "event_type": "type"}[name]] if name in _OF_ALL else []
        found.append(replace(drafted, remarks=(*remarks, *drafted.remarks)))
    return tuple(found)


def _sources(*roles: Field | None) -> set[str]:
    return {one.source for one in roles if one is not None}


def profile_columns(fields: Sequence[Field], user: Field, taken: Iterable[str]) -> tuple[DraftColumn, ...]:
    """The columns of profiles; `taken` are names of event columns, which a profile's column may not have."""
    names = {*RESERVED_COLUMNS, *taken, "user_id"}
    found = []
    for one in fields:
        if one.within:
            continue
        is_user = one.source == user.source
        name = "user_id" if is_user else _free(one.names, names, prefix="profile")
        names.add(name)
        found.append(replace(_drafted(name, one, type_of(one, identifier=is_user), is_id=is_user), required=is_user))
    return tuple(found)


def _drafted(name: str, one: Field, kind: ColumnType, *, is_id: bool) -> DraftColumn:
    examples = () if is_id else _examples(one)
    remarks = _odd_values(one, kind)
    return DraftColumn(name, one.sources, kind, personal=_is_personal(one), examples=examples, remarks=remarks)


def unified(blocks: Sequence[tuple[DraftColumn, ...]]) -> list[tuple[DraftColumn, ...]]:
    """The columns of several blocks: of one meaning where they have one name."""
    if len(blocks) == 1:
        return list(blocks)
    by_name: dict[str, list[DraftColumn]] = {}
    for column in (column for columns in blocks for column in columns):
        by_name.setdefault(column.name, []).append(column)
    one = {name: _one_meaning(some, len(blocks)) for name, some in by_name.items()}
    return [tuple(replace(column, **one[column.name]) for column in columns) for columns in blocks]


def _one_meaning(columns: Sequence[DraftColumn], blocks: int) -> dict[str, Any]:
    """What all blocks declare of a column; one that a block lacks is null there, and so not required."""
    kind = reduce(_wider, (column.type for column in columns))
    nulls = tuple(dict.fromkeys(word for column in columns for word in column.type.null_values))
    booleans = tuple(dict.fromkeys(pair for column in columns for pair in column.type.booleans))
    return {
        "type": replace(kind, null_values=nulls, booleans=booleans),
        "required": len(columns) == blocks and all(c.required or c.constant is not None for c in columns),
        "is_shared": len(columns) > 1,
        "personal": any(column.personal for column in columns),
        "lower": any(column.lower for column in columns),
    }


def _wider(one: ColumnType, other: ColumnType) -> ColumnType:
    if one.name == other.name:
        return one
    numbers = {one.name, other.name}
    if all(name == "int64" or name.startswith("decimal") for name in numbers):
        return max((one, other), key=lambda kind: (kind.name != "int64", kind.name))
    return ColumnType("string", tuple(dict.fromkeys(one.null_values + other.null_values)))


def _type(one: Field, identifier: bool, numbers: Numbers) -> ColumnType:
    """A field's type; 1.234 is a thousand and more where other columns of the block write 1.893,71."""
    kind = type_of(one, identifier=identifier)
    is_grouped = numbers.thousands == "." and any("." in text for text in one.texts) and not one.is_number
    if kind.numbers == PLAIN and is_grouped and all(plain(text, numbers) for text in one.texts):
        return type_of(one, identifier=identifier, numbers=numbers)
    return kind


def _is_personal(one: Field) -> bool:
    return one.key in _PERSONAL or one.key.endswith(("email", "phone"))


def _nobody(fields: Sequence[Field]) -> DraftColumn:
    remark = "no field names a user, so that all events are of one; name one with source: FIELD"
    remarks = (f"{remark}{_such_as(possible_users(fields))}",)
    return DraftColumn("user_id", (), ColumnType("string"), constant="everyone", remarks=remarks)


def _event(fields: Sequence[Field], partitions: Mapping[str, str]) -> DraftColumn:
    text = ColumnType("string")
    folder = next((key for key in partitions if bare(key) in known_names.TYPE), None)
    if folder is not None:
        remark = f"the type of event is a part of the files' folders, such as {folder}={partitions[folder]}"
        pattern = f"{folder}=([^/]+)"
        return DraftColumn("event_type", ("file_path",), text, required=True, pattern=pattern, remarks=(remark,))
    some = _such_as(possible_types(fields))
    remark = "no field has the type of the event, so that all events have this type"
    remarks = (f"{remark}; name one with source: FIELD{some}" if some else remark,)
    return DraftColumn("event_type", (), text, constant="event", remarks=remarks)


def _such_as(fields: Sequence[Field]) -> str:
    return f", such as {titles_of(fields)}" if fields else ""


def _odd_values(one: Field, kind: ColumnType) -> tuple[str, ...]:
    if unit := kind.numbers.unit:
        shown = next(text for text in one.texts if unit in text)
        return (f"{unit} is left out of amounts such as {shown!r}: are all in this unit?", *_not_of_type(one, kind))
    units = [unit for unit in map(unit_of, one.texts) if unit]
    if kind.name == "string" and units and 2 * len(units) >= len(one.texts):
        several = sorted(set(units))
        other = next((text for text in one.texts if not unit_of(text)), "")
        what = f"in several units ({', '.join(several)})" if len(several) > 1 else f"beside others such as {other!r}"
        return (f"amounts {what} stay text: to add them up, export plain numbers, and the unit as a column",)
    return _not_of_type(one, kind)


def _not_of_type(one: Field, kind: ColumnType) -> tuple[str, ...]:
    if not kind.odd:
        return ()
    count = sum(text in kind.odd for text in one.texts)
    values = ", ".join(repr(text) for text in sorted(kind.odd)[:3])
    what = f"{share(count, len(one.values))} have values such as {values}, which are not {kind.name}"
    return (f"{what}: they will be quarantined",)


def _examples(one: Field) -> tuple[str, ...]:
    values = tuple(dict.fromkeys(one.texts))
    category = len(values) <= min(_CATEGORY, len(one.texts) // 2) and all(len(value) < 30 for value in values)
    return tuple(sorted(values)[:3]) if category and not one.nested and not is_identifier(one.source) else ()


def _free(parts: Sequence[str], taken: set[str], prefix: str = "source") -> str:
    """A column's name for a field: its own in lower case, longer where another has it."""
    plain = [_plain(part) for part in parts]
    least = 2 if plain[-1] in _GENERIC and len(plain) > 1 else 1
    tries = ["_".join(plain[-count:]) for count in range(least, len(plain) + 1)]
    tries += [f"{prefix}_{tries[-1]}", *(f"{tries[-1]}_{number}" for number in range(2, 1000))]
    return next(name for name in tries if name not in taken)


def _plain(text: str) -> str:
    if "://" in text:  # a key that is an address is named by its end
        text = text.rstrip("/").rpartition("/")[2]
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text).casefold()
    ascii_text = unicodedata.normalize("NFKD", snake).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "_", ascii_text).strip("_")
    return name if name[:1].isalpha() else f"column_{name}".rstrip("_")
