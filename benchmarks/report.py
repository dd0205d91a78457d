"""docs/performance.md: prose by hand, and between two markers what each benchmark found last."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs" / "performance.md"
_TITLE = "# Performance\n"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; all columns but the first are numbers and stand to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def write_section(docs: Path, name: str, text: str) -> None:
    """Put the text between the markers of a section, which stands at the end where it is new."""
    begin, end = f"<!-- measured: {name} -->", f"<!-- end: {name} -->"
    section = f"{begin}\n{text.strip()}\n{end}"
    page = docs.read_text(encoding="utf-8") if docs.exists() else _TITLE
    if begin in page:
        page = re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: section, page, flags=re.DOTALL)
    else:
        page = f"{page.rstrip()}\n\n{section}\n"
    docs.parent.mkdir(parents=True, exist_ok=True)
    docs.write_text(page, encoding="utf-8")


def bars(docs: Path, name: str, title: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """Draw groups (such as sizes) of bars (such as scripts), and give the Markdown that shows the picture."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = name  # the same figures are the same file
    from matplotlib import pyplot as plt

    labels = list(dict.fromkeys(label for bars_ in groups.values() for label in bars_))
    figure, axes = plt.subplots(figsize=(7, 0.5 + 0.32 * len(labels) * len(groups)))
    height = 0.8 / len(groups)
    for place, (group, values) in enumerate(groups.items()):
        at = [number + (place - (len(groups) - 1) / 2) * height for number in range(len(labels))]
        drawn = axes.barh(at, [values.get(label, 0.0) for label in labels], height * 0.9, label=group)
        axes.bar_label(drawn, fmt="%.3g", padding=3, fontsize=8)
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_title(title, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)
    if len(groups) > 1:
        axes.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    picture = docs.parent / "img" / f"performance-{name}.svg"
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, metadata={"Date": None})
    plt.close(figure)
    return f"![{title}](img/{picture.name})"
