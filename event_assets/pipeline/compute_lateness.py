"""Computes the table `lateness`: when the records of each date were landed, and which sessions late ones changed.

The history of landing is replayed in a temporary lake, one date of landing after the other. So every change of a
session is found, also one by deduplication or by a neighbouring date. Only dates near those of new files are replayed.
Rule: docs/how-to/late-data.md.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from event_assets.declaration import Dataset
from event_assets.digest import digest
from event_assets.pipeline.count_changed_sessions import count_changed_sessions
from event_assets.pipeline.publish import publish_whole
from event_assets.pipeline.run_steps import run
from event_assets.pipeline.staleness.schedule import Request
from event_assets.pipeline.steps import LATENESS
from event_assets.pipeline.sync_raw_tables import files_missing_rows, part_name, parts, sync_raw_tables
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.atomic_write import atomic_write
from event_assets.storage.ledger_entries import Binding, SourceFile
from event_assets.storage.linked_copy import link_files, temporary_folder
from event_assets.storage.parquet import scan_parquet
from event_assets.storage.published_partitions import WHOLE
from event_assets.tables.gold_tables import SESSION_CHANGES
from event_assets.tables.landed_tables import RAW_EVENTS
from event_assets.transforms.sessions import edge_days

#: The tables that sessions are computed from, and sessions.
_MADE = (
    *("event_keys", "cleaned_events", "session_edges", "session_parts", "session_index"),
    *("session_sources", "session_touches", "sessions"),
)

Changed = dict[tuple[dt.date, dt.date], dict[str, int]]
"""(event_date, landed_date) to the number of sessions by kind of change."""


def publish_lateness(workspace: Workspace) -> bool:
    """Publish the table `lateness`: event_date, landed_date, records, sessions_changed and by kind of change.

    Returns whether any row changed. There is a row for each date and date of landing with records of that date or
    changes of its sessions, in the order of both. The caller holds `workspace.writing()`.
    """
    if files_missing_rows(workspace):  # the run reports them and fails; the previous version is kept
        return False
    files = workspace.ledger.active("events")
    landed = {file.file_id: file.landed_at.astimezone(workspace.dataset.zone).date() for file in files}
    now = _made_from(workspace, files, landed)
    known = _Replayed(workspace)
    dates = {date for date in now.keys() | known.made_from.keys() if now.get(date) != known.made_from.get(date)}
    changed = known.changed
    if dates:
        since, first = _reach(workspace.dataset, min(dates))
        changed = {unit: counts for unit, counts in changed.items() if unit[0] < since}
        replayed = _replay(workspace, files, landed, first)
        changed |= {unit: counts for unit, counts in replayed.items() if unit[0] >= since}
        known.save(now, changed)
    return publish_whole(workspace, LATENESS, _table(workspace, files, landed, changed))


def changed_last(workspace: Workspace) -> dict[str, int]:
    """The sums of `lateness` over the last landed date: its records that came later than on the day after their date,
    and the sessions that these changed, by the names of the columns."""
    paths = workspace.stores[LATENESS].paths(WHOLE)
    rows = pl.concat([pl.read_parquet(path) for path in paths]) if paths else pl.DataFrame()
    if rows.is_empty():
        return {}
    late = rows.filter(
        pl.col("landed_date") == pl.col("landed_date").max(),
        pl.col("landed_date") > pl.col("event_date") + pl.duration(days=1),
    )
    return {name: int(late[name].sum()) for name in late.columns if name not in ("event_date", "landed_date")}


def _reach(dataset: Dataset, date: dt.date) -> tuple[dt.date, dt.date]:
    """The first date whose sessions a record of a date can change, and the first whose records have a part in these."""
    if dataset.dedupe_days == "all" or dataset.sessions.by:  # a session of the source may begin on any date before
        return dt.date.min, dt.date.min
    since = date - dt.timedelta(days=1)
    touches = dataset.channels.lookback - 1 if dataset.channels else 0
    return since, since - dt.timedelta(days=edge_days(dataset) + dataset.dedupe_days + touches)


def _table(
    workspace: Workspace, files: Sequence[SourceFile], landed: Mapping[str, dt.date], changed: Changed
) -> pl.DataFrame:
    before = workspace.ledger.expired_before.get(RAW_EVENTS, dt.date.min)
    records: Counter[tuple[dt.date, dt.date]] = Counter()
    for file in files:
        for text, count in file.dates.items():
            if (date := dt.date.fromisoformat(text)) >= before:
                records[date, landed[file.file_id]] += count
    rows = []
    for unit in sorted({*records, *changed}):
        counts = [changed.get(unit, {}).get(kind, 0) for kind in SESSION_CHANGES]
        rows.append((*unit, records[unit], sum(counts), *counts))
    return pl.DataFrame(rows, workspace.tables[LATENESS].polars_schema(), orient="row")


def _made_from(workspace: Workspace, files: Iterable[SourceFile], landed: Mapping[str, dt.date]) -> dict[dt.date, str]:
    """By date, the digest of its raw records, their dates of landing and the rules of sessions."""
    rules = [workspace.step_of[table].rules for table in _MADE if table in workspace.step_of]
    found: dict[dt.date, list[str]] = {}
    for file in files:
        for date in file.dates:
            found.setdefault(dt.date.fromisoformat(date), []).append(f"{part_name(file, date)}/{landed[file.file_id]}")
    return {date: digest(rules, sorted(contents)) for date, contents in found.items()}


def _replay(
    workspace: Workspace, files: Sequence[SourceFile], landed: Mapping[str, dt.date], first: dt.date
) -> Changed:
    """The sessions of records since a date that each date of landing changed."""
    changed: Changed = {}
    wanted = frozenset(table for table in _MADE if table in workspace.step_of)
    with temporary_folder() as folder:
        temporary = Workspace(workspace.dataset, replace(workspace.settings, lake=folder / "lake"))
        for number, day in enumerate(sorted(set(landed.values()))):
            new = [
                replace(file, dates={d: rows for d, rows in file.dates.items() if _date(d) >= first}, rejected=0)
                for file in files
                if landed[file.file_id] == day
            ]
            with temporary.writing():
                temporary.refresh()
                before = _linked(temporary, folder / f"before-{number}")
                _add(workspace, temporary, new)
                outcomes = [outcome for some in run(temporary, Request(wanted)) for outcome in some]
            made = {o.date: o.rows for o in outcomes if o.table == "sessions" and o.date and o.changed}
            if not before:
                changed |= {(date, day): {"added": rows} for date, rows in made.items() if rows}
                continue
            after = {date: temporary.stores["sessions"].paths(str(date)) for date in made}
            frames = (
                _sessions(temporary, {date: version.get(date, []) for date in made}) for version in (before, after)
            )
            found = count_changed_sessions(*frames, by_source=bool(workspace.dataset.sessions.by))
            for date, kind, count in found.rows():
                changed.setdefault((date, day), {})[kind] = count
    return changed


def _sessions(workspace: Workspace, files: Mapping[dt.date, Sequence[Path]]) -> pl.LazyFrame:
    """The sessions in the files of some dates, with `event_date`."""
    event_date = pl.lit(None, pl.Date).alias("event_date")
    empty = pl.LazyFrame(schema=workspace.tables["sessions"].polars_schema()).with_columns(event_date)
    dated = [
        scan_parquet(path).with_columns(pl.lit(date).alias("event_date"))
        for date, paths in files.items()
        for path in paths
    ]
    return pl.concat([empty, *dated])


def _linked(temporary: Workspace, folder: Path) -> dict[dt.date, list[Path]]:
    """The current sessions, kept by links to their files."""
    kept: dict[dt.date, list[Path]] = {}
    for date in temporary.dates("sessions"):
        paths = temporary.stores["sessions"].paths(str(date))
        kept[date] = [folder / str(date) / path.name for path in paths]
        link_files(zip(paths, kept[date], strict=True))
    return kept


def _add(workspace: Workspace, temporary: Workspace, files: Sequence[SourceFile]) -> None:
    """Land files in the temporary lake, by links to their parts in the lake."""
    for file in files:
        for part in parts(workspace, file):
            store, target = workspace.stores[part.table], temporary.stores[part.table]
            link_files([(store.file(part.file.path), Path(str(target.folder)) / part.file.path)])
    bindings = (Binding(file.file_id, file.kind, file.file_id, "") for file in files)
    temporary.ledger.append([*files, *bindings])
    sync_raw_tables(temporary)


class _Replayed:
    """The results of earlier replays: a cache below `_state`. A date whose digest changed is replayed again."""

    def __init__(self, workspace: Workspace) -> None:
        self._path = workspace.lake.state(workspace.dataset.name) / "history" / "lateness.json"
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            self.made_from = {dt.date.fromisoformat(date): str(made) for date, made in found["made_from"].items()}
            self.changed: Changed = {
                (_date(date), _date(day)): {str(kind): int(counts[kind]) for kind in SESSION_CHANGES if kind in counts}
                for date, day, counts in found["changed"]
            }
        except (OSError, ValueError, TypeError, KeyError):  # missing, or of another version of the platform
            self.made_from, self.changed = {}, {}

    def save(self, made_from: Mapping[dt.date, str], changed: Changed) -> None:
        dates = {str(date): made for date, made in sorted(made_from.items())}
        rows = [[str(date), str(day), counts] for (date, day), counts in sorted(changed.items())]
        with atomic_write(self._path) as stream:
            stream.write(json.dumps({"made_from": dates, "changed": rows}).encode())


_date = dt.date.fromisoformat
