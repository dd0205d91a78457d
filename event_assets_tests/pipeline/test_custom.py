"""Gold tables of the user's own: in the graph, stale when their function changes, refused where they can't be made."""

from __future__ import annotations

import linecache
import sys
from pathlib import Path

import pytest
import yaml

from event_assets.declaration import parse_dataset
from event_assets.errors import ContractError, DeclarationError
from event_assets.pipeline.erase import erase, rows_by_table
from event_assets.pipeline.plan import preview
from event_assets.pipeline.steps import step_of, steps
from event_assets.tables.catalog import tables
from event_assets_tests.world import CLICKS, World, lines, made

HEAD = """
import narwhals as nw
from event_assets.gold import Column, gold_table
PAGE = Column("page", "string", "The page.", nullable=False)
VIEWS = Column("views", "int64", "How often.", nullable=False)
"""
VIEWS = """
@gold_table(description="Views by page.", columns=[PAGE, VIEWS], key=["page"])
def views_by_page(joined_facts):
    return joined_facts.group_by("page").agg(nw.len().alias("views"))
"""
OVERALL = """
@gold_table(description="Views by page of all dates.", columns=[PAGE, VIEWS], key=["page"], by_date=False)
def views_overall(views_by_page):
    return views_by_page.group_by("page").agg(nw.col("views").sum())
"""
EVENTS = lines(
    "ann,view,2025-01-06T10:00:00,/a,", "bob,view,2025-01-06T11:00:00,/a,", "ann,buy,2025-01-07T10:00:00,/b,"
)


class Module:
    """A module of the user's that can be edited."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._path, self._monkeypatch = folder / "own_tables.py", monkeypatch
        monkeypatch.syspath_prepend(folder)
        monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def says(self, *parts: str) -> None:
        self._path.write_text("".join([HEAD, *parts]))
        self._monkeypatch.delitem(sys.modules, "own_tables", raising=False)
        tables.cache_clear()
        steps.cache_clear()


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Module:
    return Module(tmp_path, monkeypatch)


def declared(*functions: str):  # type: ignore[no-untyped-def]
    attributes = yaml.safe_load(CLICKS)
    attributes["gold"]["custom"] = [f"own_tables:{name}" for name in functions]
    return parse_dataset(attributes, "clicks")


def test_a_plan_does_not_blame_the_inputs_of_a_changed_function(module: Module, tmp_path: Path) -> None:
    module.says(VIEWS)
    world = World(tmp_path, declared("views_by_page"))
    world.drop("clicks_1.csv", EVENTS)
    world.refresh()
    assert preview(world.workspace).is_empty
    module.says(VIEWS.replace("nw.len()", "(nw.len() * 2)"))
    world.use(declared("views_by_page"))
    world.workspace.refresh()
    assert {(unit.step.name, unit.why) for unit in preview(world.workspace).stale} == {
        ("views_by_page", "its function changed")
    }


def test_a_function_is_a_table_by_date_and_another_merges_its_dates(module: Module, tmp_path: Path) -> None:
    module.says(VIEWS, OVERALL)
    world = World(tmp_path, declared("views_by_page", "views_overall"))
    world.drop("clicks_1.csv", EVENTS)
    world.refresh()
    assert world.table("views_by_page").rows() == [("2025-01-06", "/a", 2), ("2025-01-07", "/b", 1)]
    assert world.table("views_overall").rows() == [("/a", 2), ("/b", 1)]
    assert world.make() == []


def test_an_edited_function_makes_its_tables_stale_and_no_other(module: Module, tmp_path: Path) -> None:
    module.says(VIEWS, OVERALL)
    world = World(tmp_path, declared("views_by_page", "views_overall"))
    world.drop("clicks_1.csv", EVENTS)
    world.refresh()
    module.says(VIEWS.replace("nw.len()", "(nw.len() * 2)"), OVERALL)
    world.use(declared("views_by_page", "views_overall"))
    assert made(world.make()) == {
        ("views_by_page", "2025-01-06"),
        ("views_by_page", "2025-01-07"),
        ("views_overall", ""),
    }
    assert world.table("views_overall").rows() == [("/a", 4), ("/b", 2)]


def test_a_higher_version_is_another_rule(module: Module) -> None:
    rules = set()
    for version in (1, 2):
        module.says(VIEWS.replace('key=["page"]', f'key=["page"], version={version}'))
        rules.add(step_of(declared("views_by_page"))["views_by_page"].rules)
    assert len(rules) == 2


def test_rows_that_break_the_contract_are_not_published(module: Module, tmp_path: Path) -> None:
    module.says(VIEWS)
    world = World(tmp_path, declared("views_by_page"))
    world.drop("clicks_1.csv", lines("ann,view,2025-01-06T10:00:00,,"))
    [refused] = [outcome for outcome in world.refresh() if outcome.state == "not_published"]
    assert (refused.table, "page" in refused.checks[0].message) == ("views_by_page", True)
    assert world.table("views_by_page").is_empty()


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        ("joined_facts.select('page')", "views_by_page: its function returns no column views; there are page; return"),
        ("7", "views_by_page: its function returns a int; return a Narwhals lazy frame"),
    ],
)
def test_a_function_that_returns_another_table_is_told(
    module: Module, tmp_path: Path, returned: str, says: str
) -> None:
    module.says(VIEWS.replace('joined_facts.group_by("page").agg(nw.len().alias("views"))', returned))
    world = World(tmp_path, declared("views_by_page"))
    world.drop("clicks_1.csv", EVENTS)
    with pytest.raises(ContractError) as told:
        world.refresh()
    assert str(told.value).startswith(says)


@pytest.mark.parametrize(
    ("text", "name", "says"),
    [
        ("", "nothing", "own_tables:nothing can't be imported (AttributeError: module 'own_tables' has no attribute"),
        ("1 / 0", "x", "own_tables:x can't be imported (ZeroDivisionError: division by zero); install the package"),
        ("def plain(a): ...", "plain", "own_tables:plain is no gold table; decorate the function with @gold_table"),
        (
            VIEWS.replace("(joined_facts)", "(facts)"),
            "views_by_page",
            "reads facts, which is not a table; name its param",
        ),
        (VIEWS.replace("(joined_facts)", "()"), "views_by_page", "reads no table; give the function a parameter"),
        (
            VIEWS.replace("(joined_facts)", "(funnel_summary)"),
            "views_by_page",
            "reads funnel_summary, which is made of all",
        ),
        (
            VIEWS.replace("views_by_page", "sessions"),
            "sessions",
            "the platform has a table of this name already; rename the function",
        ),
        (VIEWS.replace('key=["page"]', 'key=["x"]'), "views_by_page", "the key is not among its columns"),
    ],
)
def test_a_function_that_can_be_no_table_is_one_line_when_definitions_load(
    module: Module, text: str, name: str, says: str
) -> None:
    module.says(text)
    with pytest.raises(DeclarationError) as told:
        tables(declared(name))
    assert str(told.value).startswith("clicks: gold.custom: ")
    assert says in str(told.value)
    assert "\n" not in str(told.value)


def test_a_function_that_takes_several_dates_is_called_once_and_makes_the_same_rows(
    tmp_path: Path, module: Module
) -> None:
    several = VIEWS.replace('key=["page"]', 'key=["page"], several_dates=True').replace(
        'return joined_facts.group_by("page")',
        'CALLS.append(1)\n    return joined_facts.group_by("event_date", "page")',
    )
    module.says("CALLS = []\n", VIEWS)
    one = World(tmp_path / "one", declared("views_by_page"))
    one.drop("clicks_1.csv", EVENTS)
    one.refresh()
    module.says("CALLS = []\n", several)
    many = World(tmp_path / "many", declared("views_by_page"))
    many.drop("clicks_1.csv", EVENTS)
    many.refresh()
    assert many.table("views_by_page").equals(one.table("views_by_page"))
    assert many.table("views_by_page").height == 2
    assert sys.modules["own_tables"].CALLS == [1]


def test_a_pandera_model_of_the_users_is_held_and_its_edit_makes_the_table_stale(
    tmp_path: Path, module: Module
) -> None:
    model = "import pandera.polars as pa\n\nclass Few(pa.DataFrameModel):\n    views: int = pa.Field(le={})\n"
    attributes = yaml.safe_load(CLICKS)
    attributes["gold"]["custom"] = [{"function": "own_tables:views_by_page", "contract": "own_tables:Few"}]
    module.says(VIEWS, model.format(1))
    world = World(tmp_path, parse_dataset(attributes, "clicks"))
    world.drop("clicks_1.csv", EVENTS)
    refused = [o for o in world.refresh() if o.state == "not_published"]
    assert [(o.table, str(o.date)) for o in refused] == [("views_by_page", "2025-01-06")]
    assert "views less than or equal to(1): 1 rows" in refused[0].checks[0].message
    module.says(VIEWS, model.format(9))
    linecache.clearcache()
    world.use(parse_dataset(attributes, "clicks"))
    assert ("views_by_page", "2025-01-07") in made(world.refresh())
    assert world.table("views_by_page").height == 2


def test_an_erasure_reaches_a_table_whose_name_begins_like_that_of_profiles_and_whose_user_column_has_its_own_name(
    module: Module, tmp_path: Path
) -> None:
    module.says(
        """
WHO = Column("visitor", "string", "Who.", nullable=False)
@gold_table(description="Views by user.", columns=[WHO, VIEWS], key=["visitor"], users="visitor")
def profile_views(joined_facts):
    return joined_facts.group_by(nw.col("user_id").alias("visitor")).agg(nw.len().alias("views"))
"""
    )
    world = World(tmp_path, declared("profile_views"))
    world.drop("clicks_1.csv", EVENTS)
    world.refresh()
    with world.workspace.writing():
        world.workspace.refresh()
        erase(world.workspace, "ann")
        assert rows_by_table(world.workspace, "ann")["profile_views"] == 2
    world.make()
    assert set(world.table("profile_views")["visitor"]) == {"bob"}
    assert rows_by_table(world.workspace, "ann") == {}
