"""Random numbers that are the same on every machine and for every version of NumPy.

Only the raw bits of PCG64 are taken, whose stream NumPy promises to keep, and all that is made of them
is exact arithmetic: no logarithm, no power, no normal distribution, whose last digit may differ.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Draw:
    """A stream of random numbers that is a function of whole numbers alone (`Draw(seed, 3)`)."""

    def __init__(self, *entropy: int) -> None:
        self._entropy = entropy
        self._bits = np.random.PCG64(np.random.SeedSequence(entropy))

    def child(self, *entropy: int) -> Draw:
        """A further stream, which does not depend on what was drawn from this one."""
        return Draw(*self._entropy, *entropy)

    def uniform(self, size: int) -> Floats:
        """Even in [0, 1)."""
        return (self._bits.random_raw(size) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def below(self, size: int, high: int) -> Ints:
        """Even in 0 .. high - 1."""
        return (self.uniform(size) * high).astype(np.int64)

    def skewed(self, size: int, high: int) -> Ints:
        """In 0 .. high - 1, the low numbers much more often: the first of n gets a share of 1 / sqrt(n)."""
        even = self.uniform(size)
        return (even * even * high).astype(np.int64)

    def chance(self, size: int, share: float) -> npt.NDArray[np.bool_]:
        """True for about that share."""
        return self.uniform(size) < share

    def choice(self, size: int, weights: Sequence[float]) -> Ints:
        """0 .. len(weights) - 1, by weight."""
        steps = np.cumsum(np.asarray(weights, dtype=np.float64))
        return np.searchsorted(steps[:-1] / steps[-1], self.uniform(size), side="right").astype(np.int64)

    def places(self, size: int, counts: Sequence[int]) -> npt.NDArray[np.int8]:
        """1 at exactly counts[0] random places, 2 at counts[1] others and so on; 0 at the rest."""
        marks = np.zeros(size, dtype=np.int8)
        if total := sum(counts):
            even = self.uniform(size)
            chosen = np.flatnonzero(even <= np.partition(even, total - 1)[total - 1])[:total]
            order = np.argsort(even[chosen], kind="stable")
            marks[chosen[order]] = np.repeat(np.arange(1, len(counts) + 1, dtype=np.int8), counts)
        return marks


def mixed(numbers: Ints, key: int = 0) -> Ints:
    """A well mixed number from 0 to 2**62 - 1 for each (SplitMix64): an id or a trait that looks random."""
    with np.errstate(over="ignore"):
        bits = numbers.astype(np.uint64) + np.uint64((key * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) % 2**64)
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        bits ^= bits >> np.uint64(31)
    return (bits >> np.uint64(2)).astype(np.int64)
