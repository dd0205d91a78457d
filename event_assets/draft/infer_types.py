"""A column's type, from all of its sampled texts. What isn't certain stays text, which loses nothing."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from event_assets.declaration.column import Numbers
from event_assets.draft.sample import Field, bare
from event_assets.text.numbers import in_plain_notation, int64, number
from event_assets.text.parse_event_times import parse_time

#: Words that mean "no value"; of a text column only those that no language and no country uses.
_NULLS = ("null", "NULL", "Null", "None", "none", "N/A", "n/a", "NaN", "nan", "\\N", "undefined", "#N/A", "(not set)")
_NULLS_OF_VALUES = (*_NULLS, "NA", "-", "--", "?", "unknown", "Unknown")
#: So large a share of a column's values must be of a kind (a number, a date); the others are mistakes.
_MOST = 0.9

_FLOAT = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][+-]?[0-9]{1,2}", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_PADDED = re.compile(r"[+-]?0[0-9]", re.ASCII)
#: What may have digits after the point although no sampled value does.
_AMOUNTS = (
    *("price", "amount", "cost", "revenue", "total", "value", "fee", "tax", "discount", "balance", "salary"),
    *("preis", "betrag", "summe", "umsatz", "montant", "prix", "importe", "precio", "cena", "prezzo"),
)
#: The last word of an identifier's name. An identifier is a whole number or a text, never an amount.
_IDENTIFIERS = (
    *("id", "ids", "uuid", "guid", "key", "sku", "code", "ean", "gtin", "isbn", "zip", "postcode", "plz", "phone"),
    *("nr", "no", "number", "nummer", "numero", "ref", "hash", "token", "pid", "uid", "sid"),
)
_BOOLEANS = (
    *(("true", "false"), ("yes", "no"), ("t", "f"), ("y", "n"), ("ja", "nein"), ("j", "n"), ("wahr", "falsch")),
    *(("oui", "non"), ("o", "n"), ("vrai", "faux"), ("sí", "no"), ("si", "no"), ("sì", "no"), ("sim", "não")),
    *(("tak", "nie"), ("ano", "ne"), ("да", "нет"), ("on", "off")),
)

#: Marks of decimals and of thousands, as texts of numbers use them; the plain form first.
MARKS = ((".", None), (",", "."), (",", " "), (",", "'"), (".", ","), (".", "'"), (",", None))
_AMOUNT = re.compile(r"[+-]?(?P<before>[^\d\s+.,'-]*) ?[+-]?\d[\d.,' ]*?(?: ?(?P<after>[^\d\s+,'-][^\d\s+,'-]*))?")
_WITH_A_POINT = ("$", "US$", "USD", "£", "GBP", "AUD", "CAD", "NZD", "¥", "JPY", "CNY", "₹", "INR", "%")
_CURRENCIES = (
    *("USD", "EUR", "GBP", "CHF", "JPY", "CNY", "INR", "AUD", "CAD", "NZD", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF"),
    *("RON", "BGN", "TRY", "RUB", "UAH", "ILS", "ZAR", "BRL", "MXN", "ARS", "CLP", "COP", "KRW", "SGD", "HKD", "THB"),
    *("kr", "zł", "Kč", "Ft", "lei", "Fr.", "euro", "EURO"),
)
#: A blank between groups may be one at which no line is broken.
_BLANKS = str.maketrans("\u00a0\u202f", "  ")


PLAIN = Numbers()


def plain(text: str, numbers: Numbers) -> str | None:
    """The number with a point, without unit and marks of thousands; None if the text is not such a number."""
    found = in_plain_notation(text, numbers.decimal, numbers.thousands, numbers.unit)
    return None if found is None or "e" in found.lower() else found


@dataclass(frozen=True)
class ColumnType:
    """What a column's texts are."""

    name: str
    null_values: tuple[str, ...] = ()
    booleans: tuple[tuple[str, bool], ...] = ()
    """Where they are other words than true and false."""
    odd: tuple[str, ...] = ()
    """The texts that aren't values of the type."""
    numbers: Numbers = PLAIN
    """How its numbers are written."""


def is_identifier(name: str) -> bool:
    """Whether a field's name looks like the name of an identifier, such as user_id, orderId or EAN."""
    words = re.findall(r"[A-Z]?[a-zäöü]+|[A-Z]+(?![a-z])|[0-9]+", name)
    return bool(words) and words[-1].casefold() in _IDENTIFIERS


def is_number_text(text: str) -> bool:
    return plain(text, PLAIN) is not None


def common_numbers(types: Iterable[ColumnType]) -> Numbers:
    """The most frequent notation of numbers that is not the plain one; the plain one if no column has another."""
    found = Counter(marks for kind in types if (marks := kind.numbers.model_copy(update={"unit": None})) != PLAIN)
    # Of equally frequent ones that with a mark of thousands reads the other, too.
    return max(found, key=lambda numbers: (found[numbers], bool(numbers.thousands)), default=PLAIN)


def type_of(field: Field, *, identifier: bool = False, numbers: Numbers | None = None) -> ColumnType:
    """The type that all of a field's texts have, or nearly all: the others are `odd`. Of an identifier, all.

    `numbers` is how numbers are written, where other columns show it.
    """
    if field.nested:
        return ColumnType("json")
    nulls = tuple(word for word in _NULLS_OF_VALUES if word in field.texts)
    texts = [text for text in field.texts if text not in nulls]
    text_type = ColumnType("string", tuple(word for word in nulls if word in _NULLS))
    if not texts:
        return text_type
    name = field.names[-1]
    if identifier or is_identifier(name):
        return ColumnType("int64", nulls) if all(map(_is_whole, texts)) else text_type
    if words := _booleans(texts):
        mapped = () if {word for word, _ in words} <= {"true", "false"} else words
        return ColumnType("bool", nulls, mapped)
    numbers = PLAIN if field.is_number else numbers or _numbers(texts)
    if (odd := _odd(texts, lambda text: plain(text, numbers) is not None or _FLOAT.fullmatch(text))) is not None:
        read = [plain(text, numbers) or text for text in texts if text not in odd]
        padded = any(_PADDED.match(text) for text in read)
        return text_type if padded else ColumnType(_number(read, name), nulls, (), odd, numbers)
    for kind, fits in (("date", _is_date), ("timestamp", _is_time)):
        if (odd := _odd(texts, fits)) is not None:
            return ColumnType(kind, nulls, (), odd)
    return text_type


def _odd(texts: Sequence[str], fits: Callable[[str], object]) -> tuple[str, ...] | None:
    """The texts that don't fit, where nearly all do; else None."""
    odd = [text for text in texts if not fits(text)]
    return tuple(dict.fromkeys(odd)) if len(texts) - len(odd) >= _MOST * len(texts) else None


def _is_whole(text: str) -> bool:
    """Whether a text is a whole number without zeros in front: 007 is another identifier than 7."""
    return not _PADDED.match(text) and "e" not in text.lower() and int64(text) is not None


def _is_date(text: str) -> bool:
    return bool(_DATE.fullmatch(text)) and _is_time(text)


def _is_time(text: str) -> bool:
    return parse_time(text, format="iso", source_timezone="UTC") is not None


def _booleans(texts: Sequence[str]) -> tuple[tuple[str, bool], ...]:
    """The words of the texts and what they mean; empty where they aren't a language's words for true and false."""
    words = sorted(set(texts))
    found = {word.casefold() for word in words}
    for true, false in _BOOLEANS:
        if found <= {true, false} and (len(found) == 2 or (true, false) == ("true", "false")):
            return tuple((word, word.casefold() == true) for word in words)
    return ()


def _numbers(texts: Sequence[str]) -> Numbers:
    """The marks under which the most texts are numbers; the plain ones where others read no more."""
    best, most = PLAIN, sum(plain(text, PLAIN) is not None for text in texts)
    if most == len(texts):
        return best
    unit = _unit(texts)
    for decimal, thousands in sorted(MARKS, key=lambda one: one[0] != ".") if unit in _WITH_A_POINT else MARKS:
        marks = Numbers(decimal=decimal, thousands=thousands, unit=unit or None)
        read = sum(plain(text, marks) is not None for text in texts)
        if read > most:
            best, most = marks, read
    if best.thousands and not any(best.thousands in text.translate(_BLANKS) for text in texts):
        best = best.model_copy(update={"thousands": None})
    if best.unit and not best.thousands:  # larger amounts of a later file have it
        best = best.model_copy(update={"thousands": "," if best.decimal == "." else "."})
    return best


def _unit(texts: Sequence[str]) -> str:
    """The sign or code of a currency, or the percent sign, that nearly all texts have beside their digits."""
    counts = Counter(unit for unit in map(unit_of, texts) if unit)
    unit, count = next(iter(counts.most_common(1)), ("", 0))
    return unit if count >= _MOST * len(texts) else ""


def unit_of(text: str) -> str:
    """What a text has beside a number, where it is a unit; empty where it isn't."""
    match = _AMOUNT.fullmatch(text.translate(_BLANKS))
    unit = (match["before"] or match["after"] or "") if match and not (match["before"] and match["after"]) else ""
    is_sign = any(unicodedata.category(char) == "Sc" for char in unit)
    return unit if unit == "%" or unit in _CURRENCIES or (is_sign and len(unit) < 4) else ""


def _number(texts: Sequence[str], name: str) -> str:
    """int64, a decimal with room for more digits so that sums are exact, or a float where digits are beyond reason."""
    values = [number(text) for text in texts if "e" not in text.lower()]
    if len(values) < len(texts):
        return "float64"
    whole = max((len(value.digits) + value.exponent for value in values if value), default=0)
    scale = max([2, *(-value.exponent for value in values if value)])
    has_point = any("." in text for text in texts)
    if not has_point and not bare(name).endswith(_AMOUNTS):
        return "int64" if all(int64(text) is not None for text in texts) else "string"
    if scale > 9 or whole > 24:
        return "float64"
    return f"decimal({min(38, max(18, whole + 3 + scale))},{scale})"
