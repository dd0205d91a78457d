"""What relies on private names of Dagster: each of them, as it is used, so that an upgrade that changes one is noticed.

The event log, the launcher and the quiet instance have tests of their own.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import dagster as dg
import pytest
from dagster_shared.serdes import serialize_value

from event_assets.declaration import load_datasets
from event_assets.orchestration.code_location import location_definitions, shared_definitions
from event_assets.orchestration.dataset_definitions import dataset_definitions
from event_assets.orchestration.line_logger import line_logger
from event_assets.orchestration.private.code_server_of_run import reload_definitions
from event_assets.orchestration.private.log_events import log_events
from event_assets.orchestration.private.one_line_failure import OneLineFailure
from event_assets.orchestration.private.outputs_without_materialization import RECORDED, feeds_other_assets
from event_assets.orchestration.private.replace_stored_texts import replace_texts
from event_assets.orchestration.private.run_in_process import run_in_process
from event_assets.orchestration.private.steps_of_this_process import steps_here
from event_assets.orchestration.reporting import escaped
from event_assets.pipeline.progress_listener import NullProgress
from event_assets_tests.world import places_of


def chain() -> dg.JobDefinition:
    """A graph whose output `one` a second asset reads, and whose output `two` none reads."""

    @dg.op(out={"one": dg.Out(dg.Nothing, is_required=False), "two": dg.Out(dg.Nothing, is_required=False)})
    def made(context):  # type: ignore[no-untyped-def]
        for name in ("one", "two"):
            if feeds_other_assets(context, name):
                yield dg.Output(None, name, metadata=RECORDED)

    graph = dg.GraphDefinition(
        "both",
        node_defs=[made],
        output_mappings=[dg.OutputMapping(name, "made", name) for name in ("one", "two")],  # type: ignore[arg-type]
    )
    first = dg.AssetsDefinition(
        node_def=graph, keys_by_output_name={"one": dg.AssetKey("one"), "two": dg.AssetKey("two")}, can_subset=True
    )

    @dg.asset(deps=[dg.AssetKey("one")])
    def after() -> None: ...

    definitions = dg.Definitions(assets=[first, after], executor=dg.in_process_executor)
    return definitions.resolve_implicit_global_asset_job_def()


def test_an_output_marked_as_recorded_lets_others_run_and_records_nothing() -> None:
    result = chain().execute_in_process()
    made = [event.asset_key.path[-1] for event in result.all_events if event.is_step_materialization]
    assert made == ["after"]
    assert {event.step_output_data.output_name for event in result.all_events if event.is_successful_output} == {
        "one",
        "result",
    }


def test_a_run_of_a_command_is_under_the_job_of_its_location() -> None:
    job = chain()
    with dg.DagsterInstance.ephemeral() as instance:
        run, events = run_in_process(job, instance, {"why": "test"}, {}, "event_assets.definitions", "event_assets")
        assert run.is_success
        assert run.tags["why"] == "test"
        assert run.tags[".dagster/repository"] == "__repository__@event_assets"
        assert run.remote_job_origin is not None
        assert run.remote_job_origin.repository_origin.code_location_origin.location_name == "event_assets"
        assert any(event.is_job_success for event in events)


@pytest.mark.parametrize("name", ["shop"])
def test_a_job_of_a_command_is_the_locations(name: str) -> None:
    # Otherwise the UI warns that a run may be of another version of its job.
    own = dg.Definitions.merge(
        dataset_definitions(load_datasets()[name], None, NullProgress()), shared_definitions()
    ).resolve_job_def(name)
    locations = location_definitions().get_repository_def().get_job(name)
    assert own.get_job_snapshot_id() == locations.get_job_snapshot_id()


def test_each_check_of_a_dataset_can_be_executed_by_itself_also_in_a_changed_copy() -> None:
    # Otherwise the UI disables "Execute" and "Execute all" on the Checks tab.
    own = dataset_definitions(load_datasets()["shop"], None, NullProgress())
    changed = own.map_resolved_asset_specs(func=lambda spec: spec.replace_attributes(owners=["team:web"]))
    for definitions in (own, changed):
        graph = definitions.resolve_asset_graph()
        keys = {*graph.asset_check_keys, *graph.executable_asset_keys}
        assert len(keys) > 30
        units = Counter(graph.get_execution_set_identifier(key) for key in keys)
        del units[None]  # by itself
        assert set(units.values()) == {1}, units  # `up_to_date` is a unit of one
    assert graph.get(dg.AssetKey(["shop", "sessions"])).owners == ["team:web"]


def test_events_that_only_the_storage_receives_are_stored_as_those_that_a_logger_receives_too() -> None:
    @dg.op
    def reports(context):  # type: ignore[no-untyped-def]
        made = dg.AssetMaterialization("sessions", partition="2025-01-05", metadata={"rows": 3})
        found = dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey("sessions"), check_name="contract", passed=True, metadata={}, partition="2025-01-05"
        )
        log_events(context, [made, found])

    @dg.job(executor_def=dg.in_process_executor, logger_defs={"lines": line_logger, "all": dg.colored_console_logger})
    def one() -> None:
        reports()

    def stored(loggers: dict[str, object]) -> list[object]:
        with dg.DagsterInstance.ephemeral() as instance:
            result = one.execute_in_process(run_config={"loggers": loggers}, instance=instance)
            kinds = {dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_CHECK_EVALUATION}
            told = [event for event in result.all_events if event.event_type in kinds]
            entries = [entry for entry in instance.all_logs(result.run_id) if entry.dagster_event_type in kinds]
            assert told == [entry.dagster_event for entry in entries]
            return [_without_run(entry, result.run_id) for entry in entries]

    quiet, heard = stored({"lines": {"config": False}}), stored({"all": {"config": {"log_level": "DEBUG"}}})
    assert quiet == heard
    assert len(quiet) == 2


def _without_run(entry: dg.EventLogEntry, run_id: str) -> object:
    text = serialize_value(entry._replace(timestamp=0.0)).replace(run_id, "RUN")
    return re.sub(r'"(timestamp|storage_id)": [0-9.]+', r'"\1": 0', text)


def test_a_failure_shows_its_line_and_none_of_dagsters_calls() -> None:
    @dg.op
    def fails() -> None:
        raise OneLineFailure("shop/sessions 2025-01-05: was not published")

    @dg.job(executor_def=dg.in_process_executor)
    def one() -> None:
        fails()

    [event] = [e for e in one.execute_in_process(raise_on_error=False).all_events if e.is_step_failure]
    error = event.step_failure_data.error
    assert error is not None
    assert error.message == "event_assets.Failure: shop/sessions 2025-01-05: was not published\n"
    assert len(error.stack) == 1
    assert event.step_failure_data.user_failure_data is not None
    assert event.step_failure_data.user_failure_data.description == "shop/sessions 2025-01-05: was not published"


def test_a_process_knows_the_steps_that_it_executes() -> None:
    found = []

    @dg.op
    def one(context) -> None:  # type: ignore[no-untyped-def]
        found.append(steps_here(context))

    @dg.job(executor_def=dg.in_process_executor)
    def two() -> None:
        one.alias("a")()
        one.alias("b")()

    two.execute_in_process()
    assert found == [{"a", "b"}] * 2
    assert reload_definitions(dg.DagsterRun("two")) is False


def test_names_of_erased_users_are_replaced_in_all_that_dagster_stores(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    name = 'clicks_zo"é_7731.csv'

    @dg.asset
    def made(context) -> dg.MaterializeResult:  # type: ignore[no-untyped-def]
        context.log.info(f"Loaded {name}")
        return dg.MaterializeResult(metadata={"file": name, "shown": dg.MetadataValue.md(escaped(name))})

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        result = dg.materialize([made], instance=instance, tags={"why": name})
    captured = tmp_path / "storage" / "a.err"
    captured.write_text(name)
    replace_texts(tmp_path, {name: "clicks_•••.csv"})
    assert places_of(tmp_path, "é_7731") == places_of(tmp_path, "95;7731") == places_of(tmp_path, "00e9_7731") == []
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        run = instance.get_run_by_id(result.run_id)
        assert run is not None
        assert run.tags["why"] == "clicks_•••.csv"
        lines = [entry.user_message for entry in instance.all_logs(result.run_id)]
        assert "Loaded clicks_•••.csv" in lines
        [event] = instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        assert (
            event.get_dagster_event().step_materialization_data.materialization.metadata["file"].value
            == run.tags["why"]
        )
    assert captured.read_text() == "clicks_•••.csv"
