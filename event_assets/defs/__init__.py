"""The Dagster layer, derived from the graph: assets, checks, jobs, sensors, the component; and the datasets.

Nothing is computed here: an op opens a workspace, hands it to `graph`, and reports what came of it.
One folder below holds one dataset: its `defs.yaml`.
"""

import warnings

import dagster as dg

# Partitioned checks and partition mappings that allow gaps are what we need, and still labelled so.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
