"""The first records of a JSON file: an array, lines, or one document with the records below its root."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from event_assets.draft.json_fields import Below, array_path, json_fields, keyed_path, parse, segment
from event_assets.draft.sample import MAX_RECORDS, Field, Sample
from event_assets.draft.time_field import has_named_time
from event_assets.landing.json_elements import elements_of, lines_of
from event_assets.landing.plain_text import head_of, plain_chunks
from event_assets.text.encodings import detect_encoding
from event_assets.text.field_paths import KEY, PARENT

#: A document with the records below its root is read as a whole, up to this size.
_MAX_DOCUMENT_BYTES = 256 * 1024 * 1024
_MAX_RECORD_BYTES = 1024 * 1024
_ONE_RECORD = (
    "the file is one JSON object and so one record; if its records are below, declare format: json and records: PATH "
    "(an array) or records: PATH.* (the members of an object, known by their keys)"
)
_KEYED = "each member of an object is a record, and its name is the field {}"


def json_sample(path: Path, form: Literal["json", "ndjson"]) -> Sample:
    encoding = detect_encoding(plain_chunks(path, path.name))
    options = {"encoding": encoding} if encoding != "utf-8" else {}
    head = head_of(path).decode(encoding, "ignore").removeprefix("\ufeff").encode()
    records: list[dict[str, Any]] = [parse(element) for element in islice(object_texts(head, form), MAX_RECORDS)]
    remarks: tuple[str, ...] = ()
    keys: Sequence[tuple[str, ...]] = ()
    if form == "ndjson" and len(records) < 2 and (document := _document(path, encoding)) is not None:
        if (below := _below(document)) is not None:
            form, records, keys = "json", below.records[:MAX_RECORDS], below.keys[:MAX_RECORDS]
            options["records"] = below.path
        else:
            records = [document]
            remarks = (_ONE_RECORD,) if any(isinstance(value, dict) for value in document.values()) else ()
    fields = json_fields(records)
    around = f"{PARENT}."
    if (array := _events_within(records, fields)) is not None:
        counts = [len(record.get(array) or [{}]) for record in records]
        elements = [element for record in records for element in record.get(array) or [{}]]
        parents = [{key: value for key, value in record.items() if key != array} for record in records]
        fields = (*json_fields(elements), *json_fields(_repeated(parents, counts), around))
        keys, around = _repeated(keys, counts), f"{PARENT}.{around}"
        records = elements
        options["explode"] = segment(array)
    if keys:
        own = _key_fields(keys, around)
        fields, remarks = (*own, *fields), (_KEYED.format(own[0].source),)
    return Sample(form, fields, len(records), options, remarks)


def _repeated(values: Sequence[Any], counts: Sequence[int]) -> list[Any]:
    return [value for value, count in zip(values, counts, strict=False) for _ in range(count)]


def _key_fields(keys: Sequence[tuple[str, ...]], prefix: str) -> tuple[Field, ...]:
    """The names of the members that are the records, and of the objects around them, the innermost first."""
    levels = list(enumerate(zip(*keys, strict=True)))
    called = ["record_id" if level == 0 and len(set(names)) == len(names) else "group_id" for level, names in levels]
    sources = [f"{prefix}{f'{PARENT}.' * level}{KEY}" for level, _ in levels]
    return tuple(Field(sources[level], names, (called[level],)) for level, names in levels)


def _below(document: dict[str, Any]) -> Below | None:
    """Where a document has its records; None where it is one record itself."""
    able = [found for found in (keyed_path(document), array_path(document)) if found is not None]
    for found in sorted(able, key=lambda one: (any(other.contains(one) for other in able), -len(one.records))):
        fields = json_fields(found.records[:MAX_RECORDS])
        if has_named_time(fields, by_ending=True) or _events_within(found.records[:MAX_RECORDS], fields):
            return found
    # One record of its own may have an array of objects, too.
    arrays = [found for found in able if not found.keys]
    return arrays[0] if arrays and not has_named_time(json_fields([document]), by_ending=True) else None


def _events_within(records: list[dict[str, Any]], fields: Sequence[Field]) -> str | None:
    """The member of records whose elements are the events: they have a time, and the records around have none."""
    if has_named_time(fields):
        return None
    for name in dict.fromkeys(name for record in records for name in record):
        arrays = [record[name] for record in records if isinstance(record.get(name), list)]
        elements = [element for array in arrays for element in array]
        are_objects = bool(elements) and all(isinstance(one, dict) for one in elements)
        if are_objects and has_named_time(json_fields(elements), by_ending=True):
            return name
    return None


def object_texts(text: bytes, form: Literal["json", "ndjson"]) -> Iterator[bytes]:
    """The texts of the whole objects in a text in UTF-8, by landing's own readers."""
    with tempfile.TemporaryDirectory(prefix="event_assets-init-") as folder:
        head = Path(folder) / "head"
        head.write_bytes(text)
        read = elements_of if form == "json" else lines_of
        for elements in read(head, _MAX_RECORD_BYTES, block_bytes=1024 * 1024):
            pairs = zip(elements.texts, elements.values, strict=True)
            yield from (element for element, value in pairs if value is not None)


def _document(path: Path, encoding: str) -> dict[str, Any] | None:
    """The file as one JSON object; None if it is something else, or too large."""
    text = head_of(path, _MAX_DOCUMENT_BYTES + 1)
    if len(text) > _MAX_DOCUMENT_BYTES:
        return None
    try:
        found = parse(text.decode(encoding).removeprefix("\ufeff"))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
