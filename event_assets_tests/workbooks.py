"""Excel files, written without a library, and zip archives: the same bytes each time."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

OFFICE = "http://schemas.openxmlformats.org"
MAIN, RELATIONS, PACKAGE = (
    f"{OFFICE}/spreadsheetml/2006/main",
    f"{OFFICE}/officeDocument/2006/relationships",
    f"{OFFICE}/package/2006",
)


def workbook(sheets: Mapping[str, Sequence[Sequence[str | float | None]]]) -> bytes:
    """An Excel file with these cells."""

    def cell(value: str | float | None) -> str:
        if value is None:
            return "<c/>"
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t>{escape(value)}</t></is></c>'
        return f"<c><v>{value}</v></c>"

    def link(number: int, kind: str, target: str) -> str:
        return f'<Relationship Id="r{number}" Type="{RELATIONS}/{kind}" Target="{target}"/>'

    def links(*some: str) -> str:
        return f'<Relationships xmlns="{PACKAGE}/relationships">{"".join(some)}</Relationships>'

    numbers = range(1, len(sheets) + 1)
    names = "".join(
        f'<sheet name="{name}" sheetId="{n}" r:id="r{n}"/>' for n, name in zip(numbers, sheets, strict=True)
    )
    files = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"/>',
        "_rels/.rels": links(link(1, "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>{names}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": links(*(link(n, "worksheet", f"worksheets/sheet{n}.xml") for n in numbers)),
    }
    for number, rows in zip(numbers, sheets.values(), strict=True):
        body = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
        files[f"xl/worksheets/sheet{number}.xml"] = (
            f'<worksheet xmlns="{MAIN}"><sheetData>{body}</sheetData></worksheet>'
        )
    return zipped(files)


def zipped(members: Mapping[str, bytes | str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()
