"""Declarations as they lie on disk, and the one-line errors of those that can't be understood."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from event_assets.declaration.dataset import Dataset
from event_assets.errors import DeclarationError

COMPONENT_TYPE = "event_assets.EventDataset"

#: In C, where PyYAML has it: ten times as fast, and every command reads all declarations.
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: Where the datasets lie that come with the package.
SHIPPED = Path(__file__).parent.parent / "defs"


def parse_dataset(attributes: object, origin: str) -> Dataset:
    """A dataset from the attributes of its YAML; `origin` is the file that the error names."""
    try:
        return Dataset.model_validate(attributes)
    except ValidationError as error:
        problems = error.errors()
        # A key that is spelt wrong is missing as well: say what stands there rather than what doesn't.
        first = next((problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0])
        key = ".".join(str(part) for part in first["loc"]) or "attributes"
        raise DeclarationError(f"{origin}: {key}", _what(first), _remedy(first, attributes)) from None


def load_dataset(path: Path) -> Dataset:
    """The dataset that one `defs.yaml` declares."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _LOADER)
    except (OSError, yaml.YAMLError) as error:
        raise DeclarationError(str(path), f"can't be read as YAML ({error})", "fix the file") from None
    if not isinstance(document, dict) or document.get("type") != COMPONENT_TYPE:
        raise DeclarationError(
            f"{path}: type", f"is not {COMPONENT_TYPE}", f"begin the file with 'type: {COMPONENT_TYPE}'"
        )
    return parse_dataset(document.get("attributes"), str(path))


def load_datasets(further: Path | None = None) -> dict[str, Dataset]:
    """Every declared dataset by name: those that ship, and those of a further folder (one `NAME/defs.yaml` each).

    DeclarationError where one can't be understood or two have one name.
    """
    found: dict[str, Dataset] = {}
    for folder in [SHIPPED, *([further] if further else [])]:
        for path in sorted(folder.glob("*/defs.yaml")):
            dataset = load_dataset(path)
            if dataset.name in found:
                raise DeclarationError(f"{path}: name", f"{dataset.name} is declared twice", "give it another name")
            found[dataset.name] = dataset
    return found


def _what(problem: Mapping[str, Any]) -> str:
    match problem["type"]:
        case "extra_forbidden":
            return "is not a key of a dataset declaration"
        case "missing":
            return "is missing"
        case _:
            text = str(problem["msg"]).removeprefix("Value error, ")
            return text[0].lower() + text[1:] if text else "is wrong"


def _remedy(problem: Mapping[str, Any], attributes: object) -> str:
    if problem["type"] == "missing":
        return "add it"
    if problem["type"] == "extra_forbidden":
        known = _known_keys(problem["loc"][:-1])
        close = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1)
        return f"did you mean {close[0]}?" if close else f"remove it; known are {', '.join(known)}"
    value = problem.get("input")
    return "fix it" if isinstance(value, (dict, list)) or value is attributes else f"fix {value!r}"


def _known_keys(location: tuple[Any, ...]) -> list[str]:
    """The keys that the part of a declaration at a location knows."""
    model: type[BaseModel] = Dataset
    for part in location:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation if part in model.model_fields else None
        parts = [annotation, *getattr(annotation, "__args__", ())]
        model = next((p for p in parts if isinstance(p, type) and issubclass(p, BaseModel)), model)
    return sorted(field.alias or name for name, field in model.model_fields.items())
