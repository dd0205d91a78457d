"""Puts off imports of libraries that other libraries load at their start and that most commands don't use.

Dagster's storage imports alembic, which only a migration uses, and `dagster._daemon`, whose `__init__` loads all
daemons of its servers: a tenth of the start of a run. Nothing is replaced: what is used is imported then.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, Final

#: Modules of whose names an import gets stand-ins, until one of them is used.
ON_USE: Final = ("alembic", "importlib.metadata", "tqdm")
#: Packages whose `__init__` runs when one of its names is used, and not when one of their modules is imported.
INIT_ON_USE: Final = ("coloredlogs", "dagster._daemon", "duckdb")


def defer_imports() -> None:
    """Put off the imports of this process that come after. A second call changes nothing."""
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    names = (*ON_USE, *INIT_ON_USE)
    sys.meta_path.insert(0, _Finder({name for name in names if name not in sys.modules}))


class _Finder:
    """Finds what is put off, as one of the finders of `sys.meta_path`."""

    def __init__(self, deferred: set[str]) -> None:
        self._deferred = deferred

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name in self._deferred and name in INIT_ON_USE:
            self._deferred.discard(name)
            spec = PathFinder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = _InitOnUse(spec.loader)  # type: ignore[assignment]  # its base class takes long to import
            return spec
        if self._of(name):
            return ModuleSpec(name, _StandIns(self), is_package=True)  # type: ignore[arg-type]
        return None

    def real(self, name: str) -> ModuleType:
        """The module itself, imported where it is not yet."""
        if deferred := self._of(name):
            self._deferred.discard(deferred)
            for module in [module for module in sys.modules if _is_in(module, deferred)]:
                del sys.modules[module]
        return importlib.import_module(name)

    def _of(self, name: str) -> str | None:
        """The module whose import is put off and in which a module is."""
        return next((deferred for deferred in self._deferred if _is_in(name, deferred)), None)


def _is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


class _StandIns:
    """Loads a module whose names are stand-ins, except those of errors, which `except` must know."""

    def __init__(self, finder: _Finder) -> None:
        self._finder = finder

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = ModuleType(spec.name)

        def stand_in(name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            found = _StandIn(lambda: getattr(self._finder.real(spec.name), name))
            return found.real() if name.endswith(("Error", "Exception", "Warning")) else found

        module.__getattr__ = stand_in  # type: ignore[method-assign]
        return module

    def exec_module(self, module: ModuleType) -> None:
        pass


class _StandIn:
    """A function or class: to call it, to derive from it or to read an attribute imports its module."""

    def __init__(self, real: Callable[[], Any]) -> None:
        self.real = real

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self.real()(*args, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real(), name)

    def __mro_entries__(self, _: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self.real(),)

    def __instancecheck__(self, value: object) -> bool:
        return isinstance(value, self.real())


class _InitOnUse:
    """Runs the `__init__` of a package when one of its names is used."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._loader

        lock, state = threading.RLock(), {"begun": False}

        def run_init(name: str) -> Any:
            with lock:  # the other threads wait until all names are there
                if not state["begun"]:
                    state["begun"] = True
                    self._loader.exec_module(module)
                    if vars(module).get("__getattr__") is run_init:
                        del module.__getattr__
                elif vars(module).get("__getattr__") is run_init:
                    raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")  # of a half-run init
            return getattr(module, name)

        module.__getattr__ = run_init  # type: ignore[method-assign]
