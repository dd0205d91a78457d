"""The Dagster layer, derived from the graph: assets, checks, jobs, sensors, the component; and the datasets.

Nothing is computed here: an op opens a workspace, hands it to `graph`, and reports what came of it.
One folder below holds one dataset: its `defs.yaml`.
"""
