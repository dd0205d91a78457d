"""Drafts a dataset's declaration from a sample file: what `event-assets init` writes, to be read and edited.

Nothing here decides anything about data: a draft is a proposal, and landing goes by what is declared.
"""

from event_assets.draft.declaration import Draft, draft

__all__ = ["Draft", "draft"]
