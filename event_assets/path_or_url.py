"""The type of a storage place, a path or the URL of an object store, and its parser."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_SCHEME = "s3://"


@dataclass(frozen=True)
class ObjectUrl:
    """A place in an S3 object store. `/` goes below it as with a path; `str` gives the URL."""

    bucket: str
    key: str = ""

    def __truediv__(self, below: str) -> ObjectUrl:
        return ObjectUrl(self.bucket, f"{self.key}/{below}".strip("/"))

    def __str__(self) -> str:
        return f"{_SCHEME}{self.bucket}/{self.key}".rstrip("/")

    @property
    def name(self) -> str:
        return self.key.rsplit("/", 1)[-1] or self.bucket

    def below(self, folder: Path) -> Path:
        """Where on a disk a copy of this place is kept, below a folder."""
        return folder / self.bucket / self.key


Place = Path | ObjectUrl


def parse_place(text: str) -> Place:
    """A path, or the URL of an object store. ValueError (without the text: it may hold secrets) for any other URL."""
    if "://" not in text:
        return Path(text).absolute()
    bucket, _, key = text.removeprefix(_SCHEME).rstrip("/").partition("/")
    parts = key.split("/") if key else []
    plain = not any(letter in text for letter in "@?#%\\ ")
    if not (text.startswith(_SCHEME) and plain and bucket and all(part not in ("", ".", "..") for part in parts)):
        raise ValueError("is no path and no plain URL of an s3:// store")
    return ObjectUrl(bucket, key)
