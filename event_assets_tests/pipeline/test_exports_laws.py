"""Any export that can be declared is read as it was meant, however it is cut, on any engine; and replayed."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings

from event_assets.declaration import Dataset
from event_assets_tests.pipeline.exports import LOOSE, STRICT, Export, Rules, exports
from event_assets_tests.pipeline.test_laws import LONG, MEMORY, everything
from event_assets_tests.world import World

BOUNDED = settings(max_examples=300 if LONG else 4)
pytestmark = pytest.mark.timeout(36000)
QUARANTINED = frozenset({"missing_user_id", "missing_event_type", "invalid_price"})


def world_of(folder: Path, dataset: Dataset, files: Iterable[tuple[str, bytes]]) -> World:
    world = World(folder, dataset)
    drop(world, files)
    world.refresh()
    return world


def drop(world: World, files: Iterable[tuple[str, bytes]]) -> None:
    """Put files into the inbox, in folders where their names have some."""
    for name, content in files:
        (world.settings.inbox / "exports" / name).parent.mkdir(parents=True, exist_ok=True)
        world.drop(name, content)


def check_meaning(world: World, export: Export, rules: Rules = STRICT) -> None:
    """Each record became what was meant by it."""
    verdicts = export.verdicts(rules)
    columns = ["event_time", "user_id", "event_type", "price", "app", "kind_of_file", "shop"]
    cleaned = world.table("cleaned_events")
    shop = [] if "shop" in cleaned.columns else [pl.lit(None, pl.String).alias("shop")]
    events = [row for verdict, row in verdicts if verdict == "event"]
    assert Counter(cleaned.with_columns(shop).select(columns).rows()) == Counter(set(events))
    reasons = Counter(verdict for verdict, _ in verdicts if verdict not in ("event", "excluded"))
    found = pl.concat([world.table(name).select("reason") for name in ("landing_rejects", "quarantine")])
    assert Counter(found["reason"]) == reasons
    check_raw_prices(world.table("raw_events")["price"].to_list(), export)
    whole = world.reconciled()
    assert whole.holds
    assert whole.excluded == sum(verdict == "excluded" for verdict, _ in verdicts)
    assert whole.duplicates == len(events) - len(set(events))


def check_raw_prices(raw: list[str | None], export: Export) -> None:
    """Raw has every price as it came: a text as it is, a number with a point."""
    texts = Counter(raw)
    numbers = [price for price in export.prices() if isinstance(price, int | float)]
    texts.subtract(price for price in export.prices() if not isinstance(price, int | float))
    assert min(texts.values(), default=0) >= 0
    assert Counter(map(float, filter(None, texts.elements()))) == Counter(map(float, numbers))


def check_equal(one: dict[str, pl.DataFrame], other: dict[str, pl.DataFrame]) -> None:
    for name, frame in one.items():
        assert frame.equals(other[name]), f"{name}\n{frame}\n{other[name]}"


@BOUNDED
@given(exports())
def test_any_cut_into_files_on_another_engine_gives_the_tables_that_were_meant(export: Export) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        one = world_of(Path(folder) / "one", export.dataset(), export.in_one_batch())
        check_meaning(one, export)
        dataset = export.dataset().model_copy(update={"engine": "duckdb"})
        many = world_of(Path(folder) / "many", dataset, ())
        for file in export.files():
            drop(many, [file])
            many.refresh()
        check_meaning(many, export)
        check_equal(everything(one), everything(many))


@BOUNDED
@given(exports())
def test_what_was_quarantined_counts_once_the_rules_are_fixed_or_its_text_is_landed(export: Export) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        fixed = world_of(Path(folder) / "fixed", export.dataset(), export.in_one_batch())
        refused = fixed.table("quarantine")
        names = fixed.table("source_files").select("file_id", pl.col("names").str.json_decode(pl.List(pl.String)))
        pairs = refused.join(names, on="file_id").select(pl.col("names").list.first(), "raw").rows()
        replayed = list(export.replayed(pairs))
        fixed.use(export.dataset(LOOSE))
        fixed.refresh()
        check_meaning(fixed, export, LOOSE)
        kept = export.in_one_batch(without=QUARANTINED)
        landed = world_of(Path(folder) / "landed", export.dataset(LOOSE, replay=True), [*kept, *replayed])
        assert landed.reconciled().holds
        lineage = ["file_id", "row_number"]
        for name in ("cleaned_events", "sessions", "joined_facts", "user_funnel"):
            one, other = (world.table(name).drop(lineage, strict=False) for world in (fixed, landed))
            assert one.equals(other), f"{name}\n{one}\n{other}\n{replayed}"
