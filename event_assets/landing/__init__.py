"""Landing: a source file in, staged raw rows and rejects out. One pass a file; knows no ledger and no Dagster."""
