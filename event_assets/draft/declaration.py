"""A declaration as a text with remarks, drafted from sample files and checked by the loader that reads it later."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from event_assets.declaration import COMPONENT_TYPE, Dataset, parse_dataset
from event_assets.declaration.column import NAME
from event_assets.draft.draft_block import Block, block_lines
from event_assets.draft.events_and_profiles import Kinds, kinds_of
from event_assets.draft.infer_time_formats import read_time
from event_assets.draft.sample import Found, bare
from event_assets.draft.user_field import linked_ids
from event_assets.draft.yaml_quoting import checks, flow, one_line, quoted
from event_assets.errors import DeclarationError

#: Event types that are steps on the way to a sale, each with the names that it goes by, without case and marks.
_FUNNEL = tuple(
    names.split()
    for names in (
        "view pageview pageviewed viewedpage productview productviewed viewedproduct viewitem viewproduct",
        "cart addtocart addedtocart productadded itemadded additem inthecart warenkorb",
        "begincheckout checkoutstarted checkout",
        "purchase buy order ordercompleted orderplaced checkoutcompleted placedorder transaction payment kauf achat",
    )
)


@dataclass(frozen=True)
class Draft:
    """A drafted declaration."""

    text: str
    """The YAML, with a remark marked CHECK on each decision that a person should make."""
    dataset: Dataset
    """The same as the loader reads it."""
    records: int
    """How many records were looked at."""
    files: tuple[Found, ...]
    """The files that were looked at."""

    def starting(self, date: dt.date) -> Draft:
        """The same with another start date."""
        line = re.compile(r"^(  start_date: )\S+", re.MULTILINE)
        text = line.sub(rf"\g<1>{date}", self.text, count=1)
        return replace(self, text=text, dataset=self.dataset.model_copy(update={"start_date": date}))

    @property
    def notes(self) -> tuple[str, ...]:
        """The remarks marked CHECK, without the lines that they are about."""
        return tuple(line.partition("# CHECK: ")[2] for line in self.text.splitlines() if "# CHECK: " in line)


def draft(
    name: str,
    paths: Path | Sequence[Path],
    *,
    time: str | None = None,
    user: str | None = None,
    kind: str | None = None,
) -> Draft:
    """A declaration of the dataset `name` for files such as these; a folder means all files below it.

    `time`, `user` and `kind` name the fields of the event's time, its user and its type where the caller knows them.

    LandingError where no file can be read; DeclarationError where no field has times, a named field doesn't exist,
    or the name can't be a dataset's.
    """
    if not NAME.fullmatch(name):
        state = "is not a valid name of a dataset"
        raise DeclarationError(name, state, "use lower case letters, digits and _, beginning with a letter")
    kinds = kinds_of([paths] if isinstance(paths, Path) else paths, time=time, user=user, kind=kind)
    if not kinds.events:
        raise kinds.errors[0]
    text = "\n".join(_lines(name, kinds)) + "\n"
    dataset = parse_dataset(yaml.safe_load(text)["attributes"], f"the draft of {name}")
    return Draft(text, dataset, kinds.records, kinds.files)


def _lines(name: str, kinds: Kinds) -> Iterator[str]:
    blocks, profiles = kinds.events, kinds.profiles
    samples = [block.sample for block in (*blocks, *([profiles] if profiles else []))]
    titles = ", ".join(one_line(sample.title) for sample in samples)
    records = sum(sample.records for sample in samples)
    yield f"# Drafted from {titles} ({records} records looked at). Read each line marked CHECK, then"
    yield f"# drop files into the inbox's folder {name}/ and run: event-assets run {name}"
    yield f"type: {COMPONENT_TYPE}"
    yield ""
    yield "attributes:"
    yield f"  name: {quoted(name)}"
    yield f"  description: {quoted(f'Events as in {one_line(titles)}.')}  # CHECK: say what they are"
    yield from checks(kinds.remarks, "  ")
    remark = "the sample's first date; earlier events are rejected as out_of_range"
    yield f"  start_date: {first_date(blocks)}  # CHECK: {remark}"
    if any(block.roles and block.roles.forms.is_naive for block in blocks):
        yield "  source_timezone: UTC  # CHECK: the zone of times that have none, such as Europe/Berlin"
    yield "  events:"
    for block in blocks:
        yield from block_lines(block, *(("    ", "    ") if len(blocks) == 1 else ("    - ", "      ")))
    if profiles:
        yield "  profiles:"
        yield from block_lines(profiles, "    ", "    ")
    yield from _tables(blocks)


def _tables(blocks: Sequence[Block]) -> Iterator[str]:
    yield from _identity(blocks)
    page = _name(blocks, "page")
    column = f", column: {page}" if page else ""
    yield f"  sessions: {{gap: 30m{column}}}  # CHECK: a longer pause ends a session"
    if _name(blocks, "session"):
        yield "  # The source's own sessions instead of computed ones: sessions: {by: source_session_id}"
    geo, minutes = _name(blocks, "ip"), _name(blocks, "minutes")
    for column in _anonymous_columns(blocks):
        yield "  # One person_id before and after the login, in joined_facts; sessions and funnels stay by user_id:"
        # A visitor's event links the id with itself, since user_id is the id there: itself and one user make two.
        yield f"  # identity: {{links: [[{column}, user_id]], max_ids: 2}}"
    if geo:
        yield "  # joined_facts.geo_region: the continent of this address."
        yield f"  geo: {geo}"
    yield "  gold:"
    yield "    daily_summary: {}"
    by = _name(blocks, "platform")
    within = f"within each {by}" if by else "of all; by: COLUMN ranks within each of its values"
    yield f"    # The 10 users with the most sessions, by date and for all dates, {within}."
    yield f"    top_users: {{by: {by or 'null'}, n: 10}}"
    yield "    events_by_minute: {}"
    yield "    events_by_type: {}"
    types = {column.name: column.type.name for block in blocks for column in block.columns}
    if geo and minutes and types[minutes].startswith("decimal"):
        yield f"    watch_time: {{column: {minutes}}}"
    steps = funnel_steps(blocks)
    if steps:
        yield f"    user_funnel: {{steps: {flow(steps)}, window: 1d}}  # CHECK: event types in order"
    else:
        common = _common_types(blocks)
        hint = "" if common else "  # with types of your own"
        shown = one_line(flow(common or ["view", "cart", "purchase"]))
        yield f"    # user_funnel: {{steps: {shown}, window: 1d}}{hint}"


def _anonymous_columns(blocks: Sequence[Block]) -> list[str]:
    """The columns of anonymous ids that take a known user's place and occur with one."""
    found = [
        quoted(column.name)
        for block in blocks
        if block.roles and block.roles.user
        for column in block.columns
        if column.name != "user_id" and column.source in block.roles.user.alternatives
        if linked_ids(block.field(block.roles.user.source), block.field(column.source))
    ]
    return list(dict.fromkeys(found))


def _identity(blocks: Sequence[Block]) -> Iterator[str]:
    ids = {block.column(block.roles.id.source).name if block.roles and block.roles.id else "" for block in blocks}
    columns = list({column.name: column for block in blocks for column in block.columns}.values())
    if len(ids) == 1 and (name := next(iter(ids))):
        yield f"  event_id: {name}  # CHECK: of records with one id only the first is kept"
    elif floats := [column.name for column in columns if column.type.name == "float64"]:
        keys = ["event_time", *(column.name for column in columns if column.name not in floats)]
        yield f"  deduplicate: {{keys: {flow(keys)}}}  # CHECK: all columns but floats, which enter no key"
    else:
        yield "  # Records are the same where all columns are; name fewer if repeats differ in some:"
        yield "  # deduplicate: {keys: [user_id, event_type, event_time]}"


def _name(blocks: Sequence[Block], role: str) -> str:
    """The name of the first column that has a role; empty if no column has it."""
    for block in blocks:
        one = getattr(block.roles, role)
        column = next((c for c in block.columns if one is not None and c.source == one.source), None)
        if column is not None:
            return quoted(column.name)
    return ""


def _type_texts(block: Block) -> list[str | None]:
    """The event type of each sampled record; empty where the block has no field for it."""
    values = block.roles.type.values if block.roles and block.roles.type else ()
    lower = any(column.lower for column in block.columns)
    return [text.lower() if text is not None and lower else text for text in values]


def _common_types(blocks: Sequence[Block]) -> list[str]:
    """The three commonest event types, in the order of their first times; none where there are fewer than two."""
    timed = sorted(
        (times[0], text)
        for block in blocks
        for text, times in zip(_type_texts(block), _times(block), strict=False)
        if times and text is not None
    )
    counts = Counter(text for _, text in timed)  # in the order of time, which most_common keeps where counts are equal
    common = [text for text, _ in counts.most_common(3)]
    return [text for text in counts if text in common] if len(counts) > 1 else []


def funnel_steps(blocks: Sequence[Block]) -> list[str]:
    """Event types that are steps of a funnel, as they are written."""
    texts = {text for block in blocks for text in _type_texts(block) if text is not None}
    types = {bare(text): text for text in sorted(texts)}
    steps = [next((types[name] for name in names if name in types), None) for names in _FUNNEL]
    found = [step for step in steps if step is not None]
    return found if len(found) > 1 else []


def first_date(blocks: Sequence[Block]) -> dt.date:
    """The first date of the sampled events, in UTC."""
    return min(time for block in blocks for times in _times(block) for time in times).date()


def _times(block: Block) -> Iterator[list[dt.datetime]]:
    """The times that each sampled record may have: none where it has none that is valid."""
    roles = block.roles
    assert roles is not None
    for values in zip(*(one.values for one in roles.time), strict=True):
        text = " ".join(map(str, values))
        read = (read_time(text, form) for form in roles.forms.formats if None not in values)
        yield [time for time in read if time is not None]
