"""Mutants: deliberate faults, each of which some test has to notice (see run.py)."""
