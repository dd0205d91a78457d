"""Random numbers: where they lie, how they are spread, and that they never change."""

from __future__ import annotations

import numpy as np

from event_assets.synthetic.seeded_random import Draw, mixed


def test_numbers_are_the_same_for_ever() -> None:
    assert Draw(1, 2).below(6, 1_000).tolist() == [448, 430, 419, 277, 821, 49]
    assert mixed(np.arange(3)).tolist() == [4073552104164651883, 2612804094800205616, 2726381431439087027]


def test_a_child_is_the_same_whatever_was_drawn_before() -> None:
    used = Draw(1)
    used.uniform(10)

    assert used.child(2).uniform(3).tolist() == Draw(1).child(2).uniform(3).tolist() == Draw(1, 2).uniform(3).tolist()
    assert Draw(1).child(2).uniform(3).tolist() != Draw(1).child(3).uniform(3).tolist()


def test_choices_follow_their_weights() -> None:
    counts = np.bincount(Draw(1).choice(10_000, [3, 0, 1]), minlength=3)

    assert counts[1] == 0
    assert 7_300 < counts[0] < 7_700


def test_places_are_exactly_as_many_as_asked_for() -> None:
    marks = Draw(1).places(100, [7, 0, 20])

    assert np.bincount(marks, minlength=4).tolist() == [73, 7, 0, 20]
    assert marks.tolist() != sorted(marks.tolist())


def test_skewed_numbers_prefer_the_low_ones() -> None:
    counts = np.bincount(Draw(1).skewed(10_000, 4), minlength=4)

    assert counts.tolist() == sorted(counts.tolist(), reverse=True)
    assert 4_800 < counts[0] < 5_200, "the first of four gets one over the root of four"


def test_mixed_numbers_differ_by_key_and_never_meet() -> None:
    numbers = np.arange(10_000)

    assert len(np.unique(mixed(numbers))) == 10_000
    assert not np.any(mixed(numbers) == mixed(numbers, key=1))
    assert mixed(numbers).min() >= 0
