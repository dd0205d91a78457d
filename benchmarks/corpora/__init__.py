"""Public corpora of broken files, put through landing's one door. Nothing of a corpus lies in this repository."""
