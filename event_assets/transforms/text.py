"""Text rules that every engine reads alike: trimming and case of ASCII only, null values, aliases.

An engine's own `lower` and `strip` differ outside ASCII (İ, Σ, the no-break space), so beyond ASCII a
text is left as it is.
"""

from __future__ import annotations

import string

import narwhals as nw

from event_assets.dataset import Column

BLANKS = " \t\r\n"
_NOT_ASCII = r"[^\x00-\x7F]"
_TO_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_TO_UPPER = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)


def lower(text: str) -> str:
    """ASCII letters in lower case, all others as they are."""
    return text.translate(_TO_LOWER)


def trimmed(text: nw.Expr, column: Column) -> nw.Expr:
    """The text without blanks at its ends; null where it is empty or one of the column's null values."""
    bare = text.str.strip_chars(BLANKS)
    nulls = {"", *column.null_values}
    meant = bare != "" if len(nulls) == 1 else ~bare.is_in(sorted(nulls))
    return nw.when(meant).then(bare)


def folded(text: nw.Expr, case: str) -> nw.Expr:
    """The text with its ASCII letters in `case` (lower or upper), all others as they are."""
    table = _TO_LOWER if case == "lower" else _TO_UPPER
    foreign = text.str.contains(_NOT_ASCII)
    # Texts beyond ASCII are few: for all others each of these replacements runs over nulls.
    letters = nw.when(foreign).then(text)
    for old, new in table.items():
        letters = letters.str.replace_all(chr(old), chr(new), literal=True)
    plain = text.str.to_lowercase() if case == "lower" else text.str.to_uppercase()
    return nw.when(~foreign).then(plain).otherwise(letters)


def named(text: nw.Expr, column: Column) -> nw.Expr:
    """The text's alias (looked up without regard to ASCII case, final), else the text in the column's case."""
    plain = folded(text, column.case) if column.case else text
    if not column.aliases:
        return plain
    aliases = {lower(old): new or None for old, new in column.aliases.items()}
    return folded(text, "lower").replace_strict(list(aliases), list(aliases.values()), default=plain)


def normalised(text: str, column: Column) -> str | None:
    """What the rules above make of one text of the declaration, such as a value of the profile filter."""
    bare = text.strip(BLANKS)
    if bare in ("", *column.null_values):
        return None
    aliases = {lower(old): new or None for old, new in column.aliases.items()}
    if lower(bare) in aliases:
        return aliases[lower(bare)]
    return bare.translate({"lower": _TO_LOWER, "upper": _TO_UPPER}[column.case]) if column.case else bare
