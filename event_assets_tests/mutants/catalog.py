"""Deliberate faults: each breaks one rule of the platform in one line, and names the tests that should notice it."""

from __future__ import annotations

from event_assets_tests.mutants.mutant import mutant
from event_assets_tests.mutants.visitors import VISITOR_MUTANTS

_LAWS = "event_assets_tests/pipeline/test_laws.py"
_SESSIONS = "event_assets_tests/transforms/test_sessions.py"
_CLEAN = "event_assets_tests/transforms/test_clean.py"
_FUNNEL = "event_assets_tests/transforms/test_funnel.py"
_GOLD = "event_assets_tests/transforms/test_gold.py"
_PROFILES = "event_assets_tests/transforms/test_profiles.py"
_INCREMENTAL = "event_assets_tests/pipeline/test_incremental.py"
_ERASURE = "event_assets_tests/pipeline/test_erasure.py"
_TABLES = "event_assets_tests/storage/test_tables.py"


MUTANTS = (
    # Sessions
    mutant(
        "session gap: >= in place of >",
        "transforms/sessions.py",
        'nw.col("time us") - nw.col("us before") > _gap(scope)',
        'nw.col("time us") - nw.col("us before") >= _gap(scope)',
        _SESSIONS,
    ),
    mutant(
        "a session goes on past midnight only within less than the gap",
        "transforms/sessions.py",
        'nw.col("part us") - nw.col("last us") <= _gap(scope)',
        'nw.col("part us") - nw.col("last us") < _gap(scope)',
        _SESSIONS,
    ),
    mutant(
        "midnight rule looks one date too far back",
        "transforms/sessions.py",
        "yesterday = scope.days_before(edges, 1)",
        "yesterday = scope.days_before(edges, 2)",
        _SESSIONS,
    ),
    mutant(
        "midnight rule without the date before the date before",
        "transforms/sessions.py",
        'first_is_gap_start = (nw.col("first us") - nw.col("last before") > _gap(scope)).fill_null(True)',
        'first_is_gap_start = nw.col("first us").is_null()',
        _SESSIONS,
    ),
    mutant(
        "a session that goes on begins at its part",
        "transforms/sessions.py",
        'nw.when(goes_on).then(nw.col("carried start"))',
        'nw.when(goes_on).then(nw.col("part_start"))',
        _SESSIONS,
    ),
    mutant(
        "the continuation of a session is not counted",
        "transforms/sessions.py",
        '(nw.col(name) + nw.col(f"{name} later")).alias(name)',
        "nw.col(name)",
        _SESSIONS,
    ),
    mutant(
        "events at one instant in any order",
        "transforms/session_parts.py",
        'ORDER: Final = ["time us", "event_id"]',
        'ORDER: Final = ["time us"]',
        _SESSIONS,
        "event_assets_tests/transforms/test_laws.py",
    ),
    # Cleaning and deduplication
    mutant(
        "of duplicates the last one is kept",
        "transforms/clean.py",
        '"file_id", "row_number"], within=scope.by("event_id"))',
        '"file_id", "row_number"], within=scope.by("event_id"), from_last=True)',
        _CLEAN,
    ),
    mutant(
        "the kept duplicate depends on the file",
        "transforms/clean.py",
        '["event_time_us", *values, "file_id", "row_number"]',
        '["event_time_us", "file_id", "row_number"]',
        _CLEAN,
        _LAWS,
    ),
    mutant(
        "look-back short by one date",
        "transforms/clean.py",
        "earlier.filter(reach >= date)",
        "earlier.filter(reach > date)",
        _CLEAN,
        "event_assets_tests/pipeline/test_deduplication.py",
    ),
    mutant(
        "look-back counts the own date",
        "transforms/clean.py",
        'nw.col("key date") < date',
        'nw.col("key date") <= date',
        _CLEAN,
        "event_assets_tests/pipeline/test_deduplication.py",
    ),
    mutant(
        "a later date's duplicates are kept",
        "transforms/clean.py",
        '(nw.col("row place") == 1) & ~nw.col("is earlier")',
        'nw.col("row place") == 1',
        _CLEAN,
    ),
    mutant(
        "duplicates aren't counted",
        "transforms/clean.py",
        '"duplicates": duplicates,',
        '"duplicates": duplicates.head(0),',
        _CLEAN,
    ),
    mutant(
        "required columns may be null",
        "transforms/clean.py",
        "declared = {column.name for column in dataset.columns if column.required}",
        "declared: set[str] = set()",
        _CLEAN,
    ),
    # Profiles and facts
    mutant(
        "a profile holds from the day after",
        "transforms/joined_facts.py",
        '(nw.col("valid_from") <= day)',
        '(nw.col("valid_from") < day)',
        _PROFILES,
        "event_assets_tests/pipeline/test_late_profiles.py",
    ),
    mutant(
        "no profile before the first",
        "transforms/joined_facts.py",
        '(nw.col("valid_from") <= day) | nw.col("from before").is_null()',
        '(nw.col("valid_from") <= day)',
        _PROFILES,
        "event_assets_tests/pipeline/test_late_profiles.py",
    ),
    mutant(
        "of one user's profiles in a file the first stands",
        "transforms/profiles.py",
        "among_equals(frame, order, within=by, from_last=True)",
        "among_equals(frame, order, within=by)",
        _PROFILES,
    ),
    mutant(
        "filtered facts aren't counted",
        "transforms/joined_facts.py",
        '"filtered": filtered,',
        '"filtered": filtered.head(0),',
        _PROFILES,
        "event_assets_tests/pipeline/test_reconciliation.py",
        _GOLD,
    ),
    # Funnel and ranking
    mutant(
        "the funnel's window is open at its end",
        "transforms/funnel.py",
        'nw.col("next us") - nw.col("begin us") <= window',
        'nw.col("next us") - nw.col("begin us") < window',
        _FUNNEL,
    ),
    mutant(
        "the funnel's window counts from the step before",
        "transforms/funnel.py",
        'nw.col("next us") - nw.col("begin us") <= window',
        'nw.col("next us") - nw.col("in sequence") <= window',
        _FUNNEL,
    ),
    mutant(
        "ties of the ranking by number",
        "transforms/top_users.py",
        'nw.col("user_id").cast(nw.String).alias("user text")',
        'nw.col("user_id").alias("user text")',
        _GOLD,
    ),
    mutant(
        "one user too many in the ranking",
        "transforms/top_users.py",
        'nw.col("row place") <= most',
        'nw.col("row place") <= most + 1',
        _GOLD,
    ),
    # Landing
    mutant(
        "a time exactly at the limit is out of range",
        "landing/raw_rows.py",
        "(times > latest)",
        "(times >= latest)",
        "event_assets_tests/landing/test_land_file.py",
        "event_assets_tests/pipeline/test_input.py",
    ),
    mutant(
        "records of the first date are out of range",
        "landing/raw_rows.py",
        "(times < self._earliest)",
        "(times <= self._earliest)",
        "event_assets_tests/landing/test_land_file.py",
        "event_assets_tests/pipeline/test_input.py",
    ),
    mutant(
        "files that land together take the time limits of the first",
        "landing/raw_rows.py",
        "if len(set(values)) == 1 else",
        "if len(set(values)) >= 1 else",
        "event_assets_tests/landing/test_land_together.py",
    ),
    # Staleness, publishing, incremental runs
    mutant(
        "staleness without the dates around",
        "pipeline/staleness/input_digest.py",
        "return [(unit, entry.content) for unit, entry in units if entry.content != EMPTY_CONTENT]",
        "return [(unit, entry.content) for unit, entry in units if unit == unit_of(date)]",
        _INCREMENTAL,
    ),
    mutant(
        "staleness without the rules",
        "pipeline/staleness/input_digest.py",
        "parts: list[object] = [step.rules]",
        "parts: list[object] = [step.name]",
        _INCREMENTAL,
        "event_assets_tests/pipeline/test_plan.py",
    ),
    mutant(
        "an unchanged result goes on as a change",
        "pipeline/publish.py",
        "changed = before is None or before.content != content",
        "changed = True",
        _INCREMENTAL,
    ),
    mutant(
        "published without a check",
        "pipeline/run_steps.py",
        "return all(table.sound for table in self.tables.values())",
        "return True",
        "event_assets_tests/pipeline/test_contracts_hold.py",
    ),
    mutant(
        "sessions don't read the next date",
        "pipeline/steps.py",
        'Input("session_parts", after=1)',
        'Input("session_parts")',
        _INCREMENTAL,
        _LAWS,
    ),
    # Erasure
    mutant(
        "erase leaves rejects",
        "pipeline/erase.py",
        "        if any(judge.takes(verdict) for judge, verdict in zip(judges, verdicts, strict=True)):",
        "        if not judges:",
        _ERASURE,
    ),
    mutant(
        "erase leaves dates that retention closed",
        "pipeline/erase.py",
        "        _cut_closed(workspace, staging, erasings)\n",
        "",
        _ERASURE,
        "event_assets_tests/pipeline/test_retention.py",
    ),
    mutant(
        "erase without a tombstone",
        "pipeline/erase.py",
        "workspace.ledger.rewrite([*tombstones, *changed], masking.entry)",
        "workspace.ledger.rewrite([*changed], masking.entry)",
        _ERASURE,
    ),
    # Storage
    mutant(
        "files of another size are taken as sound",
        "storage/table_store.py",
        "if sizes.get(path) != file.bytes}",
        "if path not in sizes}",
        "event_assets_tests/faults/test_lost_files.py",
    ),
    *VISITOR_MUTANTS,
)
