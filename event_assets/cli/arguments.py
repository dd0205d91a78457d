"""Arguments that name things: datasets and dates."""

from __future__ import annotations

import datetime as dt
import difflib
from typing import TYPE_CHECKING, Annotated

import typer

from event_assets.settings import load_settings

if TYPE_CHECKING:
    from event_assets.declaration import Dataset


def known_datasets(incomplete: str) -> list[str]:
    """What completion offers for a dataset's name."""
    from event_assets.declaration import load_datasets

    return [name for name in load_datasets(load_settings().datasets) if name.startswith(incomplete)]


#: The argument that names a dataset.
DatasetName = Annotated[str, typer.Argument(help="The dataset, such as shop.", autocompletion=known_datasets)]


def named_dataset(name: str) -> Dataset:
    """The dataset of that name; wrong usage where there is none."""
    from event_assets.declaration import load_datasets  # half a second, which help and wrong usage needn't wait for

    found = load_datasets(load_settings().datasets)
    if name not in found:
        close = difflib.get_close_matches(name, found, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(found)}"
        raise typer.BadParameter(f"no dataset is named {name!r}; {hint}")
    return found[name]


def parse_date(text: str, option: str) -> dt.date:
    """YYYY-MM-DD; wrong usage otherwise."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{option} {text!r} is not a valid date; write it as 2025-01-31") from None
