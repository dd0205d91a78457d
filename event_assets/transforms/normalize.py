"""Text rules that every engine reads alike: trimming and case of ASCII only, null values, aliases.

An engine's own `lower` and `strip` differ outside ASCII (İ, Σ, the no-break space), so beyond ASCII a
text is left as it is.
"""

from __future__ import annotations

import string

import narwhals as nw

from event_assets.declaration import Column

BLANKS = " \t\r\n"
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


def named(text: nw.Expr, in_case: nw.Expr, in_lower: nw.Expr, column: Column) -> nw.Expr:
    """The text's alias (looked up without regard to ASCII case, final), else the text in the column's case.

    Given are the text as it is and as an engine's port folded it to the column's case and to lower case.
    """
    plain = in_case if column.case else text
    if not column.aliases:
        return plain
    aliases = {lower(old): new or None for old, new in column.aliases.items()}
    return in_lower.replace_strict(list(aliases), list(aliases.values()), default=plain)


def normalised(text: str | None, column: Column) -> str | None:
    """What the rules above make of one text of a column; of the declaration, such as a value of the profile filter."""
    bare = (text or "").strip(BLANKS)
    if bare in ("", *column.null_values):
        return None
    aliases = {lower(old): new or None for old, new in column.aliases.items()}
    if lower(bare) in aliases:
        return aliases[lower(bare)]
    return bare.translate({"lower": _TO_LOWER, "upper": _TO_UPPER}[column.case]) if column.case else bare
