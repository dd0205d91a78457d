"""The exceptions that reach a user. Each message names in one line what is wrong, what was or wasn't done, and the
remedy.

EventAssetsError                anything that a user can cause or cure; printed as one line, exit code 1
├── DeclarationError            a dataset's YAML or a setting is wrong; nothing was read or written
├── LandingError                a source file can't be landed as the dataset's mode demands
├── ContractError               a table's partition breaks its contract; it was not published
├── LakeError                   the lake can't be read or written
│   ├── DamagedFileError        a published file can't be read; the next run recomputes it
│   ├── DamagedLogError         a table's log can't be read; the next run rebuilds the table
│   ├── LeaseError              another run writes this dataset
│   └── ConflictError           somebody else published what this run was about to publish
└── QueryError                  a query, a table or a file named by the user does not exist or can't be read
"""

from __future__ import annotations

import re

#: A URL: scheme, user and password, host with port and path, parameters (Spark Connect has them behind semicolons).
_URL = re.compile(
    r"""(\b[a-z][a-z0-9+.-]*://)(?:[^\s@'"`]*@)?([^\s;?'"`]*)([;?][^\s'"`]*[^\s'"`:;,.)])?""", re.IGNORECASE
)


def without_secrets(text: str) -> str:
    """A text whose URLs are left with scheme, host, port and path: passwords and tokens may be in the rest."""
    return _URL.sub(lambda url: f"{url[1]}{url[2]}{url[3][0] + '…' if url[3] else ''}", text)


class EventAssetsError(Exception):
    """Base of all errors that reach a user. `str(error)` is one line, without the secrets of URLs that it names."""

    def __init__(self, culprit: str, state: str, remedy: str) -> None:
        self.culprit, self.state, self.remedy = culprit, state, remedy
        super().__init__(without_secrets(" ".join(f"{culprit}: {state}; {remedy}".split())))


class DeclarationError(EventAssetsError):
    """A declaration or a setting that can't be understood."""


class LandingError(EventAssetsError):
    """A source file that stops its landing (`mode: fail_fast`, or a disk that is full)."""


class ContractError(EventAssetsError):
    """A staged partition that breaks its table's contract."""


class LakeError(EventAssetsError):
    """The lake can't be read or written."""


class DamagedFileError(LakeError):
    """A published file of the right size that can't be read."""


class DamagedLogError(LakeError):
    """A table's log that was cut off, overwritten or deleted in part."""


class LeaseError(LakeError):
    """Another writer holds the dataset."""


class ConflictError(LakeError):
    """The table's log moved under a writer; nothing of this attempt is visible."""


class QueryError(EventAssetsError):
    """A table, a file or a query of the user's that can't be read."""
