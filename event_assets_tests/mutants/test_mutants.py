"""That the list of mutants still fits the code: each text is there once, and each named test exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from event_assets_tests.mutants.catalog import MUTANTS
from event_assets_tests.mutants.mutant import Mutant
from event_assets_tests.mutants.run import mutated


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_fits_the_code(mutant: Mutant, repository: Path) -> None:
    assert mutated(mutant, repository) != (repository / mutant.path).read_text(encoding="utf-8")
    assert [test for test in mutant.tests if not (repository / test).is_file()] == []


def test_there_are_thirty_mutants_of_different_names() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 30


def test_a_text_that_is_not_there_once_is_an_error(repository: Path) -> None:
    with pytest.raises(ValueError, match="has 0 times"):
        mutated(Mutant("x", "event_assets/errors.py", "nowhere in it", "", ()), repository)
