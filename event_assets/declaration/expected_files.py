"""Which files a dataset expects for each date."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field, field_validator

from event_assets.declaration.base import Declared, regular_expression


class Expect(Declared):
    """The files of events that each date is complete with."""

    files_per: Literal["date", "hour"] = "date"
    """Whether `count` files are expected for each date or for each of its hours, in the dataset's time zone."""
    count: int = Field(1, ge=1)
    """The number of expected files. Names are counted, whatever their content."""
    pattern: str | None = None
    """The names to count: a pattern as in `files`, or a regular expression whose groups match the date and the hour. By
    default every file of events is counted by the first date (and the hour after it) in its name."""
    due: dt.time | None = None
    """The time on the next date at which a date's files are due, such as `"02:00"`; a later run warns that they are
    overdue."""
    manifest: str | None = None
    """A pattern of CSV files with the columns `file` and `records`: a file whose number of records differs is rejected
    as `manifest_mismatch`, even if it was landed before."""
    hold: bool = False
    """Whether the gold tables of a date stay empty until its files are complete."""

    @field_validator("due", mode="before")
    @classmethod
    def _minutes_of_the_day(cls, value: object) -> object:
        """YAML reads 12:30 without quotes as a number to the base of 60."""
        minutes = value if isinstance(value, int) and not isinstance(value, bool) else None
        return value if minutes is None or not 0 <= minutes < 1440 else dt.time(minutes // 60, minutes % 60)

    @field_validator("pattern")
    @classmethod
    def _can_be_read(cls, value: str | None) -> str | None:
        return regular_expression(value) if value is not None and "(" in value else value

    @property
    def is_expression(self) -> bool:
        """Whether `pattern` is a regular expression with groups."""
        return self.pattern is not None and "(" in self.pattern
