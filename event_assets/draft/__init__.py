"""Drafts a dataset's declaration from sample files: what `event-assets init` writes, to be read and edited.

A draft decides nothing about data: it is a proposal, and landing follows the declaration.
"""

from event_assets.draft.declaration import Draft, draft

__all__ = ["Draft", "draft"]
