"""The strings and numbers of a JSON text, replaced one by one: all else stays as the source wrote it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import polars as pl

from event_assets.text.json_members import json_string

#: A string, with the colon after a member's name, or a number. Strings are the only place with quotes.
_TOKEN = r'"(?:[^"\\]|\\.)*"(?:\s*:)?|-?\d[\d.eE+-]*'
_TOKENS = re.compile(_TOKEN, re.S)

Change = Callable[[str], str]


def may_be_nested(text: pl.Expr) -> pl.Expr:
    """Whether a text is an object or an array, if it is JSON."""
    return text.str.contains(r"\A\s*[\[{]")


def tokens_of(texts: pl.Series, *, names: bool) -> pl.Series:
    """The distinct strings and numbers of JSON texts, as they are written, or the names of members alone."""
    tokens = texts.str.extract_all(f"(?s){_TOKEN}").explode().drop_nulls()
    return (tokens.filter(tokens.str.ends_with(":")) if names else tokens).unique()


def is_name(token: str) -> bool:
    """Whether a token is the name of a member."""
    return token.endswith(":")


def replaced(text: str, change: Change) -> str:
    """A JSON text with other tokens."""
    return _TOKENS.sub(lambda match: change(match[0]), text)


def with_text(token: str, change: Change) -> str:
    """A token with another text, which is a string then; the token itself where its text stays."""
    is_string = token.startswith('"')
    end = token.rindex('"') + 1 if is_string else len(token)
    try:
        text = json.loads(token[:end], strict=False) if is_string else token
    except ValueError:
        return token
    new = change(text)
    return token if new == text else json_string(new) + token[end:]


def without_names(text: str) -> str:
    """The values of a JSON text: the text without the names of its members."""
    return _TOKENS.sub(lambda match: "" if is_name(match[0]) else match[0], text)
