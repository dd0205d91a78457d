"""What other forms of input cost beside the plainest: `python -m benchmarks.real_exports [ROWS]`.

Each pair of files holds the same events; one is written with ISO times and plain columns, the other in a form that
costs at most 1.3 times as much CPU (docs/input.md). Both are landed and their records judged in this process, in turn,
several times; the least CPU time of each counts.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl

from event_assets.declaration import Dataset, parse_dataset
from event_assets.engines.polars.engine import PolarsEngine
from event_assets.landing.inbox import identify
from event_assets.landing.land_file import land_file
from event_assets.transforms.clean import required_columns
from event_assets.transforms.interface import Scope
from event_assets.transforms.validate import judged

LIMIT = 1.3
_ROUNDS = 5
_START = dt.datetime(2025, 1, 1)
_LANDED_AT = dt.datetime(2025, 12, 31, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Form:
    """One way of writing the events: the declaration of its block, and the file's text."""

    block: dict[str, Any]
    text: str
    name: str = "a.csv"

    @property
    def dataset(self) -> Dataset:
        columns = [{"description": "x", **column} for column in self.block["columns"]]
        events = {"files": ["**/*"], "format": "csv", "time": {"source": "at"}, **self.block, "columns": columns}
        return parse_dataset(
            {"name": "forms", "description": "x", "start_date": "2020-01-01", "events": events,
             "deduplicate": {"keys": ["event_time"]}}, "forms"
        )  # fmt: skip


def pairs(rows: int) -> Iterator[tuple[str, Form, Form]]:
    """(what is compared, the plain form, the other one)."""
    times = [_START + dt.timedelta(seconds=37 * row) for row in range(rows)]
    plain = _csv(times, "{at:%Y-%m-%dT%H:%M:%S}", "{price:.2f}")
    columns = [{"name": "user_id", "source": "user"}, {"name": "event_type", "source": "kind"}, {"name": "page"}]
    price = {"name": "price", "type": "decimal(10,2)"}
    base = Form({"columns": [*columns, price]}, plain)
    pattern = {"source": "at", "format": "%d.%m.%Y %H:%M:%S"}
    yield (
        "times by pattern",
        base,
        Form({"columns": [*columns, price], "time": pattern}, _csv(times, "{at:%d.%m.%Y %H:%M:%S}", "{price:.2f}")),
    )
    named = {"source": "at", "format": "%d/%b/%Y:%H:%M:%S %z"}
    text = _csv(times, "{at:%d/%b/%Y:%H:%M:%S} +0000", "{price:.2f}")
    yield "times with names of months", base, Form({"columns": [*columns, price], "time": named}, text)
    numbers = {"decimal": ",", "thousands": "."}
    text = _csv(times, "{at:%Y-%m-%dT%H:%M:%S}", '"{price:.2f}"', lambda text: text.replace(".", ","))
    quoted = _csv(times, "{at:%Y-%m-%dT%H:%M:%S}", '"{price:.2f}"')
    yield "decimal commas", Form(base.block, quoted), Form({**base.block, "numbers": numbers}, text)
    two = [{"name": "user_id", "source": ["account", "user"]}, *columns[1:], price]
    text = _csv(times, "{at:%Y-%m-%dT%H:%M:%S}", "{price:.2f}", further="account", value="a1")
    yield "users by two fields", Form(base.block, text), Form({**base.block, "columns": two}, text)
    day = {"name": "day", "source": "file_path", "pattern": "dt=([0-9-]+)"}
    yield (
        "folders",
        base,
        Form({"columns": [*columns, price, day], "files": ["**/*.csv"]}, plain, "dt=2025-01-01/h=1/a.csv"),
    )
    array = [{"name": "price"}, {"name": "page"}]
    keys = [
        {"name": "price", "source": "params[key=price].value.number"},
        {"name": "page", "source": "params[key=page].value.text"},
    ]
    lines = _lines(times)
    yield (
        "looks up by key",
        Form({"format": "ndjson", "columns": [*columns[:2], *array]}, lines, "a.ndjson"),
        Form({"format": "ndjson", "columns": [*columns[:2], *keys]}, lines, "a.ndjson"),
    )
    paid = {"format": "ndjson", "columns": [*columns, {**price, "source": "paid"}]}
    yield (
        "numbers where texts have decimal commas",
        Form(paid, lines, "a.ndjson"),
        Form({**paid, "numbers": numbers}, lines, "a.ndjson"),
    )


def cpu_seconds(form: Form, folder: Path) -> float:
    """The CPU time of landing a file and judging its records."""
    path = folder / "file"
    path.write_text(form.text, encoding="utf-8")
    dataset, frames = form.dataset, list[pl.DataFrame]()
    identity = identify(path)
    began = time.process_time()
    landed = land_file(
        dataset, "events", path, form.name, identity, folder / "staged", landed_at=_LANDED_AT,
        memory_bytes=2**30, rows=frames.append,
    )  # fmt: skip
    assert landed.rejected == 0, landed.reasons
    scope = Scope(dataset, PolarsEngine().ports)
    records = judged(nw.from_native(pl.concat(frames).lazy()), dataset.columns, required_columns(dataset), scope)
    found: Any = records.filter(~nw.col("is valid")).collect()
    assert found.shape[0] == 0
    return time.process_time() - began


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    print("| form | CPU, plain | CPU | ratio |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, plain, other in pairs(rows):
            rounds = [[cpu_seconds(form, Path(folder)) for form in (plain, other)] for _ in range(_ROUNDS)]
            least = [min(some) for some in zip(*rounds, strict=True)]
            ratio = least[1] / least[0]
            print(f"| {name} | {least[0]:.2f} | {least[1]:.2f} | {ratio:.2f}{' (over the limit)' * (ratio > LIMIT)} |")


def _csv(
    times: list[dt.datetime],
    at: str,
    price: str,
    change: Callable[[str], str] = str,
    further: str = "",
    value: str = "",
) -> str:
    header = ",".join(["user", "kind", "at", "page", "price", *([further] if further else [])])
    rows = [header]
    for row, moment in enumerate(times):
        cells = [f"user-{row % 5000}", "view", at.format(at=moment), f"/page/{row % 100}"]
        cells.append(change(price.format(price=row % 90_000 / 100)))
        rows.append(",".join([*cells, *([value if row % 2 else ""] if further else [])]))
    return "\n".join(rows) + "\n"


def _lines(times: list[dt.datetime]) -> str:
    def parameter(key: str, text: str | None, number: float | None) -> dict[str, Any]:
        return {"key": key, "value": {"text": text, "number": number}}

    lines = []
    for row, at in enumerate(times):
        params = [parameter("page", f"/page/{row % 100}", None), parameter("price", None, row % 90_000 / 100)]
        params += [parameter(f"other_{number}", "x", None) for number in range(6)]
        record = {"user": f"user-{row % 5000}", "kind": "view", "at": at.isoformat(), "price": 1, "page": "/"}
        record["paid"] = row % 90_000 / 100
        record["params"] = params
        lines.append(json.dumps(record))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
