"""How fast and how big, against a plain script for the same work, in one run: `make bench`."""
