"""The reference says what the code says, and every page of the docs is reached and reaches what it names."""

from __future__ import annotations

import re
from pathlib import Path

from event_assets_tests.docs.contents import contents
from event_assets_tests.docs.reference import FOLDER, pages


def test_the_reference_is_as_the_code_is() -> None:
    there = {str(path.relative_to(FOLDER)): path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.md")}
    assert there == pages(), "run make docs and commit docs/reference"


def test_every_command_setting_and_key_has_its_words() -> None:
    for path, text in pages().items():
        rows = [line for line in text.splitlines() if line.startswith("| `")]
        assert len(rows) > 10, path
        assert [row for row in rows if re.search(r"\|\s*\|$", row)] == [], path


def test_no_link_or_picture_of_a_page_leads_nowhere(repository: Path) -> None:
    broken = []
    for page in [*(repository / "docs").rglob("*.md"), *repository.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(repository)}: {target}")
    assert broken == []


def test_a_page_needs_no_line_in_the_contents_of_the_site(tmp_path: Path) -> None:
    for name in ("index", "more", "how/a", "how/b"):
        path = tmp_path / f"{name}.md"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    nav = [{"Home": "index.md"}, {"How": "how/"}, {"Why": [{"More": "."}]}]
    assert contents(nav, tmp_path) == [
        {"Home": "index.md"},
        {"How": ["how/a.md", "how/b.md"]},
        {"Why": [{"More": ["more.md"]}]},
    ]


def test_each_decision_has_a_number_of_its_own_which_its_title_says(repository: Path) -> None:
    decisions = sorted((repository / "docs" / "adr").glob("*.md"))
    numbers = [page.name[:4] for page in decisions]
    assert len(set(numbers)) == len(numbers) > 10
    assert [p.name for p in decisions if not p.read_text(encoding="utf-8").startswith(f"# {p.name[:4]}: ")] == []
