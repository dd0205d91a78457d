"""The platform's graph as data, and what runs it: landing, one date, a range. It knows no Dagster.

step.py              a transform with its tables, its inputs with their windows of dates, its rules
steps.py             the graph: the steps of a dataset, upstream first
published_tables.py  a dataset's tables and ledger as they are published
workspace.py         the same with the steps and the engine, opened for reading or writing
pending_files.py     the files of the inbox that have to be landed
land_files.py        files of the inbox into raw tables
land_in_groups.py    small files landed together
sync_raw_tables.py   the raw tables match the ledger, the source of truth
staleness/           which partitions are stale, why, what a late file touches, and what a run therefore computes
stage_partitions.py  dates of a step computed, written to staging and checked
run_steps.py         one step after another, and its partitions published
outcome_messages.py  the messages about a partition that was not published, or that waits
publish.py           how a staged partition replaces the version before it
plan.py              what a run would do, and why
reconcile.py         the figures by which no record is lost
"""
