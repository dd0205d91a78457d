"""The JSON schema of a dataset's attributes, by which `dg` checks a `defs.yaml` and an editor completes it.

It comes from the models of a declaration, which stay the only parser: the schema is never stricter. It describes each
key, and takes a template such as `{{ env.X }}` in place of any value.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, RootModel
from pydantic.json_schema import GenerateJsonSchema

from event_assets.declaration import Dataset, Declared

_TEMPLATE = {"type": "string", "pattern": r"\{\{.*\}\}"}
_SHORT_FORMS = ["string", "number", "boolean", "array"]


class DatasetAttributes(RootModel[dict[str, Any]]):
    """The attributes as they are written; templates are rendered before they are parsed."""

    @classmethod
    def model_json_schema(cls, *_: Any, **__: Any) -> dict[str, Any]:
        return attributes_schema()


@cache
def attributes_schema() -> dict[str, Any]:
    """The schema of `attributes`."""
    schema = Dataset.model_json_schema(by_alias=True, schema_generator=_Lenient)
    definitions = schema.pop("$defs", {})
    for model in _models(Declared):
        _describe(_object(schema if model is Dataset else definitions.get(model.__name__, {})), model)
    found: dict[str, Any] = {**_templated(schema), "$defs": {k: _templated(v) for k, v in definitions.items()}}
    return found


class _Lenient(GenerateJsonSchema):
    """What the parser turns into a value before it judges it may be written in another form: a number or a truth value
    where a text is meant, a text for an object, a list for one element."""

    def function_before_schema(self, schema: Any) -> dict[str, Any]:
        found = super().function_before_schema(schema)
        return found if "properties" in found else _or_short(found)

    def model_schema(self, schema: Any) -> dict[str, Any]:
        found = super().model_schema(schema)
        return _or_short(found) if schema["schema"]["type"] == "function-before" else found


def _or_short(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": _SHORT_FORMS}]}


def _object(schema: dict[str, Any]) -> dict[str, Any]:
    """The part of a model's schema that has its keys."""
    return next((found for option in schema.get("anyOf", ()) if (found := _object(option))), {}) or (
        schema if "properties" in schema else {}
    )


def _models(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in base.__subclasses__():
        yield model
        yield from _models(model)


def _describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Give each key of a model's schema the text below its field."""
    texts: dict[str, str] = {}
    for one in reversed([base for base in model.__mro__ if issubclass(base, Declared)]):
        texts.update(field_descriptions(one))
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key in schema.get("properties", {}) and name in texts:
            schema["properties"][key].setdefault("description", texts[name])


@cache
def field_descriptions(model: type[BaseModel]) -> Mapping[str, str]:
    """The text below each field of a model's class, by the field's name."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(model)))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    found = {}
    for field, below in pairwise(body):
        text = below.value.value if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) else None
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, str):
            found[field.target.id] = inspect.cleandoc(text).replace("\n", " ")
    return found


def _templated(schema: Any) -> Any:
    """A schema whose every value may be a template instead."""
    if not isinstance(schema, dict):
        return schema
    done = dict(schema)
    for key in ("properties", "$defs"):
        if key in done:
            done[key] = {name: _or_template(_templated(value)) for name, value in done[key].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(done.get(key), dict):
            done[key] = _or_template(_templated(done[key]))
    if "prefixItems" in done:  # Dagster's example of a file takes an element from here
        done.setdefault("items", done["prefixItems"][0])
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        if key in done:
            done[key] = [_templated(option) for option in done[key]]
    return done


def _or_template(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.get("type") == "string" and not {"enum", "pattern", "const"} & schema.keys():
        return schema
    about: dict[str, Any] = {key: schema.pop(key) for key in ("description", "title", "default") if key in schema}
    return {**about, "anyOf": [schema, _TEMPLATE]}
