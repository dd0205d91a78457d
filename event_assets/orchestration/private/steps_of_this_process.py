"""Which steps of a run a process executes: an executor of several processes gives each process a plan of its own."""

from __future__ import annotations

import dagster as dg


def steps_here(context: dg.OpExecutionContext) -> set[str]:
    """The keys of the steps that this process executes."""
    return set(context.get_step_execution_context().execution_plan.step_keys_to_execute)
