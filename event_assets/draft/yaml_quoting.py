"""Values as YAML on one line, safe for any content."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./()-]*")
_UNSEEN = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan"}


def quoted(text: str) -> str:
    """A text, in quotes where YAML could read it as something else."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    if plain:
        return text
    if '"' in text and text.isprintable() and "'" not in text:
        return f"'{text}'"
    # YAML folds the line separators of Unicode, and has no other character that can't be shown.
    return _UNSEEN.sub(lambda match: f"\\U{ord(match[0]):08x}", json.dumps(text, ensure_ascii=False))


def flow(value: Any) -> str:
    """A value in YAML's flow style."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Mapping():
            return "{" + ", ".join(f"{quoted(str(key))}: {flow(inner)}" for key, inner in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(flow, value)) + "]"
    return quoted(str(value))


def one_line(text: str) -> str:
    """A text without line ends and control characters, for a remark."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", text).split())


def check(text: str, indent: str = "") -> str:
    """A remark on what a person must decide."""
    return f"{indent}# CHECK: {one_line(text)}"


def checks(texts: Any, indent: str) -> Iterator[str]:
    return (check(text, indent) for text in texts)
