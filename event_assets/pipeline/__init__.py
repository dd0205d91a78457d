"""The platform's graph as data, and what runs it: landing, one date, a range. It knows no Dagster.

steps.py             every transform once: its tables, its inputs with their windows of dates, its rules
workspace.py         a dataset opened for reading or writing: its stores, ledger and engine together
land_files.py        files of the inbox into raw tables
sync_raw_tables.py   the raw tables match the ledger, the source of truth
staleness.py         what a unit would be made from, and so which units are stale
schedule.py          which dates of a step a run makes, and which must wait
stage_partitions.py  dates of a step computed, written to staging and checked
run.py               one step after another, and its partitions published
publish.py           how a staged partition replaces the version before it
plan.py              what a run would do, and why
reconcile.py         the figures by which no record is lost
"""
