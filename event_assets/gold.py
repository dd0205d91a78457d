"""What a module with gold tables of your own imports: the decorator and the columns of a contract."""

from event_assets.tables.custom_table_functions import gold_table
from event_assets.tables.table import Column

__all__ = ["Column", "gold_table"]
