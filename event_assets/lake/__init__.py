"""Where tables live: immutable Snappy Parquet files, published through a transaction log.

Only this room writes below `LAKE`. It knows no table by name: what a table holds comes in as its
contract, what a partition was made from as a digest. docs/adr/0002 says why it is built so.

    LAKE/<dataset>/<table>/event_date=D/*.parquet   the tables, readable by any Parquet reader
    LAKE/<dataset>/<table>/_delta_log/              which files count
    LAKE/<dataset>/_state/                          ledger of source files, staging, lease
"""

from event_assets.lake.lake import Lake, TableStore
from event_assets.lake.partitions import EMPTY_CONTENT, Entry, Staged

__all__ = ["EMPTY_CONTENT", "Entry", "Lake", "Staged", "TableStore"]
