"""Concludes a run of a dataset: reports what no run reported, counts every record, updates calendar and warehouse."""

from __future__ import annotations

from functools import cache

import dagster as dg

from event_assets.orchestration.asset_keys import REPORT_TAG, asset_key
from event_assets.orchestration.dataset_run_resource import DatasetRun, requested_dates, selected_tables
from event_assets.orchestration.partition_dates import partitions
from event_assets.orchestration.private.code_server_of_run import reload_definitions
from event_assets.orchestration.private.log_events import log_events
from event_assets.orchestration.private.remove_backfill_partitions import BACKFILL_TAG, remove_backfill_partitions
from event_assets.orchestration.published_but_unreported import late_report_events, unreported
from event_assets.orchestration.reporting import lateness_events, reconciliation_events
from event_assets.orchestration.run_log import log_totals
from event_assets.orchestration.up_to_date_check import passed_again
from event_assets.orchestration.warehouse_asset import keep_current
from event_assets.pipeline.compute_lateness import publish_lateness
from event_assets.pipeline.reconcile import publish_reconciliation
from event_assets.pipeline.staleness.schedule import possible_dates
from event_assets.pipeline.steps import LATENESS, RECONCILIATION
from event_assets.pipeline.workspace import Workspace
from event_assets.tables.landed_tables import RAW_EVENTS


def conclude_run(context: dg.OpExecutionContext, current: DatasetRun) -> None:
    """Do what follows the last table of a run. Checks that run alone change nothing, so nothing follows them."""
    workspace, selected = current.workspace, selected_tables(context)
    if not selected:
        return
    if workspace.recovered or REPORT_TAG in context.run.tags:
        units = list(unreported(context.instance, workspace))
        log_events(context, (event for unit in units for event in late_report_events(workspace, unit)))
        if units:
            context.log.info(f"reported {len(units)} partitions that the lake has and that no run had reported")
    if LATENESS in workspace.tables and (publish_lateness(workspace) or LATENESS in selected):
        log_events(context, lateness_events(workspace))
    found, changed = publish_reconciliation(workspace)
    if changed or RECONCILIATION in selected:
        log_events(context, reconciliation_events(workspace, found))
    if not found.stale:
        log_events(context, passed_again(context.instance, workspace))
    log_totals(context, found)
    beside = (requested_dates(context, workspace) or frozenset()).difference(possible_dates(workspace, RAW_EVENTS))
    if beside:
        _log_without_records(context, workspace, "nothing was materialized", sorted(map(str, beside)))
    _show_calendar(context, current)
    current.progress.finished(workspace, found)
    keep_current(context, workspace)


def _show_calendar(context: dg.OpExecutionContext, current: DatasetRun) -> None:
    """Let the UI show the dates that were landed: it reads the calendar with the definitions."""
    workspace = current.workspace
    now = partitions(workspace.dataset, workspace.settings)
    _shorten_backfills(context, workspace, now)
    if now == current.calendar:
        return
    raw = workspace.dates(RAW_EVENTS)
    history = f"{raw[0]} to {raw[-1]}" if raw else "empty"
    reloaded = reload_definitions(context.run)
    how = "the definitions are reloaded to show it" if reloaded else "reload the definitions in the UI to see its dates"
    context.log.info(f"The history of {workspace.dataset.name} is now {history}: {how}")


def _shorten_backfills(context: dg.OpExecutionContext, workspace: Workspace, now: dg.PartitionsDefinition) -> None:
    """Leave dates without records that this run was for out of its backfill, and dates that leave the calendar of all.

    Another date without records stays requested: a file with its records may arrive before the run that is for it.
    """
    ours = {asset_key(workspace.dataset.name, name): name for name in workspace.tables}
    possible = cache(lambda table: {day.isoformat() for day in possible_dates(workspace, table)})
    mine = {day.isoformat() for day in requested_dates(context, workspace) or ()}

    def exists(backfill: str, asset: dg.AssetKey, date: str) -> bool:
        if asset not in ours:
            return True
        if backfill == context.run.tags.get(BACKFILL_TAG) and date in mine and asset in context.selected_asset_keys:
            return date in possible(ours[asset])
        return now.has_partition_key(date)

    if missing := sorted(remove_backfill_partitions(context.instance, exists)):
        _log_without_records(context, workspace, "taken out of the backfill", missing)


def _log_without_records(context: dg.OpExecutionContext, workspace: Workspace, what: str, dates: list[str]) -> None:
    named = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]} ({len(dates)} dates)"
    context.log.info(f"{workspace.dataset.name} has no records of {named}: {what}")
