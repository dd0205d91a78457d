"""nst/JSONTestSuite: what must be accepted (y_), what must be refused (n_), what may be either (i_).

Each text is put into a record as the value of a member, `{"user_id": TEXT}`, once as an NDJSON line where it has no
line break and once as an element of an array; and each file as it stands is landed under both formats. A text counts
as accepted where its record lands, as refused where it is rejected or its file is; both forms must agree.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.corpora.landed import dataset_of, land


def run(folder: Path) -> None:
    """Print how many of each kind were accepted and refused, and what was expected otherwise."""
    seen: Counter[tuple[str, str]] = Counter()
    accounts = files = 0
    with tempfile.TemporaryDirectory() as scratch:
        for path in sorted((folder / "test_parsing").glob("*.json")):
            text = path.read_bytes()
            verdicts = {_verdict(Path(scratch), text, format) for format in _formats(text)}
            verdict = "both ways" if len(verdicts) > 1 else verdicts.pop()
            kind = path.name[0]
            seen[kind, verdict] += 1
            if (kind, verdict) in (("y", "refused"), ("n", "accepted")) or verdict == "both ways":
                print(f"  {path.name}: {verdict}")
        for path in sorted(folder.rglob("*.json")):
            for format in ("json", "ndjson"):
                files += 1
                accounts += land(path, dataset_of(["a"], format=format)).accounted
    y, n, i = (sum(count for (kind, _), count in seen.items() if kind == letter) for letter in "yni")
    print(f"accepted {seen['y', 'accepted']} of {y} that must be, refused {seen['n', 'refused']} of {n} that must be")
    undecided = ", ".join(f"{verdict} {seen['i', verdict]}" for verdict in ("accepted", "refused", "crashed"))
    print(f"undecided {i}: {undecided}")
    print(f"accounted for: {accounts} of {files} files landed as they stand")


def _formats(text: bytes) -> list[str]:
    return ["json"] if b"\n" in text or b"\r" in text else ["json", "ndjson"]


def _verdict(scratch: Path, text: bytes, format: str) -> str:
    record = b'{"user_id": ' + text + b"}"
    path = scratch / "file"
    path.write_bytes(b"[" + record + b"]" if format == "json" else record + b"\n")
    try:
        result = land(path, dataset_of(["user_id"], format=format))
    except Exception:
        return "crashed"
    assert result.accounted
    return "accepted" if len(result.rows) == 1 and not result.rejects else "refused"
