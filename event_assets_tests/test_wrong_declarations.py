"""What a person writes wrong in a declaration: the message names the key, what is expected, and what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from event_assets.declaration import load_dataset
from event_assets.errors import DeclarationError

RIGHT = """type: event_assets.EventDataset

attributes:
  name: web
  description: Visits.
  start_date: 2025-01-01
  events:
    files: ["*.csv"]
    format: csv
    time: {source: at}
    columns:
      - {name: user_id, source: user, description: "Who."}
      - {name: event_type, source: kind, description: "What."}
      - {name: price, type: "decimal(10,2)", description: "For how much."}
  sessions: {gap: 30m}
  gold:
    daily_summary: {}
    top_users: {by: null, n: 10}
"""
TIME, TYPE, FORMAT = "{source: at}", 'type: "decimal(10,2)"', "format: csv"
MISTAKES = [
    (FORMAT, 'format: "%d.%m.%Y"', 'events.format: .*time: {source: FIELD, format: "%d.%m.%Y"}$'),
    (FORMAT, "format: xlsx", "events.format: .*did you mean excel?$"),
    (FORMAT, "format: tsv", 'events.format: .*did you mean csv, with csv: {delimiter: "\\t"}?$'),
    (FORMAT, "format: jsonl", "events.format: .*did you mean ndjson?$"),
    (
        FORMAT,
        'format: csv\n    delimiter: ";"',
        "events.delimiter: .*write it below csv, such as csv: {delimiter: ...}$",
    ),
    (FORMAT, "format: csv\n    records: Rows", "events: records goes with format json.*; remove records, or write"),
    (FORMAT, 'format: json\n    records: "a.*.b"', "events: records 'a.*.b' has .* in the middle; write it at the end"),
    (FORMAT, "format: csv\n    encoding: utf99", "events.encoding: .*write one such as cp1252, or detect$"),
    (
        FORMAT,
        "format: csv\n    where: {kind: view}",
        "events: where names no declared column: 'kind'; write the name of",
    ),
    (FORMAT, "format: csv\n    where: {event_type: {nott: [a]}}", "events.where.event_type.nott: .*did you mean not?$"),
    (TIME, '{source: at, format: "dd.MM.yyyy HH:mm"}', 'events.time: .*write the pattern "%d.%m.%Y %H:%M"; others are'),
    (TIME, "{source: at, format: epoch_ms}", "events.time: 'epoch_ms' is not a format; write epoch_millis; others"),
    (TIME, "{source: at, format: unix}", "events.time: .*write epoch_seconds or epoch_millis; others are"),
    (
        TIME,
        '{source: at, formats: "%d.%m.%Y"}',
        'events.time.formats: is a list; write it in brackets, such as ["%d.%m.',
    ),
    (TIME, "{source: at, format: [iso]}", "events.time.format: is one value, not a list; write one, such as iso$"),
    (TIME, "{source: at, zones: {PST: -8}}", 'events.time.zones.PST: is a text; write it in quotes, such as "-8"$'),
    (TIME, "at", "events.time: has keys of its own, not 'at'; write it such as {source: timestamp}$"),
    (TIME, "{format: iso}", "events.time.source: is missing; add it$"),
    (
        "source: user",
        "source: []",
        "events.columns.0: source is an empty list; name a field, such as [user_id, anonymous",
    ),
    (TYPE, "type: integer", "events.columns.2.type: .*; write int64$"),
    (TYPE, "type: datetime", "events.columns.2.type: .*; write timestamp$"),
    (TYPE, "type: number", "events.columns.2.type: .*; write decimal(18,2), or float64$"),
    (TYPE, f'{TYPE}, numbers: {{unit: "5"}}', "events.columns.2.numbers: .*'5' could be a part of a number; write one"),
    (TYPE, f'{TYPE}, numbers: ","', 'events.columns.2.numbers: .*such as {decimal: ",", thousands: "."}$'),
    (TYPE, f"{TYPE}, required: ja", "events.columns.2.required: is true or false, not 'ja'; write true or false$"),
    (TYPE, f"{TYPE}, requird: true", "events.columns.2.requird: .*did you mean required?$"),
    (
        TYPE,
        f"{TYPE}, null_values: n/a",
        'events.columns.2.null_values: is a list; write it in brackets, such as ["n/a"]$',
    ),
    ("name: price", "name: Unit Price", "events.columns.2.name: .*write such as unit_price, not 'Unit Price'$"),
    (
        "name: price",
        "name: event_type",
        "events: column event_type is declared twice; remove one of the two, or rename",
    ),
    ('["*.csv"]', '"*.csv"', 'events.files: is a list; write it in brackets, such as ["*.csv"]$'),
    ('["*.csv"]', "*.csv", 'line 8: can\'t be read as YAML .*quotes, such as "*.csv"$'),
    (
        '["*.csv"]',
        '["/data/*.csv"]',
        "events.files: '/data/*.csv' is no path below the dataset's inbox; write a name such",
    ),
    (
        "    columns:",
        "   columns:",
        "line 11: can't be read as YAML .*; indent the line like the other keys of its block",
    ),
    ("2025-01-01", "01.01.2025", "start_date: is a date, not '01.01.2025'; write it as 2025-01-31$"),
    ("2025-01-01", "2025-13-01", "has a value that can't be read (month must be in 1..12); write dates as 2025-01-31"),
    ("gap: 30m", "gap: 30 minutes", "sessions.gap: write a duration as a number and s, m, h or d, such as 30m"),
    ("gap: 30m", "gap: 30m, gap: 20m", "line 15: gap: is written twice; remove one of the two$"),
    ("name: web", "name: Web Clicks", "name: .*write such as web_clicks, not 'Web Clicks'$"),
    ("n: 10", "n: 0", "gold.top_users.n: is at least 1; write 1 or more, not 0$"),
    ("n: 10", "n: ten", "gold.top_users.n: is a whole number, not 'ten'; write digits, such as 10$"),
    (
        "daily_summary: {}",
        "user_funnel: {steps: [view]}",
        "gold.user_funnel.steps: has fewer than 2 elements; add some$",
    ),
    ("by: null", "by: device", "gold.top_users.by names no declared column: 'device'; declared are event_type, price"),
]


@pytest.mark.parametrize(("right", "wrong", "message"), MISTAKES, ids=[wrong for _, wrong, _ in MISTAKES])
def test_a_mistake_is_one_line_with_what_to_write(tmp_path: Path, right: str, wrong: str, message: str) -> None:
    """`message` is a part of the error, with `.*` for what is left out, and `$` where it ends."""
    path = tmp_path / "defs.yaml"
    path.write_text(RIGHT.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(DeclarationError) as caught:
        load_dataset(path)
    shown = str(caught.value)
    assert "\n" not in shown
    assert not shown.endswith(("fix it", "correct it"))
    place = 0
    for part in message.removesuffix("$").split(".*"):
        found = shown.find(part, place)
        assert found >= 0, shown
        place = found + len(part)
    assert not message.endswith("$") or place == len(shown), shown
