"""Which user agents are programs: those on the list of the package `crawler-user-agents`, and those that contain bot,
crawl or spider.

One engine of expressions (Polars) judges the distinct texts for all engines, so that no dialect can differ.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib import metadata

import polars as pl

_LIST = "crawler-user-agents"
#: New programs come before the list has them. Cubot makes phones.
_GENERAL = r"(?i:(?:^|[^u]|(?:^|[^c])u)bot|crawl|spider)"
_SPECIAL = re.compile(r"[\\^$.|?*+()\[\]{}]")


def version() -> str:
    """Which list judges: another version of the package is another rule."""
    return f"{_LIST} {metadata.version(_LIST)}"


def are_bots(user_agents: Sequence[str | None]) -> list[bool]:
    """Whether each user agent belongs to a program; false if it is missing or empty."""
    words, expression = _patterns()
    texts = pl.Series(user_agents, dtype=pl.String)
    return (texts.str.contains_any(words) | texts.str.contains(expression)).fill_null(value=False).to_list()


@cache
def _patterns() -> tuple[list[str], str]:
    """The list's patterns: plain words, which are found many times faster, and one expression of all other patterns."""
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA  # half a megabyte, which few datasets need

    patterns = [str(entry["pattern"]) for entry in CRAWLER_USER_AGENTS_DATA]
    plain = {pattern: re.sub(r"\\(\W)", r"\1", pattern) for pattern in patterns}
    is_word = {pattern: not _SPECIAL.search(re.sub(r"\\\W", "", pattern)) for pattern in patterns}
    others = [f"(?:{pattern})" for pattern in patterns if not is_word[pattern]]
    return [plain[pattern] for pattern in patterns if is_word[pattern]], "|".join([*others, _GENERAL])
