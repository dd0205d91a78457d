"""What is wrong with a declaration, in one line: what is expected of a key, and what to write, with an example."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from event_assets.declaration.conditions import Excluding
from event_assets.declaration.dataset import Dataset

#: What is written where a mapping belongs, by the key.
_EXAMPLES = {
    "time": "{source: timestamp}",
    "numbers": '{decimal: ",", thousands: "."}',
    "columns": '{name: page, description: "The page."}',
    "events": '{files: ["*.csv"], format: csv, time: {source: timestamp}, columns: [...]}',
    "csv": '{delimiter: ";"}',
    "excel": "{sheet: Events}",
    "log": "{pattern: combined}",
    "sessions": "{gap: 30m}",
    "where": "{event_type: [view, buy]}",
    "gold": "{daily_summary: {}}",
    "deduplicate": "{keys: [user_id, event_type, event_time]}",
}
#: What is meant by other names of formats.
_FORMATS = {
    "tsv": 'csv, with csv: {delimiter: "\\t"}',
    "txt": "csv or log",
    "jsonl": "ndjson",
    "jsonlines": "ndjson",
    "xlsx": "excel",
    "xls": "excel",
}


def problem_of(problem: Mapping[str, Any], attributes: object) -> tuple[str, str]:
    """(what is wrong, what to write) of a problem that pydantic found in a dataset's attributes."""
    value, context = problem.get("input"), problem.get("ctx", {})
    key = next((part for part in reversed(problem["loc"]) if isinstance(part, str) and part.islower()), "")
    is_text = isinstance(value, (str, int, float))
    match problem["type"]:
        case "missing":
            return "is missing", f"add it, such as {key}: {_EXAMPLES[key]}" if key in _EXAMPLES else "add it"
        case "extra_forbidden":
            return "is not a key of a dataset declaration", _other_key(problem["loc"])
        case "literal_error":
            return f"is {context['expected'].replace(chr(39), '')}, not {value!r}", _other_word(str(value), context)
        case "tuple_type" | "list_type":
            return "is a list", f"write it in brackets, such as [{_shown(value)}]" if is_text else "write a list"
        case "string_type" if isinstance(value, (list, tuple)):
            return "is one value, not a list", f"write one, such as {_shown(value[0]) if value else 'a text'}"
        case "string_type":
            return "is a text", f'write it in quotes, such as "{value}"' if is_text else "write a text"
        case "model_type" | "model_attributes_type" | "dict_type" | "mapping_type":
            example = _EXAMPLES.get(key)
            return f"has keys of its own{f', not {value!r}' if is_text else ''}", (
                f"write it such as {example}" if example else "write its keys in braces, such as {key: value}"
            )
        case "bool_parsing" | "bool_type":
            return f"is true or false, not {value!r}", "write true or false"
        case "int_parsing" | "int_type" | "int_from_float":
            return f"is a whole number, not {value!r}", "write digits, such as 10"
        case "greater_than_equal":
            return f"is at least {context['ge']}", f"write {context['ge']} or more, not {value!r}"
        case "too_short":
            return f"has fewer than {context['min_length']} elements", "add some"
        case kind if kind.startswith("date"):
            return f"is a date, not {value!r}", "write it as 2025-01-31"
    text = str(problem["msg"]).removeprefix("Value error, ")
    state, _, remedy = text.partition("; ")
    if state.endswith("beginning with a letter"):
        remedy = f"write such as {re.sub('[^a-z0-9]+', '_', str(value).lower()).strip('_') or 'page'}, not {value!r}"
    return state[:1].lower() + state[1:] or "is wrong", remedy or _fix(value, attributes)


def yaml_problem(error: Exception) -> tuple[str, str, str]:
    """(line, what is wrong, what to write) of a text that is not YAML."""
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or " ".join(str(error).split())
    line = f"line {mark.line + 1}" if mark else ""
    if isinstance(error, ValueError):
        return line, f"has a value that can't be read ({what})", "write dates as 2025-01-31, and other texts in quotes"
    if "alphabetic or numeric character" in what or "cannot start any token" in what:
        remedy = 'indent with blanks, not tabs, and write a value that begins with a mark in quotes, such as "*.csv"'
    else:
        remedy = "indent the line like the other keys of its block, and close brackets and quotes"
    return line, f"can't be read as YAML ({what})", remedy


def _other_key(location: tuple[Any, ...]) -> str:
    model = _model_at(location[:-1])
    name, known = str(location[-1]), sorted(_fields(model))
    within = [key for key, inner in _inner_models(model) if name in _fields(inner)]
    if within:
        return f"write it below {within[0]}, such as {within[0]}: {{{name}: ...}}"
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"remove it; known are {', '.join(known)}"


def _other_word(value: str, context: Mapping[str, Any]) -> str:
    words = re.findall(r"'([^']*)'", str(context["expected"]))
    if "%" in value and "csv" in words:
        return f'a pattern of times belongs to time, such as time: {{source: FIELD, format: "{value}"}}'
    close = difflib.get_close_matches(value.lower(), words, n=1)
    meant = _FORMATS.get(value.lower()) if "csv" in words else None
    return f"did you mean {meant or close[0]}?" if meant or close else f"write {words[0]}" if words else "correct it"


def _shown(value: object) -> str:
    """A value as YAML in brackets has it."""
    return value if isinstance(value, str) and re.fullmatch(r"[A-Za-z_][\w.-]*", value) else json.dumps(value)


def _fix(value: object, attributes: object) -> str:
    if isinstance(value, (dict, list, tuple)) or value is attributes or len(repr(value)) > 60:
        return "correct it"
    return f"correct {value!r}" if isinstance(value, (str, int, float)) else f"correct {value}"


def _fields(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def _inner_models(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in model.model_fields.items():
        for part in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield field.alias or name, part


def _model_at(location: tuple[Any, ...]) -> type[BaseModel]:
    """The part of a declaration at a location."""
    model: type[BaseModel] = Dataset
    for part in location:
        if part == Excluding.__name__:
            return Excluding
        model = next((inner for name, inner in _inner_models(model) if name == part), model)
    return model
