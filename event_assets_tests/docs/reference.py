"""Writes docs/reference again from what it describes: `python -m event_assets_tests.docs.reference`.

Commands come from the typer app, settings from the table in `settings.py`, keys of a declaration from the pydantic
models and the texts below their fields, tables from the contracts. No sentence of the reference is written by hand.
"""

from __future__ import annotations

import ast
import datetime as dt
import inspect
import re
import textwrap
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import click
import typer.main
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from event_assets import settings
from event_assets.cli.main import application
from event_assets.declaration import Dataset, load_datasets
from event_assets.tables.catalog import tables
from event_assets.tables.table import Table

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"
_MADE = "<!-- Made by `make docs`; change what it is made from. -->\n\n"


def pages() -> dict[str, str]:
    """Every page of the reference, by its path below docs/reference."""
    made = {"commands.md": _commands(), "settings.md": _settings(), "declaration.md": _declaration()}
    for name, dataset in sorted(load_datasets().items()):
        made[f"tables/{name}.md"] = _dictionary(dataset)
    return {path: _MADE + text.rstrip() + "\n" for path, text in made.items()}


def _commands() -> str:
    program = typer.main.get_command(application())
    assert isinstance(program, click.Group)
    codes = "An error is one line and exit code 1; wrong usage is exit code 2, Ctrl-C 130."
    lines = ["# Commands", "", f"This page lists all commands; `event-assets COMMAND --help` prints the same. {codes}"]
    for name, command in program.commands.items():
        lines += ["", f"## {name}", "", *_command(name, command)]
    return "\n".join(lines)


def _command(name: str, command: click.Command) -> Iterator[str]:
    text, _, examples = inspect.cleandoc(command.help or "").partition("\b\n")
    yield text.strip()
    yield from ("", "```shell", examples.strip(), "```", "")
    yield from ("| argument or option | default | meaning |", "|---|---|---|")
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            shown = ", ".join(parameter.opts)
            flag = parameter.is_flag
            shown += "" if flag else f" {parameter.metavar or parameter.type.name.upper()}"
            default = "" if flag or parameter.default is None else f"`{parameter.default}`"
            default = "required" if parameter.required else default
        else:
            shown, default = parameter.human_readable_name.upper(), "required" if parameter.required else ""
        yield f"| `{shown}` | {default} | {_cell(getattr(parameter, 'help', None) or '')} |"


def _settings() -> str:
    rows = [line for line in (settings.__doc__ or "").splitlines() if line.startswith("|")]
    rows = [re.sub(r"^\| ([A-Z_]+) ", r"| `\1` ", row) for row in rows]
    intro = """
        # Settings

        This page lists the environment variables that a command or a run reads when it starts. Paths are relative to
        the folder in which it starts. A value that is not valid causes a one-line error that names the variable.

        You can also set them in one file, `event_assets.toml`, in the current folder or the nearest folder above that
        has it. In the file a setting has the name of its variable in lower case without `EVENT_ASSETS_` (`DAGSTER_HOME`
        is `dagster_home`), and paths are relative to the file's folder. The environment overrides the file; a key that
        is not a setting is an error. Dagster's own programs (`dagster dev`) read `DAGSTER_HOME` only from the
        environment.

        ```toml
        lake = "data/lake"
        inbox = "/mnt/exports"
        memory = "4GB"
        workers = 4
        ```
    """
    return textwrap.dedent(intro).strip() + "\n\n" + "\n".join(rows)


def _declaration() -> str:
    intro = """
        # Keys of a declaration

        This page lists every key of a dataset's declaration, the file `NAME/defs.yaml`:

        ```yaml
        type: event_assets.EventDataset
        attributes:
          name: rides
          # ... the keys below
        ```

        A key that isn't listed here is an error; its message names the most similar key. A duration is a number and
        `s`, `m`, `h` or `d`, such as `30m`.
    """
    sections = [textwrap.dedent(intro).strip()]
    for model, title in _models(Dataset, "attributes"):
        rows = [_key(name, field, _texts(model).get(name, "")) for name, field in model.model_fields.items()]
        if rows:
            head = f"## {title}\n\n| key | value | default | meaning |\n|---|---|---|---|\n"
            sections.append(head + "\n".join(rows))
    return "\n\n".join(sections)


def _models(model: type[BaseModel], title: str) -> Iterator[tuple[type[BaseModel], str]]:
    """A model and those below it, each once, with the path of keys that leads there."""
    found: dict[type[BaseModel], list[str]] = {}

    def visit(model: type[BaseModel], path: str) -> None:
        found.setdefault(model, []).append(path)
        if len(found[model]) == 1:
            for name, field in model.model_fields.items():
                for part in _parts(field.annotation):
                    if isinstance(part, type) and issubclass(part, BaseModel):
                        visit(part, f"{path}.{field.alias or name}".removeprefix("attributes."))

    visit(model, title)
    return ((model, ", ".join(dict.fromkeys(paths))) for model, paths in found.items())


def _parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def _texts(model: type[BaseModel]) -> dict[str, str]:
    """The text below each field of a model and of those that it derives from, in one line."""
    texts: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if not (issubclass(base, BaseModel) and base is not BaseModel):
            continue
        [definition] = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(definition, ast.ClassDef)
        for field, below in zip(definition.body, definition.body[1:], strict=False):
            named = isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
            if named and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                texts[field.target.id] = " ".join(str(below.value.value).split())  # type: ignore[union-attr]
    return texts


def _key(name: str, field: FieldInfo, text: str) -> str:
    assert text, f"the field {name} has no text below it"
    written = (getattr(rule, "json_schema_input_type", PydanticUndefined) for rule in field.metadata)
    annotation = next((one for one in written if one not in (PydanticUndefined, Any)), field.annotation)
    return f"| `{field.alias or name}` | {_value(annotation)} | {_default(field)} | {_cell(text)} |"


def _value(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return " or ".join(_value(part) for part in arguments if part is not type(None))
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in (tuple, list):
        return f"list of {_value(arguments[0])}"
    if origin is not None and issubclass(origin, Mapping):
        return f"map of text to {_value(arguments[1])}"
    if hasattr(annotation, "__metadata__"):
        return _value(annotation.__origin__)
    if issubclass(annotation, BaseModel):
        return "keys below" if annotation.model_fields else "`{}`"
    names = {str: "text", int: "number", float: "number", bool: "`true`, `false`", dt.date: "date"}
    return names.get(annotation, "duration")


def _default(field: FieldInfo) -> str:
    default = field.default
    if field.default_factory is not None:
        return ""
    if field.is_required() or default is PydanticUndefined:
        return "required"
    if isinstance(default, dt.timedelta):
        seconds = int(default.total_seconds())
        size, unit = next((s, u) for s, u in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")) if seconds % s == 0)
        return f"`{seconds // size}{unit}`"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if default is None or default in ("", (), {}) or isinstance(default, BaseModel):
        return ""
    if isinstance(default, Mapping):
        return "`" + ", ".join(f"{key}: {str(value).lower()}" for key, value in default.items()) + "`"
    return f"`{default}`"


def _dictionary(dataset: Dataset) -> str:
    made = [table for table in tables(dataset).values() if not table.internal]
    lines = [f"# Tables of {dataset.name}", "", dataset.description, ""]
    lines += ["| table | one row per | by | contains |", "|---|---|---|---|"]
    for table in made:
        link = f"[`{table.name}`](#{table.name})"
        lines.append(f"| {link} | {', '.join(table.key)} | {table.partitioned_by or ''} | {_cell(table.description)} |")
    for table in made:
        lines += ["", f"## {table.name}", "", *_table(table)]
    return "\n".join(lines)


def _table(table: Table) -> Iterator[str]:
    by = f" Partitioned by `{table.partitioned_by}`." if table.partitioned_by else ""
    yield f"{table.description} One row per {', '.join(table.key)}; in order of {', '.join(table.row_order)}.{by}"
    yield from ("", "| column | type | null | rules | meaning |", "|---|---|---|---|---|")
    for column in table.columns:
        bounds = [column.min and f">= {column.min}", column.max and f"<= {column.max}"]
        bounds += [", ".join(column.allowed) if column.allowed else None, "personal" if column.personal else None]
        rules = "; ".join(text for text in bounds if text)
        yield (
            f"| `{column.name}` | {column.type} | {'yes' if column.nullable else 'no'} | {_cell(rules)} "
            f"| {_cell(column.description)} |"
        )


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> None:
    for path, text in pages().items():
        (FOLDER / path).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
