"""Synthetic input of the datasets that ship: files with all their mess, and what is known of them."""

from event_assets.synthetic.generate import RECIPES, Generated, generate
from event_assets.synthetic.supply import supply

__all__ = ["RECIPES", "Generated", "generate", "supply"]
