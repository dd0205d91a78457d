"""What Spark's driver fetches: a line for each file, figure or broken rule. `test_cluster.py` bounds it in a run."""

from __future__ import annotations

import ast
from pathlib import Path

import event_assets.engines
import event_assets.transforms

#: Whatever brings rows, or what is made of them, from executors (or another engine) to this process.
FETCHES = {
    "collect",
    "count",
    "first",
    "show",
    "tail",
    "take",
    "toArrow",
    "toLocalIterator",
    "toPandas",
}
ENGINES, TRANSFORMS = (Path(str(module.__file__)).parent for module in (event_assets.engines, event_assets.transforms))


def fetching(path: Path) -> dict[str, list[str]]:
    """Function to what it calls of those, for each function that does."""
    found = {
        function.name: sorted(
            call.func.attr
            for call in ast.walk(function)
            if isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and call.func.attr in FETCHES
            # Spark's functions of that name are aggregates, which stay where they are.
            and not (isinstance(call.func.value, ast.Name) and call.func.value.id == "f")
        )
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef)
    }
    return {name: calls for name, calls in found.items() if calls}


def test_what_is_fetched_from_spark_is_a_line_for_each_file_figure_or_rule() -> None:
    found = {path.name: fetching(path) for path in (ENGINES / "spark").glob("*.py")}
    assert found == {
        "engine.py": {
            "violations": ["collect"],  # broken rules, by file
            "_repeated": ["count"],
            "_figures": ["collect"],  # one row
            "_write": ["collect"],  # files with their rows' number
        },
        "ports.py": {},
        "session.py": {},
        "__init__.py": {},
    }


def test_a_transform_fetches_nothing_but_whether_persons_are_complete() -> None:
    found = {path.name: calls for path in sorted(TRANSFORMS.glob("*.py")) if (calls := fetching(path))}
    # Labels are passed on along links until none changes: one row says whether one did.
    assert found == {"persons.py": {"_components": ["collect"]}}
