"""Who may import whom, and who may touch the world: the rules of the house, read off the source.

Each rule is a function of a file's place and syntax tree that yields what it forbids. The rules run over the
whole package, and over small made-up files that break them, so that a rule which sees nothing is noticed.
"""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from event_assets.declaration import load_datasets
from event_assets.tables.catalog import tables

PACKAGE = Path(__file__).resolve().parent.parent / "event_assets"

_BASE = {"errors", "digest", "path_or_url", "settings", "wording"}
_PURE = {*_BASE, "declaration", "tables"}
_STORED = {*_PURE, "storage", "text", "landing", "transforms", "synthetic", "engines"}
#: Room to the rooms that it may import beside itself. Who adds a room says here where it stands.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "digest": set(),
    "path_or_url": {"errors"},
    "wording": set(),
    "settings": {"errors", "path_or_url"},
    "storage": {"errors", "digest", "path_or_url", "settings"},  # knows no dataset and no table by name
    "declaration": {*_BASE, "text"},
    "tables": {*_BASE, "declaration"},
    "gold": {"tables"},
    "synthetic": {*_BASE, "storage", "declaration"},  # makes files as a stranger would: knows no contract and no reader
    "text": {"errors"},  # knows no lake and no dataset
    "landing": {*_PURE, "storage", "text"},
    "transforms": {*_PURE, "text"},
    "engines": {*_PURE, "storage", "text", "landing", "transforms"},
    "pipeline": {*_PURE, "storage", "text", "landing", "transforms", "engines"},
    "draft": {*_PURE, "storage", "text", "landing", "pipeline"},  # a draft is tried on its sample
    "warehouse": {*_STORED, "pipeline"},
    "exports": {*_STORED, "pipeline", "warehouse"},  # documents of other tools, from declarations
    "orchestration": {*_STORED, "pipeline", "warehouse", "draft", "exports"},
    "defs": set(),  # declarations alone
    "dashboard": {*_STORED, "pipeline", "warehouse"},
    "definitions": {*_STORED, "pipeline", "warehouse", "orchestration", "exports"},
    "cli": {*_STORED, "exports", "draft", "pipeline", "warehouse", "orchestration", "dashboard", "definitions"},
    "api": {*_STORED, "pipeline", "warehouse", "cli"},  # runs a dataset by the module through which commands do
    "__main__": {"cli", "settings"},
    "__init__": {"orchestration", "api", "warehouse"},  # public names, resolved on demand
}

#: What may import Dagster: its layer, and the one module through which commands run it. All else starts without.
DAGSTER = ("orchestration/", "definitions.py", "cli/dagster_runs.py")

#: What may write files: rooms, and the commands whose very task is to write one where the user says.
WRITERS = (
    *("storage/", "landing/", "synthetic/", "engines/"),
    "appearing.py",
    *("draft/json_sample.py", "draft/trial_run.py"),  # the head of a file, a lake for the trial: in temporary folders
    *("cli/convert.py", "cli/init.py", "cli/machine_output.py", "cli/text_to_parquet.py", "cli/write_hive_folders.py"),
    "cli/dagster_runs.py",  # Dagster's own folder
    "pipeline/staleness/",  # caches of digests beside the tables
    "orchestration/scaffold.py",  # `dg scaffold`, whose very task it is
    "orchestration/send_openlineage.py",  # a file of events for another tool
    "orchestration/private/command_liveness_lock.py",  # a lock in Dagster's own folder
    "orchestration/private/replace_stored_texts.py",  # Dagster's own files, from which an erased user's names go
    "warehouse/csv_output.py",  # CSV as text: whoever asked for it writes it
    "warehouse/database_file.py",  # the file of views, which holds no rows
)

#: What may ask for the time or for something random, and why its results still depend on neither.
CLOCK_AND_CHANCE = {
    "storage/": "names of published files, first landed_at, leases: none enters a table's content",
    "orchestration/assets.py": "hands landing the clock for a file's first landed_at, which the ledger then keeps",
    "orchestration/partition_dates.py": "shows two dates ahead of today: no table depends on it",
    "orchestration/private/log_events.py": "the moment of an event of Dagster's, as its own log has it",
    "orchestration/sensors.py": "tells how long a file has lain still, and ticks by the clock",
    "cli/plan.py": "hands the difference its moment of landing",
    "cli/retract.py": "the time of a retraction, which the ledger keeps and no table shows",
    "cli/init.py": "hands the trial of a sample its moment of landing",
    "orchestration/send_openlineage.py": "says when a run ended, to another tool",
    "cli/supply.py": "hands a live feed its clock",
}

#: What may name a table, and why. The landed tables have constants (tables/landed_tables.py).
NAMES_TABLES = {
    "tables/": "declares them",
    "transforms/": "computes them",
    "pipeline/steps.py": "the graph of the tables",
    "pipeline/reconcile.py": "the equations of accounting are about certain tables",
    "pipeline/check_results.py": "what these checks find on certain tables",
    "pipeline/checks.py": "warnings about rejects, duplicates and missing profiles",
    "pipeline/funnel_check.py": "a warning about the funnel, with the commonest event types",
    "pipeline/status.py": "the share of rejected records",
    "pipeline/compute_lateness.py": "computes a table from several versions of others",
    "draft/trial_run.py": "shows what a declaration does to a sample",
    "warehouse/metrics.py": "finds the table that has a metric",
    "warehouse/views.py": "a view that unites two tables",
    "dashboard/": "a panel shows a certain table",
    "cli/main.py": "a command has the name of the table that it shows",
    "cli/top.py": "a command about certain tables",
    "cli/activity_sessions.py": "computes a table from a file",
    "cli/demo.py": "prints the first rows of certain tables",
    "cli/failed_checks.py": "tells where rejected records are",
    "synthetic/": "names files as their vendors do",
}
#: Names of tables that are words of the declaration, too.
_ALSO_WORDS = {"profiles", "sessions", "retention", "identities", "completeness", "lateness", "conversions"}

Rule = Callable[[str, ast.Module], Iterator[str]]


def covered(place: str, allowed: tuple[str, ...]) -> bool:
    """Whether a file is named, or lies in a room (`storage/`) that is."""
    return any(place == entry or (entry.endswith("/") and place.startswith(entry)) for entry in allowed)


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import, wherever in the file; `from a import b` gives `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every name and attribute that is used, with imports' short names spelt out."""
    full = {
        alias.asname or alias.name.split(".")[0]: f"{getattr(node, 'module', None) or ''}.{alias.name}".lstrip(".")
        if isinstance(node, ast.ImportFrom) or alias.asname
        else alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    for node in ast.walk(tree):
        parts, inner = [], node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            yield node.lineno, ".".join([full.get(inner.id, inner.id), *reversed(parts)])  # type: ignore[attr-defined]
        elif parts:  # an attribute of a call or an index, such as Path(x).write_text
            yield node.lineno, ".".join(["", *reversed(parts)])  # type: ignore[attr-defined]


def downward_imports(place: str, tree: ast.Module) -> Iterator[str]:
    room = place.split("/")[0].removesuffix(".py")
    if room not in MAY_IMPORT:
        yield f"room {room} stands nowhere in MAY_IMPORT"
        return
    for line, name in imports(tree):
        package, _, rest = name.partition(".")
        other = rest.split(".")[0]
        if package == "event_assets" and other != room and other not in MAY_IMPORT[room]:
            yield f"{line}: {room} may not import {other}"


def dagster_stays_at_the_edge(place: str, tree: ast.Module) -> Iterator[str]:
    for line, name in imports(tree):
        if name.split(".")[0].startswith("dagster") and not covered(place, DAGSTER):
            yield f"{line}: imports {name}"


def pyspark_is_imported_on_demand(place: str, tree: ast.Module) -> Iterator[str]:
    lazy = {
        id(node)
        for outer in ast.walk(tree)
        if isinstance(outer, (ast.FunctionDef, ast.AsyncFunctionDef))
        or (isinstance(outer, ast.If) and "TYPE_CHECKING" in ast.dump(outer.test))
        for node in ast.walk(outer)
    }
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for line, name in imports(ast.Module([node], [])):
                if name.split(".")[0] == "pyspark" and not (covered(place, ("engines/",)) and id(node) in lazy):
                    yield f"{line}: imports {name} at module level or outside engines/"


def settings_alone_read_the_environment(place: str, tree: ast.Module) -> Iterator[str]:
    for line, name in names(tree):
        if name in ("os.environ", "os.environb", "os.getenv", "os.putenv") and place != "settings.py":
            yield f"{line}: uses {name}"


_WRITING_METHODS = (
    *("write_text", "write_bytes", "write_parquet", "write_csv", "write_json", "write_ndjson", "write_ipc"),
    *("sink_parquet", "sink_csv", "sink_ndjson", "to_parquet", "to_csv", "touch", "mkdir"),
    *("symlink_to", "hardlink_to", "write_table", "write_to_dataset", "write_deltalake", "ParquetWriter"),
)
_WRITING_FUNCTIONS = ("os.rename", "os.replace", "os.makedirs", "os.mkdir", "os.link", "os.symlink")
_REMOVALS = ("shutil.rmtree", "os.remove", "os.unlink", "os.rmdir")


def only_writers_write_files(place: str, tree: ast.Module) -> Iterator[str]:
    if covered(place, WRITERS):
        return
    for line, name in names(tree):
        if name.startswith("event_assets."):  # a writer that does it for the caller
            continue
        method = name.split(".")[-1]
        removal = method in ("unlink", "rmdir") or name in _REMOVALS
        writing = method in _WRITING_METHODS or name in _WRITING_FUNCTIONS or name.startswith("shutil.")
        if removal or writing:
            yield f"{line}: uses {name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "open":
            # The builtin takes the file before the mode, Path.open and its like the mode alone.
            positional = node.args[1:] if isinstance(node.func, ast.Name) else node.args
            given = [*positional, *(keyword.value for keyword in node.keywords if keyword.arg == "mode")]
            modes = [a.value for a in given if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            if any(set(mode) <= set("rwaxbt+") and set(mode) & set("wax+") for mode in modes):
                yield f"{node.lineno}: opens a file to write"


_CLOCK = ("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today")
_CHANCE = ("uuid.uuid1", "uuid.uuid4", "uuid.uuid7", "os.urandom")
_MODULES_OF_CHANCE = ("random.", "secrets.", "numpy.random.")
_SEEDED = ("numpy.random.default_rng", "numpy.random.Generator", "numpy.random.SeedSequence", "numpy.random.PCG64")


def no_clock_and_no_chance(place: str, tree: ast.Module) -> Iterator[str]:
    if covered(place, tuple(CLOCK_AND_CHANCE)):
        return
    for line, name in names(tree):
        chance = name in _CHANCE or (name.startswith(_MODULES_OF_CHANCE) and name not in _SEEDED)
        if chance or name in _CLOCK or name in ("time.time", "time.time_ns", "time.localtime", "time.gmtime"):
            yield f"{line}: uses {name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and not node.args and not node.keywords:
            for line, name in names(ast.Module([ast.Expr(node.func)], [])):
                if name.endswith("default_rng"):
                    yield f"{line}: uses default_rng without a seed"


@functools.cache
def table_names() -> frozenset[str]:
    return frozenset(name for dataset in load_datasets().values() for name in tables(dataset)) - _ALSO_WORDS


def few_modules_name_a_table(place: str, tree: ast.Module) -> Iterator[str]:
    if not covered(place, tuple(NAMES_TABLES)):
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and node.value in table_names():
                yield f"{node.lineno}: names the table {node.value}"


RULES: tuple[Rule, ...] = (
    few_modules_name_a_table,
    downward_imports,
    dagster_stays_at_the_edge,
    pyspark_is_imported_on_demand,
    settings_alone_read_the_environment,
    only_writers_write_files,
    no_clock_and_no_chance,
)


@functools.cache
def package_files() -> dict[str, ast.Module]:
    """The syntax tree of every module of the package, by its place below it."""
    return {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_bytes()) for path in PACKAGE.rglob("*.py")}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_the_rule(rule: Rule) -> None:
    files = package_files()
    assert len(files) > 10, "the rules looked at nothing"
    wrong = sorted({f"{place}:{what}" for place, tree in files.items() for what in rule(place, tree)})
    assert not wrong, "\n".join([f"{rule.__name__}:", *wrong])


@pytest.mark.parametrize(
    ("rule", "place", "source"),
    [
        (few_modules_name_a_table, "pipeline/run_steps.py", "stores['joined_facts']"),
        (few_modules_name_a_table, "storage/lake.py", "RAW = 'raw_events'"),
        (downward_imports, "tables/column_types.py", "from event_assets.storage import lake"),
        (downward_imports, "transforms/clean.py", "import event_assets.landing.land_file"),
        (downward_imports, "landing/csv.py", "def f():\n    from event_assets import transforms"),
        (downward_imports, "synthetic/shop.py", "from event_assets.tables.catalog import tables"),
        (downward_imports, "helpers/things.py", "import event_assets.errors"),
        (dagster_stays_at_the_edge, "cli/top.py", "import dagster as dg"),
        (dagster_stays_at_the_edge, "pipeline/run_steps.py", "from dagster_duckdb import DuckDBResource"),
        (dagster_stays_at_the_edge, "storage/lake.py", "def f():\n    import dagster"),
        (pyspark_is_imported_on_demand, "engines/spark/engine.py", "from pyspark.sql import SparkSession"),
        (pyspark_is_imported_on_demand, "pipeline/run_steps.py", "def f():\n    import pyspark"),
        (settings_alone_read_the_environment, "storage/lake.py", "import os\nos.environ['HOME']"),
        (settings_alone_read_the_environment, "storage/lake.py", "from os import environ as e\ne.get('HOME')"),
        (settings_alone_read_the_environment, "cli/top.py", "import os as o\no.getenv('HOME')"),
        (only_writers_write_files, "pipeline/run_steps.py", "from pathlib import Path\nPath('x').write_text('')"),
        (only_writers_write_files, "transforms/clean.py", "def f(frame):\n    frame.sink_parquet('x')"),
        (only_writers_write_files, "warehouse/views.py", "with open('x', mode='w') as f: pass"),
        (only_writers_write_files, "orchestration/assets.py", "def f(path):\n    path.open('ab')"),
        (only_writers_write_files, "pipeline/run_steps.py", "def f(path):\n    path.unlink()"),
        (only_writers_write_files, "orchestration/assets.py", "import shutil as s\ns.rmtree('x')"),
        (only_writers_write_files, "pipeline/run_steps.py", "import shutil\nshutil.copyfile('x', 'y')"),
        (only_writers_write_files, "warehouse/views.py", "def f(path):\n    path.unlink()"),
        (no_clock_and_no_chance, "transforms/clean.py", "import datetime as dt\ndt.datetime.now(dt.UTC)"),
        (no_clock_and_no_chance, "pipeline/run_steps.py", "from datetime import date\ndate.today()"),
        (no_clock_and_no_chance, "text/parse_event_times.py", "from time import time\ntime()"),
        (no_clock_and_no_chance, "engines/ids.py", "from uuid import uuid4\nuuid4()"),
        (no_clock_and_no_chance, "synthetic/seeded_random.py", "import random\nrandom.choice([1])"),
        (no_clock_and_no_chance, "synthetic/seeded_random.py", "import numpy as np\nnp.random.rand(3)"),
        (no_clock_and_no_chance, "synthetic/seeded_random.py", "import numpy as np\nnp.random.default_rng()"),
    ],
)
def test_a_rule_sees_what_breaks_it(rule: Rule, place: str, source: str) -> None:
    assert list(rule(place, ast.parse(source))) != []


@pytest.mark.parametrize(
    ("place", "source"),
    [
        (
            "pipeline/run_steps.py",
            "from event_assets.storage.lake import Lake\nfrom event_assets.errors import LakeError",
        ),
        ("cli/dagster_runs.py", "import dagster as dg\nfrom event_assets.definitions import defs"),
        ("engines/spark/engine.py", "def session():\n    from pyspark.sql import SparkSession"),
        ("settings.py", "import os\nos.environ.get('EVENT_ASSETS_LAKE')"),
        ("storage/lake.py", "def f(path):\n    path.unlink()"),
        ("landing/stage.py", "from pathlib import Path\nPath('x').mkdir()"),
        (
            "transforms/clean.py",
            "def f(text):\n    with open('x', encoding='utf-8') as f: return text.replace('a', 'b')",
        ),
        ("synthetic/seeded_random.py", "import numpy as np\nnp.random.default_rng(7).random(3)"),
        ("pipeline/run_steps.py", "import time\nimport uuid\ntime.perf_counter(), uuid.uuid5(uuid.NAMESPACE_URL, 'x')"),
    ],
)
def test_no_rule_minds_what_is_allowed(place: str, source: str) -> None:
    assert [wrong for rule in RULES for wrong in rule(place, ast.parse(source))] == []


def loaded_after(statement: str) -> set[str]:
    """The top-level modules of a fresh interpreter after a statement."""
    code = f"{statement}\nimport sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_importing_the_package_loads_no_engine_and_no_dagster() -> None:
    assert loaded_after("import event_assets") & {"dagster", "polars", "duckdb", "narwhals", "pyarrow"} == set()


def test_all_that_is_not_dagsters_edge_loads_without_it() -> None:
    apart = [place for place in sorted(package_files()) if not covered(place, (*DAGSTER, "dashboard/", "__main__.py"))]
    modules = ["event_assets." + place.removesuffix(".py").replace("/", ".") for place in apart]
    statement = "import importlib\n" + "\n".join(f"importlib.import_module({module!r})" for module in modules)
    assert loaded_after(statement) & {"dagster", "pyspark"} == set()


def test_a_fresh_interpreter_that_loads_dagster_is_noticed() -> None:
    assert "dagster" in loaded_after("import dagster")


def test_every_package_that_is_imported_is_a_declared_dependency() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[^\w-]", text)[0].replace("-", "_") for text in project["dependencies"]}
    other_names = {"yaml", "crawleruseragents"}  # of pyyaml and crawler-user-agents
    known = {*declared, *sys.stdlib_module_names, "event_assets", *other_names}
    on_demand = {"pyspark", "obstore", "fastavro", "python_calamine"}  # extras of the user's, or the cluster's own
    imported = {name.split(".")[0] for tree in package_files().values() for _, name in imports(tree)}
    assert "polars" in imported
    assert imported - known - on_demand == set()


def test_every_exception_for_names_of_tables_is_needed() -> None:
    named = {
        place
        for place, tree in package_files().items()
        if any(isinstance(node, ast.Constant) and node.value in table_names() for node in ast.walk(tree))
    }
    assert [entry for entry in NAMES_TABLES if not any(covered(place, (entry,)) for place in named)] == []


def test_the_architecture_lists_each_room_below_those_that_it_imports() -> None:
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.partition("## Rooms")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    rooms = [name for cell in cells for name in re.findall(r"`(\w+)(?:/|\.py)`", cell)]
    assert set(MAY_IMPORT) - {*rooms} == {"__main__", "__init__"}
    imported = {
        (place.split("/")[0].removesuffix(".py"), name.split(".")[1])
        for place, tree in package_files().items()
        for _, name in imports(tree)
        if name.startswith("event_assets.")
    }
    above = {(room, other) for room, other in imported if room in rooms and other in rooms and room != other}
    assert len(above) > 40
    assert [pair for pair in sorted(above) if rooms.index(pair[0]) < rooms.index(pair[1])] == []
