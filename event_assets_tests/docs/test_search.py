"""What users look for in the docs is there to be found: the site's search indexes words of the pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "word", ["strptime", "anonymous", "Excel", "GA4", "alert", "freshness", "dbt", "Metabase", "upgrade"]
)
def test_a_word_that_users_look_for_is_in_a_page_of_their_own(repository: Path, word: str) -> None:
    pages = [*(repository / "docs").glob("*.md"), *(repository / "docs" / "how-to").glob("*.md")]
    pages += (repository / "docs" / "recipes").glob("*.md")
    found = [page for page in pages if re.search(rf"\b{word}\b", page.read_text(encoding="utf-8"), re.IGNORECASE)]
    assert found, f"no page says {word}"
