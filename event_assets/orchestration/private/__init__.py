"""What relies on private names of Dagster. Each name has a test that fails when Dagster changes it."""
