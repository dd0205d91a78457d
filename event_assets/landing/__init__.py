"""Landing: reads a source file once and stages its raw rows and rejects; knows no ledger and no Dagster."""
