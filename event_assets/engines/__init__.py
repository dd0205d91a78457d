"""What runs the transforms: for each engine how its frames are scanned and computed, and the ports it lends them.

No table's meaning lives here (`transforms/`), nothing is published (`storage/`): an engine leaves staged files.
"""
