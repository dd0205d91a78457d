"""Whatever a sample is like: `init` drafts it or names what is lacking, and tells what `run` then does."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import given, settings

from event_assets.cli.init import EARLIEST
from event_assets.declaration import load_dataset
from event_assets.draft import Draft, draft
from event_assets.draft.trial_run import Trial, try_out
from event_assets.draft.yaml_quoting import one_line, quoted
from event_assets.errors import DeclarationError, LandingError
from event_assets_tests.draft.odd_samples import Odd, odd_samples
from event_assets_tests.pipeline.test_laws import LONG, MEMORY
from event_assets_tests.world import NOW, World

BOUNDED = settings(max_examples=1000 if LONG else 12)


def drafted(path: Path) -> Draft | str:
    """The draft, or the line that reports why there is none."""
    try:
        return draft("mine", path)
    except (LandingError, DeclarationError) as error:
        return str(error)


def trial_of(sample: Odd, folder: Path) -> tuple[Draft, Trial] | None:
    """What `init` writes and shows; None where it reports in one line why it can't."""
    path = folder / sample.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sample.content)
    made = drafted(path)
    if isinstance(made, str):
        assert not sample.has_times, made
        assert "\n" not in made
        return None
    trial = try_out(made.dataset.model_copy(update={"start_date": EARLIEST}), made.files, NOW)
    return (made.starting(trial.first_date) if trial.first_date else made), trial


def check_loads(made: Draft, folder: Path) -> None:
    """The text is a declaration, the one that was tried."""
    path = folder / "mine" / "defs.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(made.text, encoding="utf-8")
    assert load_dataset(path).model_dump() == made.dataset.model_dump()


def check_fields(sample: Odd, made: Draft) -> None:
    """Each field is read by a column, is within one, or is named by a remark; a file's own names are in the text."""
    source = made.dataset.events[0]
    if source.format == "log" or not source.csv.header:
        return
    for name in sample.fields:
        shown = (one_line(name), quoted(name), quoted(name.strip())[1:-1], json.dumps(name, ensure_ascii=False)[1:-1])
        assert any(one in made.text for one in shown), name


def check_run(sample: Odd, made: Draft, trial: Trial, folder: Path) -> None:
    """A run does with the file what init said."""
    world = World(folder / "lake", made.dataset)
    world.drop(sample.name, sample.content)
    world.refresh()
    whole = world.reconciled()
    assert whole.holds
    refused = Counter(world.table("landing_rejects")["reason"]) + Counter(world.table("quarantine")["reason"])
    assert {one.reason: one.records for one in trial.refused} == refused
    assert (trial.taken, trial.duplicates, trial.excluded) == (whole.cleaned, whole.duplicates, whole.excluded)


@BOUNDED
@given(odd_samples())
def test_a_draft_of_any_sample_loads_names_each_field_and_tells_what_a_run_does(sample: Odd) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        found = trial_of(sample, Path(folder, "samples"))
        if found is not None:
            made, trial = found
            check_loads(made, Path(folder))
            check_fields(sample, made)
            check_run(sample, made, trial, Path(folder))
