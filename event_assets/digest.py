"""Digests of rules: the same on every machine and version."""

from __future__ import annotations

import hashlib
import json

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)


def digest(*values: object, length: int = 16) -> str:
    """A short hexadecimal digest of plain JSON values; the same on every machine and version."""
    return hashlib.sha256(_ENCODER.encode(values).encode()).hexdigest()[:length]
