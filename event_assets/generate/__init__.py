"""Synthetic input of the datasets that ship: files with all their mess, and what is known of them."""

from event_assets.generate.make import Generated, generate
from event_assets.generate.registry import RECIPES
from event_assets.generate.supply import supply

__all__ = ["RECIPES", "Generated", "generate", "supply"]
