"""Load declarations from disk; one-line errors for those that can't be understood."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from event_assets.declaration.dataset import Dataset
from event_assets.declaration.messages import problem_of, yaml_problem
from event_assets.errors import DeclarationError

COMPONENT_TYPE = "event_assets.EventDataset"

#: In C, where PyYAML has it: ten times as fast, and every command reads all declarations.
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: The folder of the datasets that come with the package.
SHIPPED = Path(__file__).parent.parent / "defs"
#: The keys of a component's file. Dagster reads all keys but `attributes`.
_TOP_KEYS = ("type", "attributes", "template_vars_module", "requirements", "post_processing")
#: Deeper than any declaration; PyYAML builds what it reads by calling itself.
_MAX_DEPTH = 50


class _Loader(_LOADER):  # type: ignore[misc, valid-type]
    """Reports keys that are written twice; YAML silently takes the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and keys.count(key.value) > 1:
                line = max(other.start_mark.line for other, _ in node.value if other.value == key.value)
                raise DeclarationError(f"line {line + 1}: {key.value}", "is written twice", "remove one of the two")
        made: dict[Any, Any] = super().construct_mapping(node, deep)
        return made


def parse_dataset(attributes: object, origin: str) -> Dataset:
    """A dataset from the attributes of its YAML; `origin` is the file that the error names."""
    try:
        return Dataset.model_validate(attributes)
    except ValidationError as error:
        problems = error.errors()
        # A key that is spelt wrong is missing as well: report what is there rather than what isn't.
        first = next((problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0])
        key = ".".join(str(part) for part in _as_written(first["loc"], attributes)) or "attributes"
        raise DeclarationError(f"{origin}: {key}", *problem_of(first, attributes)) from None


def load_dataset(path: Path) -> Dataset:
    """The dataset that one `defs.yaml` declares."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DeclarationError(str(path), f"can't be read ({error})", "write it as a text in UTF-8") from None
    return _of_text(text, path)


@lru_cache(maxsize=256)  # a run reads all declarations again at its end, for the warehouse
def _of_text(text: str, path: Path) -> Dataset:
    try:
        document = read_yaml(text)
    except DeclarationError as error:
        raise DeclarationError(f"{path}: {error.culprit}", error.state, error.remedy) from None
    except (yaml.YAMLError, ValueError) as error:  # a date of a 13th month is a ValueError
        line, state, remedy = yaml_problem(error)
        raise DeclarationError(": ".join(filter(None, (str(path), line))), state, remedy) from None
    if not isinstance(document, dict) or document.get("type") != COMPONENT_TYPE:
        raise DeclarationError(
            f"{path}: type", f"is not {COMPONENT_TYPE}", f"begin the file with 'type: {COMPONENT_TYPE}'"
        )
    for key in document:
        if key not in _TOP_KEYS:
            raise DeclarationError(
                f"{path}: {key}",
                "is not a key of the file",
                f"write it below attributes, or remove it; the keys are {', '.join(_TOP_KEYS)}",
            )
    return parse_dataset(document.get("attributes"), str(path))


def read_yaml(text: str) -> Any:
    """The one document of a YAML text. DeclarationError (which names the line) where a key is written twice or values
    are nested too deeply, YAMLError where it is no YAML."""
    depth = 0
    for event in yaml.parse(text, _LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            line = event.start_mark.line + 1 if event.start_mark else "?"
            raise DeclarationError(f"line {line}", f"is nested deeper than {_MAX_DEPTH} levels", "close the brackets")
    return yaml.load(text, _Loader)


class Datasets(dict[str, Dataset]):
    """The declared datasets by name, and why others could not be loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: dict[str, DeclarationError] = {}
        """Folder of a declaration to its error. Its dataset alone is stopped; the others load and run."""
        self.shipped: list[str] = []
        """The names of those that come with the package."""


def load_datasets(further: Path | None = None, *, check: Callable[[Dataset], object] | None = None) -> Datasets:
    """Every declared dataset by name: the shipped datasets, and those in a further folder (one `NAME/defs.yaml` each).

    A declaration that can't be understood, that has the name of an earlier one, or for which `check` raises
    DeclarationError, is among the `failures`.
    """
    found = Datasets()
    for folder in [SHIPPED, *([further] if further else [])]:
        for path in sorted(folder.glob("*/defs.yaml")):
            try:
                dataset = load_dataset(path)
                if dataset.name in found:
                    state = f"{dataset.name} is declared twice"
                    raise DeclarationError(f"{path}: name", state, "give it another name")
                if check:
                    _check(dataset, path, check)
            except DeclarationError as error:
                found.failures[path.parent.name] = error
            else:
                found[dataset.name] = dataset
                if folder == SHIPPED:
                    found.shipped.append(dataset.name)
    return found


def _check(dataset: Dataset, path: Path, check: Callable[[Dataset], object]) -> None:
    try:
        check(dataset)
    except DeclarationError as error:
        key = error.culprit.removeprefix(f"{dataset.name}: ")
        raise DeclarationError(f"{path}: {key}", error.state, error.remedy) from None


def _as_written(location: tuple[Any, ...], attributes: object) -> tuple[Any, ...]:
    """The place of a problem in the YAML: a single block is written without a list, a shorthand without its parts."""
    if len(location) > 1 and location[0] in ("events", "profiles") and location[1] == 0:
        written = attributes.get(location[0]) if isinstance(attributes, dict) else None
        if not isinstance(written, list):
            location = (location[0], *location[2:])
    # Pydantic names the kinds of a union, too.
    kinds = ("function-", "tuple[", "constrained-", "Excluding")
    return tuple(part for part in location if not str(part).startswith(kinds) and part != "str")
