"""The declared columns of a draft: names, types and notes, in the order of the file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from event_assets.declaration import RESERVED_COLUMNS
from event_assets.draft.field_roles import Roles
from event_assets.draft.infer_types import Told, type_of
from event_assets.draft.sample import Field, bare

#: A column of more different values isn't taken for a category.
_CATEGORY = 30
_PERSONAL = (
    *("email", "mail", "phone", "mobile", "address", "street", "firstname", "lastname", "fullname", "login"),
    *("username", "birthdate", "dateofbirth", "ssn", "ip", "ipaddress", "clientip"),
)


@dataclass(frozen=True)
class DraftColumn:
    """One column as the draft declares it, and what should be looked at."""

    name: str
    source: str
    told: Told
    required: bool
    lower: bool
    personal: bool
    examples: tuple[str, ...]
    """Some values of a category; none of what may tell who somebody is."""

    @property
    def note(self) -> str:
        """A remark for the reader of the draft; empty where there is nothing to look at."""
        if not self.told.odd:
            return ""
        values = ", ".join(repr(text) for text in self.told.odd)
        return f"values such as {values} are no {self.told.type}: such records will be quarantined"


def columns_of(fields: Sequence[Field], roles: Roles) -> tuple[DraftColumn, ...]:
    """A column for each field but the time, which the platform keeps as event_time."""
    fixed = {
        field.source: name
        for field, name in (
            (roles.user, "user_id"),
            (roles.type, "event_type"),
            (roles.session, "source_session_id"),
        )
        if field is not None
    }
    taken = {*RESERVED_COLUMNS, *fixed.values(), *(() if roles.type else ("event_type",))}
    ids = {field.source for field in (roles.user, roles.id, roles.session) if field is not None}
    found = []
    for field in fields:
        if field is roles.time:
            continue
        name = fixed.get(field.source) or _free(field.source, taken)
        taken.add(name)
        is_type = field is roles.type
        told = Told("string") if is_type or field is roles.ip else type_of(field, identifier=field.source in ids)
        if field is roles.user and told.type not in ("string", "int64"):
            told = Told("string", told.null_values)
        found.append(
            DraftColumn(
                name,
                field.source,
                told,
                required=field in (roles.user, roles.type, roles.id),
                lower=is_type and any(text != text.lower() for text in field.texts),
                personal=bare(field.source.rpartition(".")[2]) in _PERSONAL,
                examples=_examples(field) if field.source not in ids else (),
            )
        )
    return tuple(found)


def _examples(field: Field) -> tuple[str, ...]:
    values = tuple(dict.fromkeys(field.texts))
    category = len(values) <= min(_CATEGORY, len(field.texts) // 2) and all(len(value) < 30 for value in values)
    return tuple(sorted(values)[:3]) if category else ()


def _free(source: str, taken: set[str]) -> str:
    """A column's name for a field: its own in lower case, longer where another has it."""
    parts = [_plain(part) for part in source.split(".")]
    tries = ["_".join(parts[-count:]) for count in range(1, len(parts) + 1)]
    tries += [f"source_{tries[-1]}", *(f"{tries[-1]}_{number}" for number in range(2, 1000))]
    return next(name for name in tries if name not in taken)


def _plain(text: str) -> str:
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text).casefold()
    ascii_text = unicodedata.normalize("NFKD", snake).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "_", ascii_text).strip("_")
    return name if name[:1].isalpha() else f"column_{name}".rstrip("_")
