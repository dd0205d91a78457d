"""Finds the fields of a sample with certain names whose values fit."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence

from event_assets.draft import known_names
from event_assets.draft.sample import Field, Sample, bare, names_of
from event_assets.errors import DeclarationError

_MOST = 0.75
#: A field with one value in at least this number of records doesn't distinguish them.
_SEVERAL = 10


def fields_named(fields: Sequence[Field], names: Sequence[str], fits: Callable[[Field], bool]) -> list[Field]:
    """The fields with one of the names that fit, the most telling name first; a whole name before a path's end."""
    by_name: dict[str, Field] = {}
    for whole in (True, False):
        for one in sorted(fields, key=lambda f: (bool(f.within), len(f.parts))):
            for name in [bare("".join(one.names))] if whole else [one.key, bare("".join(one.names[-2:]))]:
                if fits(one) and (whole or name not in known_names.OF_THE_ROOT):
                    by_name.setdefault(name, one)
    return list({by_name[name].source: by_name[name] for name in names if name in by_name}.values())


def first_named(fields: Sequence[Field], names: Sequence[str], fits: Callable[[Field], bool]) -> Field | None:
    return next(iter(fields_named(fields, names, fits)), None)


def given_field(sample: Sample, name: str | None, option: str) -> Field | None:
    if name is None:
        return None
    for one in sample.fields:
        if one.source == name or ".".join(one.parts) == name:
            return one
    raise DeclarationError(f"{option} {name}", f"is no field of {sample.title}", f"there are {names_of(sample.fields)}")


def is_category(one: Field) -> bool:
    return not one.nested and 0 < len(set(one.texts)) <= max(3, min(100, len(one.texts) // 2))


def is_unique(one: Field) -> bool:
    """Nearly so: exports repeat themselves."""
    return not one.nested and not one.empty and len(set(one.texts)) > 0.9 * len(one.texts)


def is_constant(one: Field) -> bool:
    """Whether a field has one value in many records, such as the account of all users or a name of the format."""
    return len(one.texts) >= _SEVERAL and len(set(one.texts)) == 1


def is_ip(one: Field) -> bool:
    def valid(text: str) -> bool:
        try:
            ipaddress.ip_address(text)
        except ValueError:
            return False
        return True

    return bool(one.texts) and not one.nested and sum(map(valid, one.texts)) > _MOST * len(one.texts)


def field_named_like_ip(fields: Sequence[Field]) -> Field | None:
    """A field of addresses whose name ends as theirs do: sourceIPAddress, PageIp."""
    return next((one for one in fields if one.key.endswith(("ip", "ipaddress", "addr")) and is_ip(one)), None)
