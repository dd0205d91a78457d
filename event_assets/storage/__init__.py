"""Where tables are stored: immutable Snappy Parquet files, published through a transaction log.

Only this room writes below `LAKE`, on a disk or in an object store. It knows no table by name: a table's columns come
in as its contract, the inputs of a partition as a digest (docs/adr/0002, docs/adr/0014).

    LAKE/<dataset>/<table>/event_date=D/*.parquet   the tables, readable by any Parquet reader
    LAKE/<dataset>/<table>/_delta_log/              which files are current
    LAKE/<dataset>/_state/                          ledger of source files, staging, lease
"""
