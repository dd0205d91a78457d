"""Which user agents are programs."""

from __future__ import annotations

import re

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA
from hypothesis import given, settings
from hypothesis import strategies as st

from event_assets.text.bot_user_agents import _GENERAL, are_bots, version

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"
PATTERNS = [entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA]


def test_every_program_that_the_list_shows_is_recognized() -> None:
    shown = [text for entry in CRAWLER_USER_AGENTS_DATA for text in entry.get("instances", [])]
    assert len(shown) > 2000
    assert [text for text, bot in zip(shown, are_bots(shown), strict=True) if not bot] == []


@pytest.mark.parametrize(
    ("agent", "bot"),
    [
        (CHROME, False),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", True),
        ("python-requests/2.31", True),
        ("curl/8.5.0", True),
        ("UptimeRobot/2.0", True),
        ("Mozilla/5.0 HeadlessChrome/120.0", True),
        ("Mozilla/5.0 (compatible; ABrandNewBot/0.1)", True),
        ("tubot/1", True),
        ("bot", True),
        ("ubot", True),
        ("Mozilla/5.0 (Linux; Android 9; CUBOT NOTE 20) Chrome/90.0", False),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Mobile Safari/604.1", False),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148 Instagram 300.0", False),
        ("", False),
        ("  ", False),
        (None, False),
    ],
)
def test_a_program_is_recognized_by_its_user_agent(agent: str | None, bot: bool) -> None:
    assert are_bots([agent]) == [bot]


AGENTS = st.one_of(st.none(), st.text(), st.sampled_from(PATTERNS).flatmap(st.from_regex).map(str.strip))


@settings(max_examples=8 if settings.default.max_examples < 1000 else 1000)  # type: ignore[union-attr]
@given(st.lists(AGENTS, min_size=1, max_size=4))
def test_words_and_expressions_are_found_where_the_list_itself_finds_them(agents: list[str | None]) -> None:
    every = re.compile("|".join([*PATTERNS, _GENERAL]))
    assert are_bots(agents) == [agent is not None and every.search(agent) is not None for agent in agents]


def test_the_version_names_the_list() -> None:
    assert re.fullmatch(r"crawler-user-agents \d+(\.\d+)+", version())
