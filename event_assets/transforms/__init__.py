"""Each table's meaning, written once: frames in, frames out, in Narwhals.

A transform is a pure function `transform(inputs, scope) -> Outputs`. It knows no Dagster, no path, no
clock, no environment and no engine; what Narwhals lacks, the engine's `Ports` provide.
"""
