"""Outputs of a graph for which Dagster records no materialization of its own, and whether an asset outside the graph
runs after one.
"""

from __future__ import annotations

import dagster as dg
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION

#: The metadata of an output whose partitions were recorded one by one: Dagster adds no materialization of its own.
RECORDED = {SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True}


def feeds_other_assets(context: dg.OpExecutionContext, output: str) -> bool:
    """Whether an asset outside the op's graph runs after a graph's output, in the same run."""
    graph = context.op_handle.path[0]
    downstream = context.job_def.dependency_structure.output_to_downstream_inputs_for_node(graph)
    return any(inputs for source, inputs in downstream.items() if source.output_name == output)
