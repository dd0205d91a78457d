"""JSON arrays and NDJSON as batches: values found by path, everything undeclared kept in `extra`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from event_assets.declaration import Source
from event_assets.declaration.events_and_profiles import NESTED
from event_assets.landing.as_written_column import as_written
from event_assets.landing.json_elements import Elements, elements_of, lines_of
from event_assets.landing.json_member_columns import NOTHING, NUMERIC, JsonObjects
from event_assets.landing.json_paths import PART, JsonPath, Tree, exploded, looked_up, text_behind, tree_of
from event_assets.landing.json_records_at_path import records_of
from event_assets.landing.reader_interface import (
    EXTRA,
    MALFORMED,
    ROW_NUMBER,
    Batch,
    Fields,
    Reject,
    gathered,
    number_flag,
    texts_of,
)
from event_assets.tables.landed_tables import AS_WRITTEN
from event_assets.text.json_text import (
    BadJson,
    member_at,
    members_of,
    minified,
    pairs_of,
    value_text,
)

#: Smaller than for CSV: the many Python objects of a block should stay in the processor's cache.
BLOCK_BYTES = 256 * 1024
_BATCH_BYTES = 4 * 1024 * 1024
#: Marks the name of a member that another one of its name follows.
REPEATED = " (repeated)"
_Pairs = Collection[tuple[str, bytes]]
_Split = Callable[[bytes], _Pairs]


def read_json(
    path: Path,
    source: Source,
    fields: Fields,
    *,
    block_bytes: int = BLOCK_BYTES,
    read: Callable[[int], None] | None = None,
) -> Iterator[Batch]:
    """The elements of an array, or the lines of an NDJSON file, in order; `read` receives the number of bytes read."""
    # The names of a sheet's fields are no paths.
    as_path = JsonPath.of if source.format in NESTED else lambda name: JsonPath((name,))
    paths = {name: as_path(place) for name, place in fields.sources.items()}
    tree = tree_of(paths.values())
    cut: Callable[..., Iterator[Elements]] = elements_of if source.format == "json" else lines_of
    if source.format == "json" and source.records is not None:
        cut = partial(records_of, records=source.records)
    blocks = cut(path, source.max_record_bytes, block_bytes=block_bytes, read=read)
    if source.explode:
        blocks = exploded(blocks, JsonPath.of(source.explode), source.max_record_bytes)
    yield from gathered((_batch(elements, fields, paths, tree) for elements in blocks), _BATCH_BYTES)


def _batch(elements: Elements, fields: Fields, paths: Mapping[str, JsonPath], tree: Tree) -> Batch:
    literals = frozenset(path.literal for path in paths.values() if path.literal is not None)
    objects = JsonObjects(elements, tree, literals)
    columns: dict[str, Any] = {}
    numeric: dict[str, list[bool]] = {}
    present = set()
    for name, path in paths.items():
        values, kinds, literal, found = _values(objects, path)
        if name in fields.of_two_notations:
            numeric[number_flag(name)] = [type(value) in NUMERIC for value in values]
        columns[name] = _texts(objects, values, kinds, path, literal, verbatim=name in fields.json)
        if found:
            present.add(name)
    undeclared: Counter[str] = Counter()
    extras = _extras(objects, undeclared)
    numbers = [place + 1 for place in objects.places]
    columns = {ROW_NUMBER: numbers, **columns, EXTRA: extras}
    if fields.as_written:
        columns[AS_WRITTEN] = as_written(objects, fields, paths)
    columns |= numeric
    frame = pl.DataFrame(columns, fields.schema)
    if objects.refused:
        frame = frame.filter(~pl.col(ROW_NUMBER).is_in([numbers[at] for at in objects.refused]))
    reasons = elements.reasons | {objects.places[at]: reason for at, reason in objects.refused.items()}
    rejects = [Reject(place + 1, reason, elements.texts[place]) for place, reason in sorted(reasons.items())]

    # Not the values, which need several times the memory.
    texts = partial(texts_of, elements.texts)
    return Batch(len(elements.texts), frame, rejects, texts, frozenset(present), undeclared)


def _values(objects: JsonObjects, path: JsonPath) -> tuple[list[Any], frozenset[type], set[int], bool]:
    """(the values at a declared path, their types, the objects with a member named like it, whether any has one)."""
    values, kinds = objects.at(path.members), objects.kinds(path.members)
    literal = set[int]()
    if path.rest:
        values = looked_up(values, path.rest)
        kinds = frozenset(map(type, values))
    elif path.literal is not None:
        name = path.literal
        literal = {at for at in objects.named_oddly if name in objects.values[at]}
        if literal:
            values = [objects.values[at][name] if at in literal else value for at, value in enumerate(values)]
            kinds = frozenset(map(type, values))
    found = bool(kinds - {type(None)}) or bool(literal)
    return values, kinds, literal, found or (not path.rest and len(objects.lacking(path.members)) < len(values))


def _texts(
    objects: JsonObjects,
    values: list[Any],
    kinds: frozenset[type],
    path: JsonPath,
    literal: set[int],
    *,
    verbatim: bool,
) -> list[str | None]:
    """The texts of values. `verbatim` texts are JSON as the source writes it; of others strings are decoded, and nested
    values minified."""
    if kinds <= {str, type(None)} and not verbatim:
        return values
    texts = [*values]
    for at, value in enumerate(values):
        if not verbatim and type(value) is int and value != 0:  # 0 may be written -0
            texts[at] = str(value)
        elif value is not None and (verbatim or type(value) is not str):
            place = JsonPath((path.literal,)) if at in literal and path.literal is not None else path
            texts[at] = _text(objects, at, place, verbatim=verbatim)
    return texts


def _text(objects: JsonObjects, at: int, path: JsonPath, *, verbatim: bool) -> str | None:
    try:
        text = member_at(objects.members(at), path.members)
        if path.rest:
            text = text_behind(text, objects.at(path.members)[at], path.rest)
        return text.decode() if verbatim else value_text(text)
    except BadJson:
        objects.refused[at] = MALFORMED
        return None


def _extras(objects: JsonObjects, undeclared: Counter[str]) -> list[str | None]:
    """Each object's undeclared members as a JSON object, None where there are none.

    Of several members of one name the last one is the declared one, all others are not.
    """
    extras: list[str | None] = [None] * len(objects.values)
    for at in sorted(objects.undeclaring | objects.repeating):
        try:
            if at in objects.repeating:
                extras[at] = _rest(pairs_of(objects.text(at)), objects.tree, "", undeclared, pairs_of)
            else:
                members = objects.members(at).items()
                extras[at] = _rest(members, objects.tree, "", undeclared, lambda text: members_of(text).items())
        except BadJson:
            objects.refused[at] = MALFORMED
    return extras


def _rest(pairs: _Pairs, tree: Tree, prefix: str, undeclared: Counter[str], split: _Split) -> str | None:
    """The undeclared members as JSON; a nested object keeps the members that no column declares."""
    kept = []
    left = Counter(name for name, _ in pairs)
    for name, text in pairs:
        left[name] -= 1
        again, branch = left[name] > 0, tree.get(name, NOTHING)
        if not again and (branch is None or (name in tree and text == b"null")):
            continue
        rest: str | None
        if not again and branch is PART:
            rest = minified(text)
        elif not again and name in tree and text.startswith(b"{"):
            rest = _rest(split(text), branch, f"{prefix}{name}.", undeclared, split)
        else:
            undeclared[f"{prefix}{name}{REPEATED if again else ''}"] += 1
            rest = minified(text)
        if rest is not None:
            kept.append(f"{orjson.dumps(name).decode()}:{rest}")
    return "{" + ",".join(kept) + "}" if kept else None
