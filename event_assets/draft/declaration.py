"""A declaration as a text with remarks, from a sample file, checked by the loader that reads it later."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from event_assets.declaration import COMPONENT_TYPE, CsvDialect, Dataset, parse_dataset
from event_assets.declaration.column import NAME
from event_assets.draft.columns import DraftColumn, columns_of
from event_assets.draft.field_roles import Roles, roles_of
from event_assets.draft.sample import Sample, read_sample
from event_assets.errors import DeclarationError
from event_assets.text.file_names import file_date
from event_assets.text.times import parse_time

#: Event types that are steps on the way to a sale, each with the names that it goes by.
_FUNNEL = (
    ("view", "page_view", "product_view", "view_item", "pageview"),
    ("cart", "add_to_cart", "addtocart", "add_item"),
    ("purchase", "buy", "order", "transaction", "checkout", "payment"),
)
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./()-]*")
_YAML_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan"}


@dataclass(frozen=True)
class Draft:
    """A drafted declaration."""

    text: str
    dataset: Dataset
    """The same as the loader reads it."""
    records: int
    """How many records were looked at."""


def draft(name: str, path: Path, *, time: str | None = None, user: str | None = None, kind: str | None = None) -> Draft:
    """A declaration of the dataset `name` for files such as this one; `time`, `user` and `kind` name their fields.

    LandingError where the file can't be read; DeclarationError where no field holds a time or names a user, or the
    name is none for a dataset.
    """
    if not NAME.fullmatch(name):
        state = "is no name of a dataset"
        raise DeclarationError(name, state, "take lower case letters, digits and _, beginning with a letter")
    sample = read_sample(path)
    roles = roles_of(sample, time, user, kind)
    text = "\n".join(_lines(name, sample, roles, columns_of(sample.fields, roles))) + "\n"
    dataset = parse_dataset(yaml.safe_load(text)["attributes"], f"the draft of {name}")
    return Draft(text, dataset, sample.records)


def _lines(name: str, sample: Sample, roles: Roles, columns: tuple[DraftColumn, ...]) -> Iterator[str]:
    by_source = {column.source: _quoted(column.name) for column in columns}
    yield f"# Drafted from {sample.path.name} ({sample.records} records looked at). Read each line marked CHECK, then"
    yield f"# drop files into the inbox's folder {name}/ and run: event-assets run {name}"
    yield f"type: {COMPONENT_TYPE}"
    yield ""
    yield "attributes:"
    yield f"  name: {_quoted(name)}"
    yield f"  description: {_quoted(f'Events as in {sample.path.name}.')}  # CHECK: say what they are"
    yield f"  start_date: {_start(sample, roles)}  # CHECK: earlier events are rejected as out_of_range"
    naive = roles.time_format == "iso" and not all(
        re.search(r"[zZ]$|UTC$|[+-]\d\d:?\d\d$", t) for t in roles.time.texts
    )
    if naive:
        yield "  source_timezone: UTC  # CHECK: the zone of times that name none, such as Europe/Berlin"
    yield "  events:"
    yield f"    files: [{_quoted(file_pattern(sample.path))}]  # CHECK: which files of the inbox hold these events"
    yield f"    format: {sample.format}"
    yield from _dialect(sample)
    yield f"    time: {_time(sample, roles)}"
    yield "    columns:"
    if roles.type is None:
        yield "      # CHECK: no field tells the type of an event, so all get this one"
        yield f"      - {{name: event_type, constant: event, description: {_quoted('What was done.')}}}"
    for column in columns:
        yield from _column(column)
    if roles.id:
        yield f"  event_id: {by_source[roles.id.source]}  # CHECK: of records with one id only the first is kept"
    elif floats := [column.name for column in columns if column.told.type == "float64"]:
        keys = ["event_time", *(_quoted(column.name) for column in columns if column.name not in floats)]
        yield f"  deduplicate: {{keys: [{', '.join(keys)}]}}  # CHECK: all columns but floats, which enter no key"
    else:
        yield "  # Records are the same where all columns are; name fewer if repeats differ in some:"
        yield "  # deduplicate: {keys: [user_id, event_type, event_time]}"
    page = f", column: {by_source[roles.page.source]}" if roles.page else ""
    yield f"  sessions: {{gap: 30m{page}}}  # CHECK: a longer pause ends a session"
    if roles.ip:
        yield f"  geo: {by_source[roles.ip.source]}"
    yield from _gold(roles, by_source, {column.source: column.told.type for column in columns})


def _dialect(sample: Sample) -> Iterator[str]:
    if sample.encoding != "utf-8":
        yield f"    encoding: {sample.encoding}  # CHECK: are accents and signs right?"
    if sample.dialect is None:
        return
    if sample.dialect.lines != "plain":
        yield f"    lines: {sample.dialect.lines}"
    given, default = sample.dialect.csv.model_dump(), CsvDialect().model_dump()
    changed = {key: value for key, value in given.items() if value != default[key]}
    if changed:
        yield f"    csv: {json.dumps(changed, ensure_ascii=False)}"


def _time(sample: Sample, roles: Roles) -> str:
    parts = [f"source: {_quoted(roles.time.source)}"]
    if roles.time_format != "iso":
        parts.append(f"format: {roles.time_format}")
    empty = len(roles.time.values) - len(roles.time.texts)
    remark = ""
    if empty and file_date(sample.path.name):
        parts.append("missing_time: file_date")
        remark = f"  # CHECK: {empty} of {len(roles.time.values)} have no time; such take the date of the file's name"
    return f"{{{', '.join(parts)}}}{remark}"


def _column(column: DraftColumn) -> Iterator[str]:
    parts = [f"name: {_quoted(column.name)}"]
    if column.source != column.name:
        parts.append(f"source: {_quoted(column.source)}")
    if column.told.type != "string":
        parts.append(f"type: {_quoted(column.told.type)}")
    if column.required:
        parts.append("required: true")
    if column.lower:
        parts.append("case: lower")
    if column.told.null_values:
        parts.append(f"null_values: [{', '.join(json.dumps(value) for value in column.told.null_values)}]")
    if column.told.booleans:
        words = ", ".join(f"{json.dumps(word)}: {json.dumps(value)}" for word, value in column.told.booleans)
        parts.append(f"booleans: {{{words}}}")
    if column.personal:
        parts.append("personal: true")
    if column.note:
        yield f"      # CHECK: {_one_line(column.note)}"
    shown = "" if column.personal else ", ".join(column.examples)
    described = f"Such as {_one_line(shown)}." if shown else f"The field {_one_line(column.source)}."
    yield f"      - {{{', '.join(parts)}, description: {_quoted(described)}}}"


def _gold(roles: Roles, by_source: dict[str, str], types: dict[str, str]) -> Iterator[str]:
    yield "  gold:"
    yield "    daily_summary: {}"
    by = by_source[roles.platform.source] if roles.platform else "null"
    yield f"    top_users: {{by: {by}, n: 10}}"
    yield "    events_by_minute: {}"
    yield "    events_by_type: {}"
    if roles.ip and roles.minutes and types[roles.minutes.source].startswith("decimal"):
        yield f"    watch_time: {{column: {by_source[roles.minutes.source]}}}"
    steps = _steps(roles)
    if steps:
        yield f"    user_funnel: {{steps: [{', '.join(steps)}], window: 1d}}  # CHECK: event types in order"
    else:
        yield "    # user_funnel: {steps: [view, cart, purchase], window: 1d}"


def _steps(roles: Roles) -> list[str]:
    types = {text.lower() for text in roles.type.texts} if roles.type else set()
    steps = [next((name for name in names if name in types), None) for names in _FUNNEL]
    found = [step for step in steps if step is not None]
    return found if len(found) > 1 else []


def _start(sample: Sample, roles: Roles) -> str:
    """The first of January of the year before the earliest sampled time: later files may hold earlier events."""
    found = (parse_time(text, format=roles.time_format, source_timezone="UTC") for text in roles.time.texts)
    earliest = min(micros for micros in found if micros is not None)
    year = 1970 + earliest // 31_556_952_000_000
    return f"{max(1970, year - 1)}-01-01"


def file_pattern(path: Path) -> str:
    """The file's name with `*` for the numbers in it, or before its ending where there are none."""
    name = path.name.removesuffix(".gz").removesuffix(".zst")
    stem, dot, ending = name.rpartition(".")
    stem = stem if dot else name
    pattern = re.sub(r"\d+(?:[-_.T]*\d+)*", "*", "".join(f"[{c}]" if c in "*?[" else c for c in stem))
    return f"{pattern if '*' in pattern else f'{pattern}*'}{dot}{ending if dot else ''}"


def _quoted(text: str) -> str:
    plain = _PLAIN.fullmatch(text) and text.lower() not in _YAML_WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)


def _one_line(text: str) -> str:
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", text).split())
