"""Small parts of sentences that many messages share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun: `1 file`, `1,200 files`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def first_of(texts: Sequence[str], shown: int = 20, *, between: str = "; ") -> str:
    """The first of some texts, at most `shown`, and how many more there are."""
    more = [f"and {len(texts) - shown:,} more"] if len(texts) > shown else []
    return between.join([*texts[:shown], *more])


def most_frequent(counts: Mapping[str, int]) -> str:
    """The name with the highest count, of several the first by name; empty where there is none."""
    return min(counts, key=lambda name: (-counts[name], name), default="")
