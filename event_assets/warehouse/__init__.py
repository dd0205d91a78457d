"""The lake's tables as DuckDB views: the door through which they are queried but never changed (query.py), and the
file for other tools (database_file.py)."""
