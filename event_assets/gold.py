"""What a module of one's own imports to declare a gold table: the decorator and the columns of its contract."""

from event_assets.tables.custom_table_functions import gold_table
from event_assets.tables.table import Column

__all__ = ["Column", "gold_table"]
