"""A CSV file of events cut off at 500 places: each whole record lands, and all are accounted for.

The folder holds a CSV file such as an export of a shop (the first 2 MB of the largest one are taken). Of what is cut
off, the last line may be a whole record, or one reject; the records before it land as they do from the whole file.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from benchmarks.corpora.landed import dataset_of, land
from event_assets.draft.csv_dialect import detect

CUTS = 500
_BYTES = 2 * 1024 * 1024


def run(folder: Path) -> None:
    """Print how many cuts were accounted for, and how many kept every record before the cut."""
    largest = max(folder.rglob("*.csv"), key=lambda path: path.stat().st_size)
    content = largest.open("rb").read(_BYTES)
    dataset = dataset_of(detect(largest).names)
    draw = random.Random(1)
    accounted = kept = 0
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "cut.csv"
        path.write_bytes(content[: content.rfind(b"\n") + 1])
        whole = land(path, dataset).rows
        for _ in range(CUTS):
            # Half of the cuts lie close behind a line end, where most can go wrong.
            place = draw.randrange(len(content))
            if draw.random() < 0.5:
                place = content.find(b"\n", place) + draw.randrange(-2, 3)
            path.write_bytes(content[: max(0, place)])
            result = land(path, dataset)
            lines = max(0, content[:place].rstrip(b"\r\n").count(b"\n"))
            accounted += result.accounted and len(result.rows) + len(result.rejects) == lines
            kept += result.rows[: lines - 1] == whole[: max(0, lines - 1)]
    print(f"{largest.name}: accounted for {accounted} of {CUTS} cuts, all records before the cut kept in {kept}")
