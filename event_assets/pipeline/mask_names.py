"""Masks the ids of erased users in names and messages: of files, members and headers, in ledger, tables and logs.

A name keeps its form, so that what a declaration reads in it stays: letters become `x`, digits `9`, and a date or an
hour is left as it is. The ledger knows the name itself by a keyed hash, so a file is recognised when it comes again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from event_assets.declaration import Dataset
from event_assets.pipeline.erased_ids import Erasing
from event_assets.pipeline.schema_drift import hidden_name
from event_assets.pipeline.user_records import Judge, judges_of
from event_assets.storage.ledger import Ledger
from event_assets.storage.ledger_entries import Binding, Entry, Manifest, SourceFile
from event_assets.text.dates_in_file_names import time_places

#: In place of an id in a message.
MASK = "•••"
_WORD = re.compile(r"[^\W_]+")
#: An id in a name is searched among its words and runs of up to this number of words: `zorro-7731`.
_WORDS = 8

Span = tuple[int, int]


class Masking:
    """Masks what erased users are called by; nothing where no user is erased."""

    def __init__(self, dataset: Dataset, ledger: Ledger, erasings: Iterable[Erasing] | None = None) -> None:
        self._ledger = ledger
        found = Erasing.of(dataset, ledger) if erasings is None and ledger.erased else erasings or ()
        self._judges: list[Judge] = judges_of(dataset, "events", found)

    def name(self, name: str) -> str:
        """A file's path below the inbox, in its form."""
        if not self._judges:
            return name
        kept = time_places(name)
        for start, end in self._spans(name):  # the last first, so that places before it stay
            form = "".join(name[place] if place in kept else _alike(name[place]) for place in range(start, end))
            if form == name[start:end] and kept.isdisjoint(range(start, end)):  # the id looks like a mask
                form = MASK
            name = name[:start] + form + name[end:]
        return name

    def text(self, text: str) -> str:
        """A message."""
        for start, end in self._spans(text):
            text = text[:start] + MASK + text[end:]
        return text

    def entry(self, entry: Entry) -> Entry:
        """An entry as the ledger may keep it."""
        if isinstance(entry, Binding):
            return self.binding(entry)
        if isinstance(entry, SourceFile):
            return self.source(entry)
        if isinstance(entry, Manifest):
            records = {self._hashed(name): records for name, records in entry.records.items()}
            return replace(entry, name=self._hashed(entry.name), records=records)
        return entry

    def binding(self, binding: Binding) -> Binding:
        masked = binding.name if binding.hidden else self.name(binding.name)
        if masked == binding.name:
            return binding
        paths = (binding.name, binding.name.rsplit("/", 1)[-1])
        return replace(binding, name=masked, hidden=tuple(map(self._ledger.name_hash, paths)))

    def source(self, file: SourceFile) -> SourceFile:
        """A file without ids in the names of its undeclared fields, and in the reason for which it is rejected."""
        fields = {
            hidden_name(self._ledger, name) if self.text(name) != name else name: count
            for name, count in file.new_fields.items()
        }
        return replace(file, reason=file.reason and self.text(file.reason), new_fields=fields)

    def _hashed(self, name: str) -> str:
        return self._ledger.name_hash(name) if self.name(name) != name else name

    def _spans(self, text: str) -> list[Span]:
        return _spans_of_ids(text, self._candidates(text), self._judges)

    def _candidates(self, text: str) -> set[Span]:
        if not self._judges:
            return set()
        words = [match.span() for match in _WORD.finditer(text)]
        runs = {
            (words[first][0], words[last][1])
            for first in range(len(words))
            for last in range(first, min(len(words), first + _WORDS))
        }
        return runs.union(*(judge.token_spans(text) for judge in self._judges))


def mask_tokens(text: str, judges: Sequence[Judge], *, mention: bool = False) -> str:
    """A text with the ids masked that are whole tokens of it; in a `mention` those whose mentions are taken out."""
    spans = {span for judge in judges for span in judge.token_spans(text)}
    for start, end in _spans_of_ids(text, spans, judges, mention=mention):
        text = text[:start] + MASK + text[end:]
    return text


def _spans_of_ids(
    text: str, candidates: Iterable[Span], judges: Sequence[Judge], *, mention: bool = False
) -> list[Span]:
    """Where ids are in a text, last first; of those that overlap the longest."""
    found: list[Span] = []
    for start, end in sorted(candidates, key=lambda span: (span[0] - span[1], span)):
        apart = all(end <= other or start >= after for other, after in found)
        if apart and any(judge.is_id(text[start:end], mention=mention) for judge in judges):
            found.append((start, end))
    return sorted(found, reverse=True)


def _alike(char: str) -> str:
    if char.isdigit():
        return "9"
    return ("X" if char.isupper() else "x") if char.isalpha() else char


def masked_messages(messages: Iterable[str], names: Mapping[str, str]) -> Iterator[str]:
    """Messages with some names (and the last parts of these) masked."""
    masks = {part: masked for name, as_masked in names.items() for part, masked in parts_of_names(name, as_masked)}
    for message in messages:
        for name in sorted(masks, key=len, reverse=True):
            message = message.replace(name, masks[name])
        yield message


def parts_of_names(name: str, masked: str) -> Iterator[tuple[str, str]]:
    """What a message may call a file: its path below the inbox, or the last part of it, each with its mask."""
    yield name, masked
    yield name.rsplit("/", 1)[-1], masked.rsplit("/", 1)[-1]
