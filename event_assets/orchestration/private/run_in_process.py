"""Runs a job inside this process so that the UI shows the run under its job and on the timeline."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.tags import REPOSITORY_LABEL_TAG
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.utils import make_new_run_id

from event_assets.orchestration.private.command_liveness_lock import lock_of_run
from event_assets.orchestration.private.log_events import events_together

_REPOSITORY = "__repository__"


def run_in_process(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    tags: Mapping[str, str],
    run_config: Mapping[str, object],
    module: str,
    location: str,
) -> tuple[dg.DagsterRun, Sequence[dg.DagsterEvent]]:
    """Run a job of the code location that a module defines; the run as it ended, and its events."""
    target = LoadableTargetOrigin(executable_path=sys.executable, module_name=module)
    repository = RemoteRepositoryOrigin(ManagedGrpcPythonEnvCodeLocationOrigin(target, location), _REPOSITORY)
    run_id = make_new_run_id()
    with lock_of_run(instance.root_directory, run_id):
        with events_together(instance):  # that each table is planned
            run = instance.create_run_for_job(
                job_def=job,
                run_id=run_id,
                run_config=run_config,
                tags={**tags, REPOSITORY_LABEL_TAG: repository.get_label()},
                remote_job_origin=RemoteJobOrigin(repository, job.name),
            )
        result = execute_run(InMemoryJob(job), run, instance, raise_on_error=False)
    ended = instance.get_run_by_id(run.run_id)
    assert ended is not None
    return ended, result.all_events
