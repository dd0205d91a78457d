"""Every reason for which the code refuses a record or a file is explained on the troubleshooting page."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import event_assets

PACKAGE = Path(event_assets.__file__).parent
ROOMS = ("landing", "transforms", "pipeline", "storage")
#: Constants of landing that look like reasons and are names of columns.
NO_REASONS = {
    "event_time",
    "time_text",
    "row_number",
    "event_date",
    "source_block",
    "file_path",
    "as_written",
    "came_as_number",
}


def test_every_reason_is_on_the_page(repository: Path) -> None:
    page = (repository / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^\| `([A-Za-z0-9_]+)`", page, re.MULTILINE))
    found = set(reasons())
    assert {"malformed_record", "invalid_timestamp", "unreadable", "missing_COLUMN"} <= found, "nothing was looked at"
    assert found - explained == set()
    assert explained - found == set()


def test_every_link_to_a_part_of_the_page_leads_somewhere(repository: Path) -> None:
    page = (repository / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    parts = {title.lower().replace(" ", "-") for title in re.findall(r"^## (.+)$", page, re.MULTILINE)}
    assert set(re.findall(r"\(#([^)]+)\)", page)) == parts


def reasons() -> Iterator[str]:
    """The words that the code writes into the column `reason` of landing_rejects, quarantine and source_files."""
    for room in ROOMS:
        for path in sorted((PACKAGE / room).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            constants = dict(_constants(tree))
            # The first words of reasons that end with a column's name.
            yield from (f"{text}COLUMN" for text in _texts(tree) if text in ("missing_", "invalid_"))
            if room == "landing":
                yield from (value for value in constants.values() if value not in NO_REASONS)
            for node in ast.walk(tree):
                if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                    yield from re.findall(r"^([a-z]+(?:_[a-z]+)+): ", str(node.values[0].value))
                if isinstance(node, ast.FunctionDef) and "reason" in node.name:
                    yield from (
                        one.value
                        for one in ast.walk(node)
                        if isinstance(one, ast.Constant) and re.fullmatch(r"[a-z]+(?:_[a-z]+)+", str(one.value))
                    )
                called = ast.unparse(node.func).split(".")[-1] if isinstance(node, ast.Call) and node.args else ""
                if called == "FileRejected":
                    yield from _beginning(node.args[0], constants)  # type: ignore[attr-defined]
                if called == "lit":
                    yield from (
                        f"{word}_COLUMN" if word in ("missing", "invalid") else word
                        for word in _beginning(node.args[0], {})  # type: ignore[attr-defined]
                        if word in ("missing", "invalid") or "_" in word
                    )


def _texts(tree: ast.Module) -> Iterator[str]:
    """The texts that a module's constants have."""
    for node in tree.body:
        if isinstance(node, ast.Assign):
            yield from (
                one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)
            )


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Texts of words joined by `_` that a module names in capitals."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str() as text)):
                if re.fullmatch(r"[A-Z0-9]+(?:_[A-Z0-9]+)*", name) and re.fullmatch(r"[a-z0-9]+(?:_[a-z0-9]+)+", text):
                    yield name, text


def _beginning(text: ast.expr, constants: dict[str, str]) -> Iterator[str]:
    """The first word of a text, or of one that is built from parts."""
    first = text.values[0] if isinstance(text, ast.JoinedStr) else text
    match first.value if isinstance(first, ast.FormattedValue) else first:
        case ast.Name(id=name) if name in constants:
            yield constants[name]
        case ast.Constant(value=str() as found):
            yield from re.findall(r"^([a-z0-9]+(?:_[a-z0-9]+)*)_?(?=:|$)", found)
