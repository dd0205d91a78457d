"""Digests of rules: the same on every machine and version."""

from __future__ import annotations

import hashlib
import json


def digest(*values: object, length: int = 16) -> str:
    """A short hexadecimal digest of plain JSON values; the same on every machine and version."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:length]
