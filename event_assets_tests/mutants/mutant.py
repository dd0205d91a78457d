"""A deliberate fault: one text of a module, and what takes its place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One text in one module of the package, what takes its place, and the tests that should fail then."""

    name: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]


def mutant(name: str, module: str, old: str, new: str, *tests: str) -> Mutant:
    return Mutant(name, f"event_assets/{module}", old, new, tests)
