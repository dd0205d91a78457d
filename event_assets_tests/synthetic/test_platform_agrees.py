"""From generated files the platform makes what their generator knows: every reject, duplicate and sum."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

import event_assets
from event_assets.declaration import load_dataset
from event_assets.synthetic import RECIPES, Generated, generate
from event_assets_tests.world import World

DEFS = Path(event_assets.__file__).parent / "defs"
#: Reasons that landing gives; all others are the quarantine's.
LANDING = {"missing_timestamp", "invalid_timestamp", "malformed_record", "not_utf8"}


def made(dataset: str, folder: Path) -> tuple[Generated, World]:
    generated = generate(dataset, rows=3_000, days=3, seed=2, out=folder / "inbox" / dataset, mess=3)
    world = World(folder, load_dataset(DEFS / dataset / "defs.yaml"))
    world.refresh()
    return generated, world


@pytest.mark.parametrize("dataset", RECIPES)
def test_rejects_duplicates_and_facts_are_those_that_the_generator_knows(dataset: str, tmp_path: Path) -> None:
    generated, world = made(dataset, tmp_path)
    truth, found = generated.truth, world.reconciled()
    told = {reason: truth[reason] for reason in RECIPES[dataset].rejects}

    assert found.holds
    assert found.rejected_by_reason == {reason: number for reason, number in told.items() if reason in LANDING}
    assert found.quarantined_by_reason == {reason: number for reason, number in told.items() if reason not in LANDING}
    assert (found.cleaned, found.duplicates) == (truth["cleaned"], truth["duplicates"])
    assert found.facts == truth.get("facts", truth["cleaned"])
    assert world.table("cleaned_events")["user_id"].n_unique() == truth["users"]
    assert found.rows.get("profiles") == truth.get("profiles")
    if "facts" not in truth:  # no profile filter: whoever has a valid event is seen first on a date, once
        assert world.table("first_seen").height == truth.get("human_persons", truth["users"])


def test_persons_and_traffic_of_app_events_are_those_that_the_generator_knows(tmp_path: Path) -> None:
    generated, world = made("app_events", tmp_path)
    truth, kinds = generated.truth, ("human", "bot", "internal")
    facts = world.table("joined_facts")

    assert dict(facts["traffic"].value_counts().iter_rows()) == {kind: truth[f"{kind}_facts"] for kind in kinds}
    assert facts["person_id"].n_unique() == truth["persons"] < truth["users"]
    assert facts.filter(traffic="human")["person_id"].n_unique() == truth["human_persons"] < truth["persons"]
    assert world.workspace.figures("identities", None)["overlinked"] > 0


def test_streaming_minutes_are_those_of_the_originals(tmp_path: Path) -> None:
    generated, world = made("streaming", tmp_path)
    total = world.table("watch_time_overall")["total_watch_time_min"].sum()

    assert total == Decimal(generated.truth["watched_hundredths"]) / 100


def test_activity_sessions_are_counted_as_a_set(tmp_path: Path) -> None:
    generated, world = made("activity", tmp_path)
    sessions = world.table("platform_sessions").select("platform", "user_id", "session_id").unique()

    assert sessions.height == generated.truth["platform_sessions"]
    assert set(sessions["platform"]) == {"iOS", "Android", "Web"}
    assumed = world.table("raw_events").filter(pl.col("time_assumed"))
    assert assumed.height >= generated.truth["time_assumed"]


def test_sessions_of_app_events_have_the_channels_that_the_generator_knows(tmp_path: Path) -> None:
    generated, world = made("app_events", tmp_path)
    truth = generated.truth
    counts = dict(world.table("sessions")["channel"].value_counts().iter_rows())
    names = {channel: f"{channel.lower().replace(' ', '_')}_sessions" for channel in counts}

    assert sum(counts.values()) == truth["sessions"]
    assert world.table("channel_summary")["sessions"].sum() == truth["human_sessions"] < truth["sessions"]
    assert truth["ambiguous_sessions"] == sum(counts.values()) - sum(truth[name] for name in names.values())
    assert all(0 <= counts[channel] - truth[name] <= truth["ambiguous_sessions"] for channel, name in names.items())
    assert len(counts) == 7, "every channel that the generator has occurs"
    assert world.table("sessions")["conversions"].sum() <= truth["purchases"]
