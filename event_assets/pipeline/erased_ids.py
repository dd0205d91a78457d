"""The erased ids in their three forms: hashed in tombstones, typed in tables, and as tokens within a text."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from event_assets.declaration import Column, Dataset
from event_assets.declaration.typed_values import value_of
from event_assets.storage.ledger import Ledger
from event_assets.transforms.normalize import normalised

#: What ends a token: no letter, no digit and none of `_ - . @ : %`.
_APART = re.compile(r"[^\w\-.@:%]")


@dataclass(frozen=True)
class Erasing:
    """The erased ids of one column (of users, or of ids linked with users), in the form that cleaning writes."""

    column: str
    is_erased: Callable[[str], bool]
    takes_mentions: Callable[[str], bool]
    """Whether mentions are removed as well: rejected and quarantined records of others, values of undeclared fields."""
    spreads: frozenset[int]
    """The numbers of token-ending characters inside the ids: a text with another number can't be one of the ids."""
    mentions: bool
    """Whether any of the ids takes mentions."""

    @classmethod
    def of(cls, dataset: Dataset, ledger: Ledger) -> list[Erasing]:
        """All ids with a tombstone, by column."""
        spreads = frozenset(erasure.spread for erasure in ledger.erased.values())
        mentions = any(erasure.mentions for erasure in ledger.erased.values())
        return [
            cls(
                column,
                lambda found, column=column: ledger.is_erased(tombstone_name(column, found)),  # type: ignore[misc]
                lambda found, column=column: ledger.takes_mentions(tombstone_name(column, found)),  # type: ignore[misc]
                spreads,
                mentions,
            )
            for column in (dataset.identity.columns if dataset.identity else ("user_id",))
        ]

    @classmethod
    def only(cls, ids: Collection[str], *, mentions: bool, column: str = "user_id") -> Erasing:
        spreads = frozenset(map(spread, ids))
        return cls(column, lambda found: found in ids, lambda _: mentions, spreads, mentions)


def tombstone_name(column: str, found: str) -> str:
    """What a tombstone hashes: the id, of other columns than the user's with the column."""
    return found if column == "user_id" else f"{column}={found}"


def spread(text: str) -> int:
    """How many characters that end tokens are within a text."""
    return len(_APART.findall(text))


def canonical(text: str | None, column: Column) -> str | None:
    """A user id in the form that typed tables write; None if the text is not a value of the id's type."""
    clean = normalised(column.constant if column.constant is not None else text or "", column)
    if clean is None or column.type == "string":
        return clean
    value = value_of(clean, column.type)
    return None if value is None else str(value)


def tokens(text: str, spreads: Iterable[int]) -> Iterator[str]:
    """The parts of a text with one of these numbers of token-ending characters inside, and one such character (or the
    end of the text) on both sides."""
    return (text[start:end] for start, end in token_spans(text, spreads))


def token_spans(text: str, spreads: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The places of the `tokens` of a text."""
    bounds = [-1, *(match.start() for match in _APART.finditer(text)), len(text)]
    for inner in spreads:
        for left, right in zip(bounds, bounds[inner + 1 :], strict=False):
            yield left + 1, right
