"""The DuckDB engine: how it scans, computes and writes, and the ports that Narwhals lacks."""
