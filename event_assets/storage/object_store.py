"""Reads, writes and lists the objects below a URL; a replacement or a read fails where the object has changed since
it was read or listed.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from event_assets.errors import EventAssetsError
from event_assets.path_or_url import ObjectUrl

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_CHUNK = 1 << 20
#: A store that doesn't answer is reported after a minute.
_RETRY: Any = {"max_retries": 8, "retry_timeout": dt.timedelta(seconds=60)}
_CODE = re.compile(r"<Code>(\w+)</Code>")


class ObjectStoreError(EventAssetsError):
    """An object store that doesn't answer, or refuses."""


class GoneError(FileNotFoundError):
    """An object that is not there, or not as it was listed."""


@dataclass(frozen=True)
class Object:
    """An object as a listing shows it. `version` (the ETag) differs after each change."""

    key: str
    bytes: int
    version: str
    modified: dt.datetime
    """By the store's clock, to the second."""


class Objects:
    """The objects below one URL, by their keys below it. May be used by several threads."""

    def __init__(self, url: ObjectUrl) -> None:
        self.url = url
        self._root = url
        self._store: ObjectStore | None = None

    def below(self, key: str) -> Objects:
        """The objects below a key, through the same client."""
        inner = Objects(self.url / key)
        inner._root, inner._store = self._root, self._client
        return inner

    def upload(self, file: Path | bytes, key: str) -> None:
        """Put a file, or its content, under a key, in place of what may be there."""
        with self._understood():
            _obstore().put(self._client, self._full(key), file)

    def create(self, key: str, content: bytes) -> str | None:
        """Put a new object; returns its version, or None if the key exists. If the store's reply was lost, an object
        with exactly this content counts as ours: the content should show its writer.
        """
        return self._conditional(key, content, "create")

    def replace(self, key: str, content: bytes, version: str) -> str | None:
        """Replace this version of an object; returns the new version, or None if this version doesn't exist."""
        return self._conditional(key, content, {"e_tag": version})

    def read(self, key: str) -> tuple[bytes, Object] | None:
        """An object's content and state; None where there is none."""
        with self._understood():
            try:
                found = _obstore().get(self._client, self._full(key))
                return bytes(found.bytes()), _object(key, found.meta)
            except FileNotFoundError:
                return None

    def look(self, key: str) -> Object | None:
        """An object's state; None where there is none."""
        with self._understood():
            try:
                return _object(key, _obstore().head(self._client, self._full(key)))
            except FileNotFoundError:
                return None

    def chunks(self, key: str, version: str | None = None) -> Iterator[bytes]:
        """An object's content, piece by piece. GoneError where it, or this version of it, no longer exists."""
        exceptions = _exceptions()
        with self._understood():
            try:
                options: Any = {"if_match": version} if version else None
                found = _obstore().get(self._client, self._full(key), options=options)
                for chunk in found.stream(min_chunk_size=_CHUNK):
                    yield bytes(chunk)
            except exceptions.PreconditionError:
                raise GoneError(f"{self.url / key} was replaced") from None
            except FileNotFoundError:
                raise GoneError(f"{self.url / key} no longer exists") from None

    def download(self, key: str, into: Path) -> None:
        """Copy an object to a file, which appears whole or not at all. GoneError where there is none."""
        into.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=into.parent, prefix=".download-")
        try:
            with os.fdopen(handle, "wb") as file:
                for chunk in self.chunks(key):
                    file.write(chunk)
            Path(name).replace(into)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; missing ones are not an error."""
        full = [self._full(key) for key in keys]
        if full:
            with self._understood():
                _obstore().delete(self._client, full)

    def all(self) -> Iterator[Object]:
        """Every object below the URL, however deep, by key."""
        with self._understood():
            start = len(self._full(""))
            found = [
                _object(meta["path"][start:], meta)
                for some in _obstore().list(self._client, self._full("").rstrip("/") or None)
                for meta in some
            ]
        yield from sorted(found, key=lambda each: each.key)

    def listing(self) -> tuple[list[Object], list[str]]:
        """The objects right below the URL, by key, and the names of the folders there."""
        with self._understood():
            start = len(self._full(""))
            found = _obstore().list_with_delimiter(self._client, self._full("").rstrip("/") or None)
            objects = [_object(meta["path"][start:], meta) for meta in found["objects"]]
            folders = sorted(prefix[start:].rstrip("/") for prefix in found["common_prefixes"])
        return sorted((each for each in objects if each.key), key=lambda each: each.key), folders

    def _conditional(self, key: str, content: bytes, mode: Any) -> str | None:
        exceptions = _exceptions()
        with self._understood():
            failure: Exception
            try:
                return str(_obstore().put(self._client, self._full(key), content, mode=mode)["e_tag"])
            except (exceptions.AlreadyExistsError, exceptions.PreconditionError) as error:
                failure, refused = error, True
            except (exceptions.BaseError, OSError) as error:
                failure, refused = error, isinstance(error, FileNotFoundError) and mode != "create"
            found = self.read(key)
            if found is not None and found[0] == content:
                return found[1].version
            if refused:
                return None
            raise failure

    def _full(self, key: str) -> str:
        """A key below the client's root."""
        between = self.url.key[len(self._root.key) :].strip("/")
        return f"{between}/{key}".lstrip("/")

    @property
    def _client(self) -> ObjectStore:
        if self._store is None:
            with self._understood():
                from obstore.store import from_url

                self._store = from_url(str(self._root), retry_config=_RETRY)
        return self._store

    @contextmanager
    def _understood(self) -> Iterator[None]:
        try:
            yield
        except ImportError:
            raise ObjectStoreError(
                str(self.url), "needs a package that is not installed", "install event_assets[objects]"
            ) from None
        except GoneError:
            raise
        except Exception as error:
            if not isinstance(error, OSError) and not type(error).__module__.startswith("obstore"):
                raise
            remedy = "see that the bucket is there and AWS_* of the environment let in; nothing half-done is visible"
            raise ObjectStoreError(str(self.url), f"can't be reached ({brief(error)})", remedy) from None


def brief(error: Exception) -> str:
    """An error of an object store in one line, without the body of the reply: it may show credentials."""
    text = str(error)
    code = _CODE.search(text)
    first = text.split("<?xml")[0].split("<Error>")[0].strip().splitlines()
    return " ".join([*first[:1], *([code[1]] if code else [])])[:500].strip(" :")


def _object(key: str, meta: Any) -> Object:
    return Object(key, meta["size"], meta["e_tag"] or "", meta["last_modified"])


def _obstore() -> Any:
    import obstore

    return obstore


def _exceptions() -> Any:
    import obstore.exceptions

    return obstore.exceptions
