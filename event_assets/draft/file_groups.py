"""Files sorted into kinds: which of them belong to one block, which name patterns say so, and which are profiles."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from event_assets.draft.read_sample import header_alone, read_sample
from event_assets.draft.sample import Found, Sample, plain_name
from event_assets.errors import LandingError
from event_assets.text.file_patterns import matches
from event_assets.text.time_formats import NAMES

#: At most this number of a folder's files is examined.
MAX_FILES = 200
_PROFILES = re.compile(r"user|profile|customer|member|account|kunde|nutzer|client|person|people", re.IGNORECASE)
#: A part of a name with letters among digits, such as a hash: another file has another.
_HASH = re.compile(
    r"(?<![A-Za-z0-9])(?:(?=[a-z0-9]*(?:\d[a-z]+\d|[a-z]\d+[a-z]))[a-z0-9]{8,}|[0-9a-f]{12,}"
    r"|(?=[A-Z0-9]*[a-z])(?=[a-z0-9]*[A-Z])(?=[A-Za-z]*[0-9])[A-Za-z0-9]{10,})(?![A-Za-z0-9])"
)
#: A month's name as a word, in any case: the next file has another.
_MONTH = rf"(?<![A-Za-z])(?i:{'|'.join((*NAMES['month_name'], *NAMES['month_short']))})(?![A-Za-z])"


#: Dates, and numbers of as many digits as times have.
_LONG_NUMBERS = re.compile(r"\d{4}[-_.]\d{1,2}[-_.]\d{1,2}(?:[-_.T]+\d+)*|\d{4,}(?:[-_.T]+\d+)*")
_NUMBERS = re.compile(r"\d+(?:[-_.T]*\d+)*")


def samples_of(paths: Iterable[Path]) -> tuple[list[Sample], list[str]]:
    """A sample of each kind of files below paths (files, and folders at any depth), and what was left out.

    LandingError where there is not a file, or none can be read.
    """
    files, remarks = _files(paths)
    samples: list[Sample] = []
    failed: list[LandingError] = []
    for file in files:
        try:
            sample = read_sample(file)
        except LandingError as error:
            failed.append(error)
            continue
        same = next((at for at, other in enumerate(samples) if other.like(sample)), len(samples))
        samples[same:] = [samples[same].joined(sample) if same < len(samples) else sample, *samples[same + 1 :]]
    if not samples:
        raise failed[0]
    samples, of_headers = _named(samples, [Path(error.culprit) for error in failed])
    others = (error for error in failed if error.culprit not in of_headers)
    return samples, [*remarks, *(f"{error.culprit} was left out: it {error.state}" for error in others)]


def _named(samples: list[Sample], without_records: Iterable[Path]) -> tuple[list[Sample], set[str]]:
    """The samples. A file that is only a header (as in Adobe's data feeds) names the columns of files without one."""
    used: set[str] = set()
    for path in without_records:
        names = header_alone(path)
        for at, sample in enumerate(samples):
            if names and len(names) == len(sample.fields) and sample.is_nameless:
                named = tuple(replace(one, parts=(name,)) for one, name in zip(sample.fields, names, strict=True))
                remark = f"the columns have no header: they are called as in {path.name}, by their place"
                samples[at] = replace(sample, fields=named, remarks=(remark,))
                used.add(str(path))
    return samples, used


def _files(paths: Iterable[Path]) -> tuple[list[Found], list[str]]:
    found: list[Found] = []
    for path in paths:
        if not path.is_dir():
            found.append(Found(path, path.parent))
            continue
        inner = [p for p in sorted(path.rglob("*")) if p.is_file() and not _is_hidden(p.relative_to(path))]
        if not inner:
            raise LandingError(str(path), "is a folder without files", "name a file, or a folder with files")
        found += [Found(p, path) for p in inner]
    if len(found) <= MAX_FILES:
        return found, []
    step = len(found) / MAX_FILES
    return [found[int(at * step)] for at in range(MAX_FILES)], [f"{MAX_FILES} of {len(found)} files were looked at"]


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def patterns(sample: Sample, others: Sequence[Sample]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The patterns of a sample's names, and what to check about them: the widest that match no other sample's file.

    Of two blocks with one pattern the second would never read a file.
    """
    theirs = [file.plain_place for other in others if other.files != sample.files for file in other.files]
    tried = [tuple(dict.fromkeys(map(pattern_of, sample.files))) for pattern_of in _NARROWER]
    apart = (found for found in tried if not any(matches(place, pattern) for place in theirs for pattern in found))
    found = next(apart, tried[-1])
    ending = plain_name(sample.files[0].path).rpartition(".")[2]
    if len(found) > 3 and not any(place.endswith(f".{ending}") for place in theirs):
        return ((f"{'**/' if any('/' in one for one in found) else ''}*.{ending}",), ())
    if found in tried[:_DISTINCT]:
        return found, ()
    remark = "files of another block are called alike, so these patterns are narrow"
    return found, (f"{remark}: give files of each kind a name of their own, such as KIND_*.{ending}",)


def _pattern_in_folder(file: Found) -> str:
    """The pattern in the file's folder, with `*` for the numbers in the folder's name."""
    folders = [_NUMBERS.sub("*", _escaped(folder)) for folder in file.place.split("/")[:-1]]
    return "/".join([*folders, file_pattern(file.path)])


#: From the widest pattern of a file's name to the narrowest. The last but one has the short numbers of the name, such
#: as the 2 of `export_2_2025-01-31.csv`.
_NARROWER: tuple[Callable[[Found], str], ...] = (
    lambda file: _below(file) + file_pattern(file.path),
    lambda file: _below(file) + file_pattern(file.path, exact=True),
    _pattern_in_folder,
    lambda file: _below(file) + _LONG_NUMBERS.sub("*", _escaped(plain_name(file.path))),
    lambda file: _escaped(file.plain_place),
)
#: From here on patterns hold numbers that the next file may not have.
_DISTINCT = 3


def _below(file: Found) -> str:
    return "**/" if "/" in file.place else ""


def _escaped(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def file_pattern(path: Path, exact: bool = False) -> str:
    """The file's name with `*` for the numbers and months in it, or before its ending where there are none; `exact`
    keeps the marks between them, as in `*-*-*.json`."""
    name = plain_name(path)
    stem, dot, ending = name.rpartition(".")
    if not dot or re.search(r"\d", ending):  # access.log-20250106 ends in its date
        stem, dot, ending = name, "", ""
    number = rf"(?:(?<![_.-]v)\d+|{_MONTH})"
    numbers = number if exact else rf"{number}(?:[-_.T]*(?:\d+|{_MONTH}))*"
    pattern = re.sub(numbers, "*", _HASH.sub("*", _escaped(stem)))
    return f"{pattern if '*' in pattern else f'{pattern}*'}{dot}{ending if dot else ''}"


def looks_like_profiles(sample: Sample) -> bool:
    """Whether all file names look like those of user profiles."""
    return all(_PROFILES.search(file.path.stem) for file in sample.files)
