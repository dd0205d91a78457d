"""The recipes by dataset."""

from __future__ import annotations

from collections.abc import Mapping

from event_assets.synthetic import activity, app_events, benefits, shop, streaming
from event_assets.synthetic.recipe import Recipe

RECIPES: Mapping[str, Recipe] = {
    "app_events": app_events.RECIPE,
    "benefits": benefits.RECIPE,
    "streaming": streaming.RECIPE,
    "activity": activity.RECIPE,
    "shop": shop.RECIPE,
}
