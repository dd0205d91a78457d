"""The code location: every dataset's definitions, put together. Computes nothing."""

from __future__ import annotations

from event_assets.orchestration.code_location import location_definitions

defs = location_definitions()
