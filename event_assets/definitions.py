"""The code location: every dataset's definitions, put together. Computes nothing."""

from __future__ import annotations

import gc

import dagster as dg


def _definitions() -> dg.Definitions:
    gc.disable()  # all that loading creates is kept: to look for garbage in it costs a tenth of the time
    try:
        from event_assets.orchestration.code_location import location_definitions

        return location_definitions()
    finally:
        gc.enable()


defs = _definitions()
