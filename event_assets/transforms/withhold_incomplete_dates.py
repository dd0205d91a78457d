"""Wraps a gold transform so that dates on hold (`expect.hold`) have no rows until their files are complete."""

from __future__ import annotations

from collections.abc import Collection
from functools import wraps

from event_assets.transforms.interface import Inputs, Outputs, Scope, Transform


def empty_where_held(transform: Transform, by_date: Collection[str], on_hold: str) -> Transform:
    """The transform over inputs without the rows of dates on hold.

    `by_date` names its inputs that have dates; the input `on_hold` has a row (event_date) for each of the scope's own
    dates that is on hold.
    """

    @wraps(transform)
    def made(inputs: Inputs, scope: Scope) -> Outputs:
        kept = {
            name: frame.join(inputs[on_hold], on="event_date", how="anti") if name in by_date else frame
            for name, frame in inputs.items()
            if name != on_hold
        }
        return transform(kept, scope)

    return made
