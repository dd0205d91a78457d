"""A column's type by the patterns of its sampled texts. What isn't told for sure stays text, which loses nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from event_assets.draft.sample import Field, bare
from event_assets.text.times import parse_time

#: Words that mean "no value"; of a text column only those that no language and no country uses.
_NULLS = ("null", "NULL", "Null", "None", "none", "N/A", "n/a", "NaN", "nan", "\\N", "undefined", "#N/A")
_NULLS_OF_VALUES = (*_NULLS, "NA", "-", "--", "?", "unknown", "Unknown")
#: So many of a column's values must be of a type; the others are mistakes, which cleaning refuses.
_MOST = 0.9

_INT = re.compile(r"-?(?:0|[1-9][0-9]{0,18})", re.ASCII)
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.([0-9]+))?", re.ASCII)
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
#: What may have digits after the point although no sampled value does.
_AMOUNTS = ("price", "amount", "cost", "revenue", "total", "value", "fee", "tax", "discount", "balance", "salary")
_BOOLEANS = {"true": True, "false": False, "yes": True, "no": False, "t": True, "f": False, "y": True, "n": False}


@dataclass(frozen=True)
class Told:
    """What a column's texts tell."""

    type: str
    null_values: tuple[str, ...] = ()
    booleans: tuple[tuple[str, bool], ...] = ()
    """Where they are other words than true and false."""
    odd: tuple[str, ...] = ()
    """Some texts that are no value of the type."""


def type_of(field: Field, *, identifier: bool = False) -> Told:
    """The type that nearly all of a field's texts have; of an identifier, all."""
    if field.nested:
        return Told("json")
    nulls = tuple(word for word in _NULLS_OF_VALUES if word in field.texts)
    texts = [text for text in field.texts if text not in nulls]
    most = 1.0 if identifier else _MOST
    for kind, fits in (("bool", _is_bool), ("int64", _is_int64), ("date", _is_date), ("timestamp", _is_time)):
        odd = [text for text in texts if not fits(text)]
        if texts and len(texts) - len(odd) >= most * len(texts):
            if kind == "int64" and not identifier and bare(field.source.rpartition(".")[2]).endswith(_AMOUNTS):
                return Told("decimal(18,2)", nulls, (), _few(odd))
            booleans = _booleans(texts) if kind == "bool" else ()
            return Told(kind, nulls, booleans, _few(odd))
    if not identifier and texts:
        odd = [text for text in texts if not _FLOAT.fullmatch(text)]
        if len(texts) - len(odd) >= most * len(texts):
            return Told(_number([text for text in texts if text not in odd]), nulls, (), _few(odd))
    return Told("string", tuple(word for word in nulls if word in _NULLS))


def _is_bool(text: str) -> bool:
    return text.lower() in _BOOLEANS


def _is_int64(text: str) -> bool:
    """Without zeros in front: 007 is another id than 7."""
    return bool(_INT.fullmatch(text)) and -(2**63) <= int(text) < 2**63


def _is_date(text: str) -> bool:
    return bool(_DATE.fullmatch(text)) and _is_time(text)


def _is_time(text: str) -> bool:
    return parse_time(text, format="iso", source_timezone="UTC") is not None


def _booleans(texts: list[str]) -> tuple[tuple[str, bool], ...]:
    words = sorted({text for text in texts if _is_bool(text)})
    return () if set(words) <= {"true", "false"} else tuple((word, _BOOLEANS[word.lower()]) for word in words)


def _number(texts: list[str]) -> str:
    """A decimal with room for more, so that sums are exact; a float where digits are beyond reason."""
    scales = [len(match[1] or "") for text in texts if (match := _DECIMAL.fullmatch(text))]
    if len(scales) < len(texts) or max(scales, default=0) > 9:
        return "float64"
    scale = max(2, *scales) if len(scales) > 1 else max(2, scales[0])
    whole = max(len(text.lstrip("-").partition(".")[0]) for text in texts)
    return f"decimal({min(38, max(18, whole + 3 + scale))},{scale})"


def _few(texts: list[str]) -> tuple[str, ...]:
    return tuple(sorted(set(texts)))[:3]
