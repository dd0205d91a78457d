"""Pollock: one CSV table, polluted in 2,289 ways (HPI-Information-Systems/Pollock, VLDB 2023).

The measure is the paper's, as its `evaluate.py` and `metrics.py` compute it. A file scores 0 to 10: one for being
loaded at all, and precision, recall and F1 of the header's cells, of the records (a record is its normalised cells,
joined) and of all cells, as multisets. Simple is the mean over the files; weighted takes each file by how often its
pollution was met in the authors' survey (`pollock_weights.json`).

What counts as loaded is what landed: a record that is kept as a reject scores nothing. A table without a header is
compared without one. As in the paper's own harness, a reader with the dialect declared is told the column names, the
lines to pass over, delimiter, quote and escape, and nothing else.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.corpora.landed import Result, dataset_of, land
from event_assets.draft.csv_dialect import detect

csv.field_size_limit(2**31 - 1)


@dataclass(frozen=True)
class Loaded:
    """A loaded table as texts: its header (None where the file has none) and its records."""

    header: list[str] | None
    records: list[list[str]]

    @property
    def rows(self) -> list[list[str]]:
        return ([self.header] if self.header else []) + self.records


def run(folder: Path) -> None:
    files = folder / "polluted_files"
    weights = json.loads((folder / "pollock_weights.json").read_text())
    names = sorted(path.name for path in (files / "csv").iterdir())
    total = sum(weights[name] for name in names)
    for how in ("declared", "detected"):
        simple = weighted = accounted = 0.0
        worst: Counter[str] = Counter()
        for name in names:
            loaded, result = (_declared if how == "declared" else _detected)(files, name)
            score = pollock_score(_rows(files / "clean" / name), loaded.rows)
            accounted += result.accounted
            simple += score / len(names)
            weighted += score * weights[name] / total
            worst[re.sub(r"\d+", "N", name)] += (10 - score) * weights[name] / total
        print(f"dialect {how}: simple {simple:.4f}, weighted {weighted:.4f}, of 10")
        print(f"  accounted for: {accounted:.0f} of {len(names)} files")
        for kind, lost in worst.most_common(5):
            print(f"  {lost:.4f} weighted points lost by {kind}")


def _declared(files: Path, name: str) -> tuple[Loaded, Result]:
    told = json.loads((files / "parameters" / f"{name}_parameters.json").read_text())
    header = [column.strip() for column in told["column_names"]]
    width = len(header) or int(told["n_columns"])
    dataset = dataset_of(
        [f"column_{place + 1}" for place in range(width)],
        encoding=told["encoding"],
        csv={
            "delimiter": told["delimiter"] or ",",
            "quote": told["quotechar"] or '"',
            "escape": told["escapechar"] or '"',
            "header": False,
            "skip_lines": told["preamble_lines"] + told["header_lines"],
            "footer_lines": told["footnote_lines"],
        },
    )
    result = land(files / "csv" / name, dataset)
    return _loaded(header or None, result), result


def _detected(files: Path, name: str) -> tuple[Loaded, Result]:
    found = detect(files / "csv" / name)
    # Fields by place, so that no name of a header can make the file a rejected one.
    csv_keys = found.csv.model_dump()
    if found.header_lines:
        csv_keys |= {"header": False, "skip_lines": found.skip_lines + found.header_lines}
    places = [f"column_{place + 1}" for place in range(len(found.names))]
    dataset = dataset_of(places, encoding=found.encoding, lines=found.lines, csv=csv_keys)
    result = land(files / "csv" / name, dataset)
    return _loaded(list(found.names) if found.header_lines else None, result), result


def _loaded(header: list[str] | None, result: Result) -> Loaded:
    return Loaded(header, [[value or "" for value in row] for row in result.rows])


def _rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.reader(file))


def pollock_score(clean: list[list[str]], loaded: list[list[str]]) -> float:
    """The file's score of 10, as `evaluate.py` sums it up: success and the three measures of three things."""
    if not clean:
        return 10.0
    header = [normalised(cell) for cell in clean[0]]
    loaded_header = [normalised(cell) for cell in loaded[0]] if loaded else []
    records = ["".join(map(normalised, row)) for row in clean[1:]]
    loaded_records = ["".join(map(normalised, row)) for row in loaded[1:]]
    cells = [cell for row in clean for cell in row]
    loaded_cells = [cell for row in loaded for cell in row]
    pairs: list[tuple[list[str], list[str]]] = [
        (header, loaded_header),
        (records, loaded_records),
        (cells, loaded_cells),
    ]
    return 1 + sum(_precision_recall_f1(expected, found) for expected, found in pairs)


def _precision_recall_f1(expected: list[str], found: list[str]) -> float:
    """The sum of the three. (The paper's code calls precision what others call recall; the sum is the same.)"""
    if not expected:
        return 3.0
    common = (_multiset(expected) & _multiset(found)).total()
    if not common:
        return 0.0
    precision, recall = common / len(expected), common / len(found)
    return precision + recall + 2 * precision * recall / (precision + recall)


def _multiset(values: Iterable[Hashable]) -> Counter[Hashable]:
    return Counter(values)


def normalised(cell: str) -> str:
    """A cell as the paper compares those of headers and records: numbers by value, texts without regard to case.

    The paper's code also reads dates, times and amounts of money, with three libraries, so that one written in
    another way compares equal. Landing writes none in another way: it keeps the source's text.
    """
    if cell in ("False", "false"):
        return "0"
    if cell in ("True", "true"):
        return "1"
    for kind in (int, float):
        try:
            return str(kind(cell))
        except ValueError:
            continue
    return cell.lower()
