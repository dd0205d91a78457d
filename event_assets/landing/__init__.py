"""Landing: source files in, staged raw Parquet out. One pass a file; no lake, no ledger, no Dagster."""
