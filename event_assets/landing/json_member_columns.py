"""Reads the members of all valid JSON objects of a batch column by column; also keeps a member's original text if the
caller needs it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence, Set
from contextlib import suppress
from functools import cached_property
from typing import Any

from event_assets.landing.json_elements import Elements
from event_assets.landing.json_paths import PART, Tree
from event_assets.text.json_text import certainly_once, members_of, names_in, repeats, written_once

#: The names that lead to a value.
Place = tuple[str, ...]
NOTHING: dict[str, Any] = {}
#: Types of values that are not texts. Cleaning rejects true in a column of numbers.
NUMERIC = frozenset({int, float, bool})


class JsonObjects:
    """The valid objects among some elements, and their members' own texts where these are needed.

    All are read together, column by column; one by one only those that lack a member or have too many.
    """

    def __init__(self, elements: Elements, tree: Tree, literals: Set[str] = frozenset()) -> None:
        """`literals` are the names at the root of the tree that are whole paths."""
        self._elements, self.tree, self._literals = elements, tree, literals
        self.values = [value for value in elements.values if value is not None]
        self.places: Sequence[int] = range(len(elements.texts))
        if elements.reasons:
            self.places = [place for place, value in enumerate(elements.values) if value is not None]
        self._members: dict[int, dict[str, bytes]] = {}
        self._below: dict[Place, list[dict[str, Any]]] = {(): self.values}
        self._at: dict[Place, list[Any]] = {}
        self._kinds: dict[Place, frozenset[type]] = {}
        self.refused: dict[int, str] = {}
        """Objects (by index) that can't be read after all: nested too deeply."""

    def members(self, at: int) -> dict[str, bytes]:
        if at not in self._members:
            self._members[at] = members_of(self.text(at))
        return self._members[at]

    def text(self, at: int) -> bytes:
        return self._elements.texts[self.places[at]]

    def at(self, path: Place) -> list[Any]:
        """The value at a path in each object; None if the object has no such member."""
        if path not in self._at:
            *parents, leaf = path
            self._at[path] = [o.get(leaf) for o in self.below(tuple(parents))]
        return self._at[path]

    def kinds(self, path: Place) -> frozenset[type]:
        """The types of those values."""
        if path not in self._kinds:
            self._kinds[path] = frozenset(map(type, self.at(path)))
        return self._kinds[path]

    def below(self, path: Place) -> list[dict[str, Any]]:
        """The nested object at a path in each object; an empty object if there is no such object."""
        if path not in self._below:
            self._below[path] = [value if type(value) is dict else NOTHING for value in self.at(path)]
        return self._below[path]

    def lacking(self, path: Place) -> list[int]:
        """The objects (by index) that have nothing at a path, not even null."""
        *parents, leaf = path
        below = self.below(tuple(parents))
        return [at for at in places_of_null(self.at(path)) if leaf not in below[at]]

    @cached_property
    def named_oddly(self) -> set[int]:
        """The objects (by index) with a member that no declared path begins with; it may be named as a whole path."""
        return self._strange((), [name for name in self.tree if name not in self._literals])

    @cached_property
    def undeclaring(self) -> set[int]:
        """The objects (by index) that have something which the tree doesn't declare."""
        known = frozenset(self.tree)
        return {at for at in self.named_oddly if not known.issuperset(self.values[at])} | self._beneath((), self.tree)

    def _beneath(self, path: Place, tree: Tree) -> set[int]:
        """Those that have something undeclared in the declared members of a nested object."""
        found: set[int] = set()
        for name, branch in tree.items():
            if branch is None:
                continue
            inner = (*path, name)
            if branch is PART:
                found |= {at for at, value in enumerate(self.at(inner)) if value is not None}
                continue
            if not self.kinds(inner) <= {dict, type(None)}:
                whole = enumerate(self.at(inner))
                found |= {at for at, value in whole if value is not None and type(value) is not dict}
            found |= self._strange(inner, branch) | self._beneath(inner, branch)
        return found

    def _strange(self, path: Place, names: Collection[str]) -> set[int]:
        """The objects (by index) with a member of another name at a path: it has too many, or lacks some."""
        below, known = self.below(path), frozenset(names)
        likely = {at for at, count in enumerate(map(len, below)) if count > len(known)}
        likely.update(*(self.lacking((*path, name)) for name in known))
        return {at for at in likely if not known.issuperset(below[at])}

    @cached_property
    def repeating(self) -> set[int]:
        """The objects (by index) in which some name occurs twice."""
        joined = self._elements.texts.joined(without=self._elements.reasons)
        names = self._names((), self.tree) + names_in([self.values[at] for at in self.undeclaring])
        if certainly_once(joined, at_least=names) or written_once(joined, self.values):
            return set()
        return {at for at, value in enumerate(self.values) if repeats(self.text(at), value)}

    def _names(self, path: Place, tree: Tree) -> int:
        """How many names there are at declared places, in objects that hold nothing undeclared."""
        below = self.below(path)
        count = sum(map(len, below)) - sum(len(below[at]) for at in self.undeclaring)
        return count + sum(
            self._names((*path, name), branch) for name, branch in tree.items() if isinstance(branch, dict)
        )


def places_of_null(values: list[Any]) -> Iterator[int]:
    place = -1
    with suppress(ValueError):
        while True:
            place = values.index(None, place + 1)
            yield place
