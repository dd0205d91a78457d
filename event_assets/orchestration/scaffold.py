"""`dg scaffold defs event_assets.EventDataset NAME`: a complete declaration, drafted from a sample file if given."""

from __future__ import annotations

import tempfile
from pathlib import Path

import dagster as dg
from pydantic import BaseModel, Field

from event_assets.draft import draft
from event_assets.errors import DeclarationError, EventAssetsError

#: What a dataset is drafted from without a sample: the columns that most exports have.
_EXAMPLE = """\
user_id,event_type,time,page,price
u1,view,2025-01-01T10:00:00Z,/home,
u2,view,2025-01-01T10:05:00Z,/home,
u1,buy,2025-01-01T10:07:30Z,/cart,19.90
"""
_HEAD = """\
# An example: no sample was given. Make its columns those of your files, read each line marked CHECK, then
# drop files into the inbox's folder {name}/ and run: event-assets run {name}
"""


class ScaffoldParameters(BaseModel):
    """What the command takes beside the name."""

    sample: str | None = Field(
        default=None,
        description="A file (or a folder of files) such as the dataset gets, to draft from.",
    )


class EventDatasetScaffolder(dg.Scaffolder[ScaffoldParameters]):
    """Writes NAME/defs.yaml, to be read and edited: lines marked CHECK are guesses."""

    @classmethod
    def get_scaffold_params(cls) -> type[ScaffoldParameters]:
        return ScaffoldParameters

    def scaffold(self, request: dg.ScaffoldRequest[ScaffoldParameters]) -> None:
        name, path = request.target_path.name, request.target_path / "defs.yaml"
        if request.scaffold_format != "yaml":
            raise DeclarationError("--format python", "is not supported", "leave it out: a dataset is declared in YAML")
        try:
            text = self._text(name, request.params.sample)
        except EventAssetsError as error:
            raise dg.DagsterInvalidDefinitionError(str(error)) from None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")

    def _text(self, name: str, sample: str | None) -> str:
        if sample is not None:
            return draft(name, Path(sample).expanduser()).text
        with tempfile.TemporaryDirectory() as folder:
            example = Path(folder) / f"{name}_2025-01-01.csv"
            example.write_text(_EXAMPLE, encoding="utf-8")
            text = draft(name, example).text.replace(f"Events as in {example.name}.", f"Events of {name}.")
        return _HEAD.format(name=name) + text[text.index("type: ") :]  # its own head tells of a sample
