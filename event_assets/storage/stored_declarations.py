"""Stores each declaration by which tables were computed under its digest, so that `plan` can name the keys that
changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from event_assets.errors import LakeError
from event_assets.storage.files import Files


class Declarations:
    """JSON files `<digest>.json` in one folder of the lake; one that is there is never written again."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def keep(self, digest: str, declaration: Mapping[str, Any], staging: Path) -> None:
        """Store a declaration, where it is not stored yet. `staging` is a folder of the writer's."""
        if self.find(digest) is None:
            staged = staging / f"{digest}.json"
            staged.write_text(json.dumps(declaration, indent=1), encoding="utf-8")
            self._files.place(staged, staged.name)

    def find(self, digest: str) -> dict[str, Any] | None:
        """The declaration of a digest; None where it is not stored, or can't be read."""
        name = f"{digest}.json"
        try:
            if self._files.size(name) is None:
                return None
            return dict(json.loads(self._files.local([name])[0].read_text(encoding="utf-8")))
        except (FileNotFoundError, LakeError, ValueError, TypeError):
            return None
