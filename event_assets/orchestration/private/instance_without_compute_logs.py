"""Dagster's instance with the capture of printed output switched off, for runs inside a command's process.

Dagster captures what a step prints by two processes per step. They cost time at every step, and on Ctrl-C each of them
prints a traceback. The instance's own setting of compute logs is overridden here by private names, since there is no
public way to override a part of an instance.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._core.instance.types import InstanceType

from event_assets.errors import LakeError

_NO_COMPUTE_LOGS = {
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
}


@contextmanager
def instance_without_compute_logs(home: Path) -> Iterator[dg.DagsterInstance]:
    """The instance of a home with the settings of its dagster.yaml, but without compute logs."""
    # A connection that Ctrl-C interrupts while it is closed is no news to the user.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL + 1)
    with storage_errors(home), _instance(InstanceRef.from_dir(str(home), overrides=_NO_COMPUTE_LOGS)) as instance:
        yield instance


def _instance(ref: InstanceRef) -> dg.DagsterInstance:
    """As `DagsterInstance.from_ref`, without what loads code locations: the state of components, files of secrets.
    Their libraries take a fifteenth of the start of a run."""
    storage = ref.storage
    assert storage is not None
    return (ref.custom_instance_class or dg.DagsterInstance)(
        InstanceType.PERSISTENT,
        ref=ref,
        local_artifact_storage=ref.local_artifact_storage,
        run_storage=storage.run_storage,
        event_storage=storage.event_log_storage,
        schedule_storage=storage.schedule_storage,
        compute_log_manager=None,  # these three are opened when they are used
        run_coordinator=None,
        run_launcher=None,
        scheduler=ref.scheduler,
        settings=ref.settings,
        **ref.custom_instance_class_config,
    )


@contextmanager
def storage_errors(home: Path) -> Iterator[None]:
    """LakeError where Dagster's database can't be read or written inside."""
    try:
        yield
    except Exception as error:
        from sqlalchemy.exc import DBAPIError  # loads a database, which the definitions needn't wait for

        if not isinstance(error, DBAPIError):
            raise
        remedy = "free space, or restore it, or move it away: it has the history of runs, and no table needs it"
        raise LakeError(str(home), f"Dagster's storage can't be used ({error.orig})", remedy) from None
