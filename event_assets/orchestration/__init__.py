"""The Dagster layer, derived from the pipeline's steps: assets, checks, jobs, sensors and the component.

Nothing is computed here: an op opens a workspace, passes it to `pipeline`, and reports the results.
"""

import warnings

import dagster as dg

# Partitioned checks and partition mappings that allow gaps are what we need; Dagster still labels them beta.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
