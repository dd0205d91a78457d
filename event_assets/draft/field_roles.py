"""Which field is the time, the user, the type of event and so on: told by its name, and held against its values."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from event_assets.draft.sample import Field, Sample, bare
from event_assets.errors import DeclarationError
from event_assets.text.times import Format, parse_time

#: Names by role, the most telling first; compared without case and marks, a path by its whole and by its end.
_TIME = (
    *("eventtime", "eventtimestamp", "timestamp", "activitytime", "occurredat", "createdat", "time", "ts", "datetime"),
    *("eventdatetime", "eventts", "loggedat", "requesttime", "starttime", "startedat", "servertime", "clienttime"),
    *("sentat", "receivedat", "at", "when", "eventdate", "date", "day", "updatedat", "epoch", "timems", "tsms"),
)
_USER = (
    *("userid", "user", "uid", "customerid", "visitorid", "memberid", "accountid", "actorid", "personid", "playerid"),
    *("subscriberid", "employeeid", "clientid", "anonymousid", "customer", "visitor", "actor", "deviceid", "username"),
    *("login", "email", "authorid", "author", "fullvisitorid", "cookieid"),
)
_TYPE = (
    *("eventtype", "eventname", "event", "activitytype", "type", "action", "actiontype", "activity", "kind", "verb"),
    *("eventcategory", "operation", "name", "category"),
)
_ID = ("eventid", "id", "logid", "uuid", "eventuuid", "messageid", "recordid", "requestid", "transactionid", "rowid")
_SESSION = ("sessionid", "usersession", "session", "sessionuuid", "visitid", "sid")
_PLATFORM = ("platform", "os", "operatingsystem", "devicetype", "device", "channel", "client", "apptype")
_IP = ("ipaddress", "ip", "clientip", "userip", "remoteaddr", "remoteaddress", "ipaddr", "sourceip")
_PAGE = (
    *("pageurl", "page", "url", "path", "pagepath", "screen", "screenname", "productid", "itemid", "sku", "videoid"),
    *("contentid", "reponame", "repo"),
)
_MINUTES = ("watchtimemin", "watchminutes", "watchtime", "minuteswatched", "minutes")

_EPOCHS: tuple[tuple[Format, int, int], ...] = (
    ("epoch_seconds", 5 * 10**8, 5 * 10**9),
    ("epoch_millis", 5 * 10**11, 5 * 10**12),
    ("epoch_micros", 5 * 10**14, 5 * 10**15),
)
_NUMBER = re.compile(r"([0-9]{9,16})(?:\.[0-9]{1,9})?", re.ASCII)
#: So many of the sampled times must be readable.
_MOST = 0.75
_LOOKS_LIKE_TIME = re.compile(
    r"[0-9]{1,2}[/.][0-9]{1,2}[/.][0-9]{2,4}|[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}|[0-9]{8}T|\w{3},? [0-9]{1,2} \w{3}"
)


@dataclass(frozen=True)
class Roles:
    """The fields that mean something to the platform; None where none does."""

    time: Field
    time_format: Format
    user: Field
    type: Field | None
    id: Field | None
    session: Field | None
    platform: Field | None
    ip: Field | None
    page: Field | None
    minutes: Field | None


def roles_of(sample: Sample, time: str | None, user: str | None, kind: str | None) -> Roles:
    """Who is who; `time`, `user` and `kind` name fields where the caller knows better.

    DeclarationError where no field holds a time or names a user, with what to say instead.
    """
    found_time, form = _time(sample, _given(sample, time, "--time-column"))
    left = [field for field in sample.fields if field is not found_time]
    named = _given(sample, user, "--user-column")
    found_user = named or _first(left, _USER, lambda field: not field.nested and bool(field.texts))
    if found_user is None:
        raise DeclarationError(
            str(sample.path),
            f"no field is called like a user's id; there are {_names(sample)}",
            "say --user-column NAME",
        )
    left = [field for field in left if field is not found_user]
    found_kind = _given(sample, kind, "--type-column") or _first(left, _TYPE, _is_category)
    left = [field for field in left if field is not found_kind]
    return Roles(
        time=found_time,
        time_format=form,
        user=found_user,
        type=found_kind,
        id=_first(left, _ID, lambda field: "." not in field.source and _is_unique(field)),
        session=_first(left, _SESSION, lambda field: not field.nested),
        platform=_first(left, _PLATFORM, _is_category),
        ip=_first(left, _IP, _is_ip),
        page=_first(left, _PAGE, lambda field: not field.nested),
        minutes=_first(left, _MINUTES, lambda field: not field.nested),
    )


def _first(fields: Sequence[Field], names: Sequence[str], fits: Callable[[Field], bool]) -> Field | None:
    """The field with the most telling name; of two, one by its whole name before one by its path's end."""
    by_name: dict[str, Field] = {}
    for whole in (True, False):
        for field in fields:
            parts = field.source.split(".")
            for name in [bare(field.source)] if whole else [bare(parts[-1]), bare("".join(parts[-2:]))]:
                by_name.setdefault(name, field)
    return next((by_name[name] for name in names if name in by_name and fits(by_name[name])), None)


def _given(sample: Sample, name: str | None, option: str) -> Field | None:
    if name is None:
        return None
    for field in sample.fields:
        if field.source == name:
            return field
    raise DeclarationError(f"{option} {name}", f"is no field of {sample.path.name}", f"there are {_names(sample)}")


def _time(sample: Sample, given: Field | None) -> tuple[Field, Format]:
    fields = [given] if given else [field for field in sample.fields if not field.nested]
    told = {field.source: form for field in fields if (form := time_format(field))}
    able = [field for field in fields if field.source in told]
    by_name = _first(able, _TIME, lambda field: True)
    # A number is only a time if it is called so; a text such as 2025-01-31T10:00:00 can be nothing else.
    other = next((field for field in able if told[field.source] == "iso" or given), None)
    chosen = by_name or other
    if chosen is None:
        odd = next(((f, t) for f in fields for t in f.texts[:20] if _LOOKS_LIKE_TIME.search(t)), None)
        hint = f"; {odd[0].source} holds {odd[1]!r}, which is no ISO 8601 time" if odd else ""
        raise DeclarationError(
            str(given.source if given else sample.path),
            f"no field holds times{hint}; there are {_names(sample)}",
            "export a field with times such as 2025-01-31T10:00:00Z or 1738317600000, and say --time-column NAME",
        )
    return chosen, told[chosen.source]


def time_format(field: Field) -> Format | None:
    """How nearly all of a field's texts tell a time; None where they tell none."""
    texts = field.texts

    def most(readable: int) -> bool:
        return bool(texts) and readable >= _MOST * len(texts)

    if most(sum(parse_time(text, format="iso", source_timezone="UTC") is not None for text in texts)):
        return "iso"
    numbers = [int(match[1]) for text in texts if (match := _NUMBER.fullmatch(text))]
    return next((form for form, low, high in _EPOCHS if most(sum(low <= n < high for n in numbers))), None)


def _is_category(field: Field) -> bool:
    return not field.nested and 0 < len(set(field.texts)) <= max(3, min(100, len(field.texts) // 2))


def _is_unique(field: Field) -> bool:
    """Nearly so: exports repeat themselves."""
    return not field.nested and len(field.texts) == len(field.values) and len(set(field.texts)) > 0.9 * len(field.texts)


def _is_ip(field: Field) -> bool:
    def valid(text: str) -> bool:
        try:
            ipaddress.ip_address(text)
        except ValueError:
            return False
        return True

    return bool(field.texts) and sum(map(valid, field.texts)) > _MOST * len(field.texts)


def _names(sample: Sample) -> str:
    names = [field.source for field in sample.fields]
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
