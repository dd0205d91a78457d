"""The glossary's words against what a reader meets: messages, docstrings, comments, docs and pages.

Each pattern is a mannered phrase of which a reader whose first language isn't English can't guess the meaning. The
limits only ever go down: a page or module that is rewritten takes its number with it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

AVOID = {
    "is no <noun>": r"\bis no (date|number|file|table|folder|column|dataset|key|time|id|record)\b",
    "stays as it was": r"\bwhat was there stays\b|\bstays as it was\b",
    "what counts": r"\b(which|what) counts\b",
    "told, gone, held, said, asked": r"\b(told|gone|held|said|asks|asked)\b",
    "nobody": r"\bnobody\b",
    "mend": r"\bmend(s|ed|ing)?\b",
    "make good": r"\b(make|makes|made|making) good\b",
    "for good": r"\bfor good\b",
    "stands in, lies in": r"\b(stand|lie)s? in\b",
    "anew": r"\banew\b",
    "a number as so many": r"(?:#:?|\"\"\") ?So (many|often|long|much)\b",
    "an A a B": (
        r"\b[Oo]ne (\w+ )?(?!(at|by|for|from|in|of|on|or|over|to|where|with|without)\b)\w*[^\Ws] a "
        r"(date|day|dataset|unit|partition|table|step|file|line|record|row|field|column|value|kind|process|worker|user)\b"
    ),
    "a lake aside": r"\blake aside\b",
    "a partition that is refused": (
        r"\b(partitions?|dates?|tables?|units?|steps?)( that)? (was|were|is|are) refused\b"
        r"|\brefused (partition|date|table|unit|step)s?\b|\brefused,? or wait"
    ),
    "the intake": r"\b(the|an) intake\b",
    "a table that is made": r"\b(partition|table)s? (that )?(is|are|was|were) made (from|of|by|again)\b|\bnever made\b",
    "a text that is not in the repository": r"\bSPEC\b",
}
#: Of the docs only: the code's comments still have some.
IN_DOCS = {
    "made again": r"\b(made|make|makes) again\b",
    "goes on": r"\b(goes|go|went) on\b",
    "comes out the same": r"\b(comes?|came) out\b",
    "of before, of now": r"\bof (before|now)\b",
}


def found(folder: Path, *suffixes: str) -> list[str]:
    lines = []
    for path in sorted(folder.rglob("*")):
        if path.suffix in suffixes and "vendor" not in path.parts and path.name != "glossary.md":
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
                patterns = AVOID | (IN_DOCS if path.suffix == ".md" else {})
                lines += [f"{path.name}:{number}: {line.strip()}" for p in patterns.values() if re.search(p, line)]
    return lines


@pytest.mark.parametrize("folder", ["event_assets", "docs"])
def test_words_that_the_glossary_avoids_are_not_used(repository: Path, folder: str) -> None:
    wrong = found(repository / folder, ".py", ".md", ".html", ".js", ".yaml")
    assert not wrong, f"{len(wrong)} lines:\n" + "\n".join(wrong[:200])


def test_the_patterns_find_what_they_are_for(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "'x' is no date; mend it.\nIt is told of.\nA number is a date.\nheld = 1\nIt is made again.\n"
        "#: So many rows.\nOne line a table.\nIn a lake aside.\nA date was refused.\nThe record was refused.\n",
        encoding="utf-8",
    )
    assert [line.split(":")[1] for line in found(tmp_path, ".md")] == ["1", "1", "2", "4", "5", "6", "7", "8", "9"]


def test_the_docs_name_modules_that_exist(repository: Path) -> None:
    package = repository / "event_assets"
    rooms = {path.name for path in package.iterdir() if path.is_dir()}
    examples = {"cli/NAME.py", "landing/FORMAT.py", "transforms/buyers.py"}
    named = [
        (page.name, match[0])
        for page in [*(repository / "docs").rglob("*.md"), repository / "README.md", repository / "CONTRIBUTING.md"]
        for match in re.finditer(r"\b(\w+)/(?:\w+/)*\w+\.py\b", page.read_text(encoding="utf-8"))
        if match[1] in rooms and match[0] not in examples
    ]
    assert len(named) > 20
    assert [f"{page}: {name}" for page, name in named if not (package / name).exists()] == []


def test_a_room_lists_modules_that_it_has(repository: Path) -> None:
    package = repository / "event_assets"
    listed = [
        (init.parent, name)
        for init in package.rglob("__init__.py")
        for name in re.findall(r"^ *(\w+(?:\.py|/)) {2,}", init.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert len(listed) > 10
    assert [f"{folder.name}: {name}" for folder, name in listed if not (folder / name).exists()] == []
